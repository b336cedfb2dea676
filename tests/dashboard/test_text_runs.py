"""Pages of runs that measured models of texts: the texts stand where pictures would."""

import re
from pathlib import Path

import pytest
from made_texts import save_classifier
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from usable_core import evaluate_accuracy
from usable_core.cli import app


def look_at(reference):
    answer = CliRunner().invoke(app, ["look", "--dataset", reference])
    assert answer.exit_code == 0, answer.output
    return re.search(r"Run (\w+)", answer.output)[1]


HOME = Path(__file__).parents[2] / "dashboard" / "Home.py"
ODD = "<script>alert(1)</script> \u202eodd *stars* `code`"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two models of texts, and a table of texts on which they are asked."""
    folder = tmp_path_factory.mktemp("texts")
    for name, kind in (("one", "bert"), ("two", "gpt2")):
        save_classifier(folder / name, kind, seed=2)
    rows = "".join(
        f'"{text} number {i}",{label}\n'
        for i in range(8)
        for text, label in ((ODD, "calm"), ("so angry", "angry"), ("sad news", "sad"))
    )
    (folder / "a.csv").write_text(f"text,label\n{rows}", encoding="utf-8")
    return folder


@pytest.fixture
def runs(made, monkeypatch, tmp_path):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path))
    for name in ("one", "two"):
        evaluate_accuracy(f"hf/{made / name}", made / "a.csv", store=True)
    return made


def said(at):
    found = [*(m.value for m in at.markdown), *(c.value for c in at.caption)]
    return " ".join([*found, *(h.value for h in at.header), *(s.value for s in at.subheader)])


def test_wrong_texts_stand_where_wrong_pictures_would(runs):
    at = AppTest.from_file(str(HOME), default_timeout=60)
    at.query_params["models"] = f"hf/{runs / 'one'}"
    at.query_params["data"] = str(runs / "a.csv")
    at.switch_page("app_pages/accuracy.py").run()
    for button in at.button:
        if "Open what" in button.label:
            button.click().run()
            break

    assert not at.exception
    shown = said(at)
    assert "24 texts" in shown
    assert "number" in shown
    assert "202E⟩" in shown
    assert "\\*stars\\*" in shown  # no Markdown of a stranger's is drawn
    assert "<script>" not in shown


def test_texts_that_tell_models_apart_stand_on_compare(runs):
    at = AppTest.from_file(str(HOME), default_timeout=60)
    at.switch_page("app_pages/compare.py").run()

    assert not at.exception
    assert "Texts that tell the models apart" in said(at)


def test_the_data_page_shows_texts_of_each_class(runs):
    run = look_at(str(runs / "a.csv"))
    at = AppTest.from_file(str(HOME), default_timeout=60)
    at.query_params["run"] = run
    at.switch_page("app_pages/data.py").run()

    assert not at.exception
    shown = said(at)
    assert "24 examples in 3 classes" in shown
    assert "so angry number 1" in shown
    assert "202E⟩" in shown
