"""Consoles that do not know our signs or the user's names: Windows, cron, Docker with LANG=C."""

import io
import json
import sys

import pytest

from usable_core.cli.output import answer, let_consoles_be_plain, remark, table

# The last holds a name of a file in another encoding, as Python decodes it.
SAID = "ε ≤ 4/255, R² of naïve 日本 and caf\udce9"
CONSOLES = ["ascii", "cp1252", "cp437", "koi8-r", "shift_jis", "latin-1", "utf-8", "utf-16"]


every_console = pytest.mark.parametrize("encoding", CONSOLES)


def console(encoding, monkeypatch):
    """Give standard output and error an encoding; a call tells the text of one of them."""
    streams = [io.TextIOWrapper(io.BytesIO(), encoding, newline="\n") for _ in range(2)]
    monkeypatch.setattr(sys, "stdout", streams[0])
    monkeypatch.setattr(sys, "stderr", streams[1])
    let_consoles_be_plain()

    def text(number=0):
        streams[number].flush()
        return streams[number].buffer.getvalue().decode(encoding)

    return text


@every_console
def test_an_answer_is_printed_with_what_the_console_has(encoding, monkeypatch):
    said = console(encoding, monkeypatch)
    answer({}, None, [SAID, table("ε", rows=[["日本"]])])
    remark(SAID)

    for text in (said(0), said(1)):
        assert "4/255" in text
        assert "of na" in text
        assert "\\udce9" in text


@every_console
def test_the_signs_of_ours_become_words_where_there_are_none(encoding, monkeypatch):
    said = console(encoding, monkeypatch)
    answer({}, None, ["ε ≤ 1, R²"])

    assert said().replace("ε", "eps").replace("≤", "<=").replace("²", "2") == "eps <= 1, R2\n"


@every_console
def test_names_that_a_console_lacks_stay_apart(encoding, monkeypatch):
    said = console(encoding, monkeypatch)
    answer({}, None, ["写真", "猫"])

    assert len(set(said().split())) == 2


@every_console
def test_json_says_the_same_on_every_console_and_in_a_file(encoding, monkeypatch, tmp_path):
    said = console(encoding, monkeypatch)
    answer({"name": SAID}, "-")
    answer({"name": SAID}, str(tmp_path / "answer.json"))

    assert json.loads(said()) == {"name": SAID}
    assert json.loads((tmp_path / "answer.json").read_text("utf-8")) == {"name": SAID}
