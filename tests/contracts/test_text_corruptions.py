"""Corruptions of texts: what they change, how much of it, and what a model then answers."""

import re
import unicodedata

import numpy as np
import pytest
from made_texts import save_classifier
from typer.testing import CliRunner

from usable_core import evaluate_corruption, load_dataset, load_model
from usable_core.catalog import implementation
from usable_core.catalog.text_corruptions import TEXT_CORRUPTIONS, kind_of
from usable_core.cli import app
from usable_core.errors import ConfigError
from usable_core.evaluations.corruption import SEVERITIES, CorruptionConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.randomness import example_seeds
from usable_core.word_corruptions.corruption import RATES

TEXT = (
    "It is true that people do not read much, but they have seen what isn't there; and that's "
    "why the old library, which nobody visits on Sundays, will not close before the summer ends."
)
ODD = [
    "a",
    "I",
    "…",
    "42",
    "日本語のテキスト",
    "naïve café",
    "a-b",
    "!?",
    "x " * 300,
    "ok\nnew line\n",
]
FUNCTIONS = {name: implementation(row.function) for name, row in TEXT_CORRUPTIONS.items()}


def words(text):
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)*", text)


@pytest.mark.parametrize("name", TEXT_CORRUPTIONS)
def test_it_is_the_same_for_the_same_seed_and_another_for_another(name):
    corrupt = FUNCTIONS[name]

    found = {corrupt(TEXT, 4, seed) for seed in range(20)}

    assert [corrupt(TEXT, 4, seed) for seed in range(5)] == [
        corrupt(TEXT, 4, seed) for seed in range(5)
    ]
    assert len(found) > (1 if name != "cut_off" else 0)
    with pytest.raises(ValueError, match="severity"):
        corrupt(TEXT, 6, 0)


@pytest.mark.parametrize("name", TEXT_CORRUPTIONS)
@pytest.mark.parametrize("text", ODD)
def test_it_leaves_something_of_any_text(name, text):
    for severity in SEVERITIES:
        for seed in range(5):
            assert FUNCTIONS[name](text, severity, seed).strip()


BY_WORD = ("keyboard_typo", "letter_missing", "letter_twice", "upper_case")


@pytest.mark.parametrize("name", BY_WORD)
@pytest.mark.parametrize(("severity", "rate"), zip(SEVERITIES, RATES, strict=True))
def test_its_severity_is_the_share_of_words_that_it_changes(name, severity, rate):
    before = words(TEXT.lower())

    shares = []
    for seed in range(300):
        after = words(FUNCTIONS[name](TEXT.lower(), severity, seed))
        assert len(after) == len(before)
        shares.append(np.mean([a != b for a, b in zip(before, after, strict=True)]))

    single = np.mean([len(w) == 1 for w in before]) if name == "letter_missing" else 0
    assert np.mean(shares) == pytest.approx(rate * (1 - single), rel=0.12)


def test_each_does_what_it_is_called():
    small = TEXT.lower()

    def at_most(name, text=small, severity=5):
        return FUNCTIONS[name](text, severity, 1)

    assert at_most("upper_case").lower() == small != at_most("upper_case")
    assert at_most("mixed_case").lower() == small != at_most("mixed_case")
    assert at_most("space_within").replace(" ", "") == small.replace(" ", "")
    assert at_most("space_missing").replace(" ", "") == small.replace(" ", "")
    assert (
        at_most("space_missing").count(" ") < small.count(" ") < at_most("space_within").count(" ")
    )
    assert words(at_most("signs_missing").replace("'", "")) == words(small.replace("'", ""))
    assert "," not in at_most("signs_missing")
    assert sorted(words(at_most("word_order"))) == sorted(words(small))
    assert words(at_most("word_order")) != words(small)
    more = len(words(at_most("word_twice"))) - len(words(small))
    assert abs(more - 0.4 * len(words(small))) < 1
    gone = len(words(small)) - len(words(at_most("word_missing")))
    assert abs(gone - 0.4 * len(words(small))) < 1
    assert small.startswith(at_most("cut_off"))
    assert len(words(at_most("cut_off"))) == len(words(small)) - round(0.4 * len(words(small)))
    assert sorted(at_most("letter_swap")) == sorted(small)
    assert len(at_most("letter_twice")) > len(small) > len(at_most("letter_missing"))
    assert any(unicodedata.name(c).startswith("CYRILLIC") for c in at_most("homoglyph"))
    assert re.search(r"[01569]", at_most("scan"))
    said = at_most("contraction")
    assert said == (
        small.replace("it is", "it's")
        .replace("do not", "don't")
        .replace("they have", "they've")
        .replace("isn't", "is not")
        .replace("that's", "that is")
        .replace("will not", "won't")
    )


