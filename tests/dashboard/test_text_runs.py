"""Pages of runs that measured models of texts: the texts stand where pictures would."""

from pathlib import Path

import pytest
from made_texts import save_classifier
from streamlit.testing.v1 import AppTest

from usable_core import evaluate_accuracy

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


def page(name, made, *models):
    at = AppTest.from_file(str(HOME), default_timeout=60)
    at.switch_page(f"app_pages/{name}.py").run()
    at.multiselect(key="models").set_value([f"hf/{made / one}" for one in models]).run()
    return at


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
