"""Texts and names of classes that mean something to a terminal, a page or a spreadsheet."""

import json
import re

import pytest
from made_hostile_data import NAMES
from made_texts import save_classifier
from typer.testing import CliRunner

from usable_core import (
    ExplainerOptions,
    explain_methods,
    load_dataset,
    load_model,
)
from usable_core.cli import app
from usable_core.errors import TextRefused
from usable_core.plots.notebook import view_html

TEXTS = {
    "a formula": "=cmd|' /C calc'!A0 rain",
    "a sum": "+1+1 @SUM(1) -2",
    "turned": "\u202eevil\u202c text \u2066x\u2069",
    "a zero": "a \x00 nul",
    "a terminal's": "\x1b[31mred\x1b[0m \x07\x9b2J",
    "20,000 letters": "x" * 20_000,
    "20,000 characters": "word " * 4000,
    "unknown words": "ᚠᚢᚦ 𒀀𒁀",
    "mixed scripts": "Привет мир مرحبا 你好 hello",
    "markup": "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "Markdown": "![x](http://a.example/x.png) [c](javascript:alert(1)) $x$ :material/home:",
    "signs upon signs": "Z" + "\u0301" * 500,
    "joined signs": "👩\u200d👩\u200d👧 🏳️\u200d🌈",
    "unseen": "\u200b\u200b\ufeff",
    "lines": "a\n\nb\r\nc\td",
}
REFUSED = {
    "empty": "",
    "spaces": " \u3000\u00a0 ",
    "half a character": "half \ud800 char",
    "too long": "y" * 1_000_001,
}
ODD = [name for name in NAMES if name.strip() == name and name.casefold() not in ("null", "nan")]
METHODS = ("kernel_shap", "occlusion", "integrated_gradients", "attention_rollout")
FEW = ExplainerOptions(evaluations=130)


def unprintable(text):
    """Signs that a screen would act on, or not show."""
    return {c for c in text if not c.isprintable() and c != "\n"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    save_classifier(folder, "bert", classes=("calm", "angry"), max_position_embeddings=64)
    return folder


@pytest.mark.parametrize("text", TEXTS.values(), ids=list(TEXTS))
def test_each_text_is_explained_and_shown_without_being_run(text, model):
    refusals = []

    found = explain_methods(
        load_model(model),
        text,
        methods=METHODS,
        options=FEW,
        evidence=len(text) < 10_000,
        on_refusal=lambda method, error: refusals.append(method),
    )

    assert [one.method for one in found] == list(METHODS)
    assert not refusals
    for one in found:
        assert one.values.shape == (1, len(one.words))
        page = view_html(one)
        assert not unprintable(page)
        rest = re.sub(
            r"</?(figure|p|span|br|figcaption|b)( (title|style)=\"[^\"<>]*\")*>", "", page
        )
        assert "<" not in rest


@pytest.mark.parametrize("text", REFUSED.values(), ids=list(REFUSED))
def test_what_is_no_text_is_refused_by_explanations_and_predictions(text, model):
    for ask in (lambda m: explain_methods(m, text, methods=METHODS), lambda m: m.predict([text])):
        with pytest.raises(TextRefused):
            ask(load_model(model))


@pytest.fixture
def table(tmp_path):
    rows = [*TEXTS.values(), *REFUSED.values(), *(f"a film number {k}" for k in range(20))]
    lines = [
        json.dumps({"text": text, "label": ("calm", "angry")[k % 2]}) for k, text in enumerate(rows)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path / "a.jsonl"


@pytest.mark.parametrize(
    "verb",
    [
        ["look"],
        ["evaluate", "accuracy", "--model", "{model}"],
        ["evaluate", "corruption", "--model", "{model}", "--corruption", "texts"],
    ],
    ids=lambda verb: verb[1] if len(verb) > 1 else verb[0],
)
def test_each_verb_takes_what_can_be_read_and_says_what_not(verb, model, table, tmp_path):
    asked = [word.format(model=f"hf/{model}") for word in verb]

    answer = CliRunner().invoke(
        app, [*asked, "--dataset", str(table), "--json", str(tmp_path / "out.json")]
    )

    assert answer.exit_code == 0, answer.output
    assert not unprintable(answer.output)
    data = load_dataset(table)
    assert [data[i][0] for i in range(len(data))][1:3] == [TEXTS["a sum"], TEXTS["turned"]]
    assert len(data) == len(TEXTS) + 20
    assert len(data.refused) == len(REFUSED)
    assert json.loads((tmp_path / "out.json").read_text())
    said = " ".join(answer.output.split())
    assert "left out" in said.casefold()


def test_names_of_classes_are_shown_as_they_are_and_are_no_commands(tmp_path):
    save_classifier(tmp_path / "odd", "bert", classes=ODD)
    rows = [{"text": f"a film {k}", "label": ODD[k % len(ODD)]} for k in range(3 * len(ODD))]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    asked = ["--model", f"hf/{tmp_path / 'odd'}"]

    measured = CliRunner().invoke(
        app, ["evaluate", "accuracy", *asked, "--dataset", str(tmp_path / "a.jsonl")]
    )
    shown = CliRunner().invoke(
        app,
        ["explain", *asked, "--text", "a film", "--target", "=1+1", "--out", str(tmp_path / "out")],
    )

    for answer in (measured, shown):
        assert answer.exit_code == 0, answer.output
        assert not unprintable(answer.output)
    pages = [path.read_text(encoding="utf-8") for path in (tmp_path / "out").glob("*.html")]
    assert pages
    assert not any("<img src" in page for page in pages)


def test_one_text_that_is_too_long_leaves_the_table_to_the_others(tmp_path):
    rows = "".join(f"film {k},{('calm', 'angry')[k % 2]}\n" for k in range(4))
    long = f"{'x' * 200_000},calm\n{'y' * 1_000_001},angry\n"
    (tmp_path / "a.csv").write_text(f"text,label\n{rows}{long}")

    data = load_dataset(tmp_path / "a.csv")

    assert len(data) == 5
    assert "1,000,001" in data.refused[0].reason