def test_a_typo_is_a_neighbouring_key():
    found = [FUNCTIONS["keyboard_typo"]("Good", 5, seed) for seed in range(200)]

    changed = {one for one in found if one != "Good"}
    assert changed
    near = {"o": "iplk0", "d": "serfcx", "g": "ftyhbv"}
    for one in changed:
        ((a, b),) = [(a, b) for a, b in zip("Good", one, strict=True) if a != b]
        assert b.lower() in near[a.lower()]
        assert a.isupper() == b.isupper()


@pytest.fixture
def asked(tmp_path):
    save_classifier(tmp_path / "model", "bert", max_position_embeddings=200)
    rows = "".join(f'"{TEXT} {i}",{"calm" if i % 2 else "sad"}\n' for i in range(6))
    (tmp_path / "a.csv").write_text(f"text,label\n{rows}")
    return load_model(tmp_path / "model"), tmp_path / "a.csv"


def test_records_are_the_models_answers_to_the_corrupted_texts(asked):
    model, path = asked
    names = ("keyboard_typo", "word_missing")

    result = evaluate_corruption(model, path, corruptions=names, severities=(1, 5), seed=3)

    data = load_dataset(path)
    classes = result.provenance.class_names
    for row in result.records.to_dict("records"):
        seed = int(example_seeds([row["id"]], 3)[0])
        text = FUNCTIONS[row["corruption"]](data[row["index"]][0], row["severity"], seed)
        first = model.predict(text, top=1)[0][0]
        assert classes[row["prediction"]] == first.name
        assert row["confidence"] == pytest.approx(first.probability, abs=1e-5)
        assert row["text"] == data[row["index"]][0]
    assert len(result.records) == 6 * 2 * 2
    assert result.kind == "text"


def test_what_the_tokenizer_does_not_let_through_is_told(asked, tmp_path):
    model, _ = asked
    (tmp_path / "b.csv").write_text("text,label\nAll upper,calm\nNothing here,sad\n")

    result = evaluate_corruption(
        model, tmp_path / "b.csv", corruptions=("contraction", "letter_twice"), severities=(5,)
    )

    told = [w for w in result.provenance.warnings if "reads most texts as before" in w]
    assert len(told) == 1
    assert "Contraction 100 %" in told[0]
    assert "Letter twice" not in told[0]


def test_corruptions_are_of_what_the_model_takes(asked):
    model, path = asked

    with pytest.raises(ConfigError, match="--corruption texts"):
        evaluate_corruption(model, path)
    with pytest.raises(ConfigError, match="--corruption common"):
        evaluate_corruption("bundled/vgg_digits", "digits", corruptions=("scan",), limit=10)
    with pytest.raises(ConfigError, match="all of pictures or all of texts"):
        CorruptionConfig(ModelSpec("a"), DatasetSpec("b"), ("fog", "scan"))


def test_the_command_line_takes_all_of_them_by_one_word(asked):
    model, path = asked

    said = ["evaluate", "corruption", "--model", model.name, "--dataset", str(path)]
    said += ["--corruption", "texts", "--severity", "5"]

    answer = CliRunner().invoke(app, said)

    assert answer.exit_code == 0, answer.output
    for row in TEXT_CORRUPTIONS.values():
        assert row.title in answer.output


def test_every_row_is_told_apart_from_those_of_pictures():
    assert {kind_of(name) for name in TEXT_CORRUPTIONS} == {"text"}
    assert kind_of("fog") == "picture"
