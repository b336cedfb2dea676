"""Where an answer cannot go: noticed before the work, said in a sentence, never a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from usable_core import cli, jobs

ROOT = Path(__file__).parents[2]
ASK = ["evaluate", "accuracy", "--model", "bundled/vgg_digits", "--dataset", "digits"]
EXPLAIN = ["explain", "--image", "a.png", "--model", "bundled/vgg_digits"]
CALIBRATE = ["calibrate", "--model", "bundled/vgg_digits", "--dataset", "digits"]


def refused_places(tmp_path):
    (tmp_path / "file").write_text("{}")
    (tmp_path / "list.json").write_text("[1]")
    (tmp_path / "loop").symlink_to("loop")
    return {
        "a folder": tmp_path,
        "in a file": tmp_path / "file" / "answer.json",
        "a link to itself": tmp_path / "loop",
        "a name that is too long": tmp_path / ("x" * 300),
        "no name": "",
        "a kernel's folder": "/proc/answer.json",
    }


PLACES = ["a folder", "in a file", "a link to itself", "a name that is too long", "no name"]


@pytest.fixture
def no_work(monkeypatch):
    """Whoever begins to work fails the test."""

    def work(*_, **__):
        raise AssertionError("the work began")

    monkeypatch.setattr(jobs, "run_here", work)
    monkeypatch.setattr("usable_core.api.calibrate", work)
    monkeypatch.setattr("usable_core.cli.explain.model_of", work)


@pytest.mark.parametrize("place", [*PLACES, "a kernel's folder"])
@pytest.mark.parametrize(
    "words", [ASK, EXPLAIN, CALIBRATE], ids=["evaluate", "explain", "calibrate"]
)
def test_json_that_cannot_be_written_is_noticed_before_the_work(
    tmp_path, capsys, no_work, words, place
):
    target = refused_places(tmp_path)[place]

    assert cli.main([*words, "--json", str(target)]) == 2

    out, err = capsys.readouterr()
    assert "cannot be written: " in err
    assert (out, err.count("\n")) == ("", 1)


def test_a_place_that_can_be_written_is_left_as_it_was_by_the_look(tmp_path, capsys):
    (tmp_path / "kept.json").write_text("what it held")
    for name in ("kept.json", "new/deep/new.json"):
        assert cli.main([*ASK, "--limit", "0", "--json", str(tmp_path / name)]) == 2

    assert (tmp_path / "kept.json").read_text() == "what it held"
    assert not (tmp_path / "new" / "deep" / "new.json").exists()
    assert cli.main(["runs", "list", "--json", str(tmp_path / "new" / "deep" / "new.json")]) == 0
    assert json.loads((tmp_path / "new" / "deep" / "new.json").read_text())["total"] == 0


@pytest.mark.parametrize("place", ["in a file", "a name that is too long", "a kernel's folder"])
def test_a_folder_of_maps_that_cannot_be_written_is_noticed_before_the_work(
    tmp_path, capsys, no_work, place, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # where the picture is, which is looked for first
    Image.new("RGB", (8, 8)).save("a.png")
    target = refused_places(tmp_path)[place]

    assert cli.main([*EXPLAIN, "--out", str(target)]) == 2

    assert f"{target} cannot be written: " in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nowhere.json", "list.json", "loop", "."])
def test_a_card_that_cannot_take_a_calibration_is_noticed_before_the_work(
    tmp_path, capsys, no_work, name
):
    refused_places(tmp_path)

    assert cli.main([*CALIBRATE, "--card", str(tmp_path / name)]) == 2

    assert capsys.readouterr().err.startswith(f"The card {tmp_path / name} ")


def shell(words, redirections):
    """Return status and standard error of a command whose streams go elsewhere."""
    line = f'"{sys.executable}" -m usable_core.cli {words} {redirections}'
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
@pytest.mark.parametrize(
    ("redirections", "why"),
    [(">/dev/full", "No space left on device"), (">&-", "standard output is closed")],
)
def test_an_answer_that_cannot_be_printed_is_a_sentence(redirections, why):
    status, err = shell("datasets --json -", redirections)

    assert (status, err) == (2, f"The answer cannot be printed: {why}.\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is full")
def test_an_answer_comes_also_where_nobody_hears_the_remarks():
    assert shell("runs show nothing", "2>&-") == (2, "")
    assert shell("datasets", "2>/dev/full") == (0, "")


def test_words_that_are_no_text_are_a_sentence():
    for words in (["runs", "show", b"\xff"], [*ASK[:4], "--dataset", b"v\xf6gel"]):
        done = subprocess.run(
            [sys.executable, "-m", "usable_core.cli", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 2
        assert b"\\ud" in done.stderr
        assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("limit", ["0", "-1", str(10**20), str(2**63), "1e3", "many"])
def test_a_limit_that_is_none_is_a_sentence(capsys, limit):
    for option in ("--limit", "--offset"):
        if (option, limit) != ("--offset", "0"):
            assert cli.main(["runs", "list", option, limit]) == 2
            err = capsys.readouterr().err
            assert option in err
            assert err.count("\n") == 1
