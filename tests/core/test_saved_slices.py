"""Slices in words: read as they are written, kept under names, and every number of theirs."""

import numpy as np
import pandas as pd
import pytest
from made_results import accuracy_result, robustness_result

import usable_core as usable
from usable_core import saved_slices
from usable_core.cli import main
from usable_core.errors import ConfigError, UnknownName
from usable_core.runs.store import RunStore
from usable_core.verdicts.conditions import Condition
from usable_core.verdicts.restriction import conditions_of, restricted
from usable_core.verdicts.slices import worst_of

N = 40
LABELS = np.arange(N) % 2  # cat, dog, cat, dog …
DARK = np.arange(N) < 16
CAMERAS = ["north" if i % 4 < 2 else None if i == 39 else "salt and pepper" for i in range(N)]


def described(predictions=LABELS, **settings):
    """An answer of accuracy whose records hold looks and columns of the data."""
    result = accuracy_result(LABELS, predictions, **settings)
    about = {"width": 32, "height": 24, "contrast": 0.1, "alike": range(N)}
    more = {"brightness": np.where(DARK, 0.1, 0.6), "about_camera": CAMERAS}
    return type(result)(
        result.config,
        result.provenance,
        result.records.assign(**about, **more, about_shot=range(N)),
    )


@pytest.mark.parametrize(
    ("text", "is_in"),
    [
        ("class dog", LABELS == 1),
        ("brightness below 0.2", DARK),
        ("brightness 0.2 or more", ~DARK),
        ("  class dog  and brightness below 0.2 ", (LABELS == 1) & DARK),
        ("camera is north", [c == "north" for c in CAMERAS]),
        ("camera is salt and pepper and class cat", [c == "salt and pepper" for c in CAMERAS]),
        ("camera missing", [c is None for c in CAMERAS]),
        ("shot is 7", np.arange(N) == 7),
        ("shot 12 or more and shot below 20", (np.arange(N) >= 12) & (np.arange(N) < 20)),
    ],
)
def test_an_answer_on_a_slice_is_of_its_examples_alone(text, is_in):
    is_in = np.asarray(is_in)
    if text.endswith("class cat"):
        is_in = is_in & (LABELS == 0)
    wrong = np.arange(N) % 3 == 0
    result = described(np.where(wrong, 1 - LABELS, LABELS))

    part = usable.on_slice(result, text)

    assert part.result.records["index"].tolist() == np.flatnonzero(is_in).tolist()
    assert part.result.n == is_in.sum()
    assert part.result.accuracy.value == pytest.approx((~wrong)[is_in].mean())
    assert f"{is_in.sum()} of {N} examples" in part.sentence
    assert part.unknown == 0


def test_every_slice_that_a_search_finds_reads_back_as_the_same_examples():
    labels = np.arange(400) % 4
    wrong = (labels == 3) | (np.arange(400) < 80)
    names = ("cat", "dog", "salt and pepper", "7")
    result = accuracy_result(labels, np.where(wrong, (labels + 1) % 4, labels), names=names)
    more = {
        "about_shot": np.arange(400),
        "about_day": [f"2024-0{1 + i // 80}-03" for i in range(400)],
    }
    result = type(result)(result.config, result.provenance, result.records.assign(**more))
    found = worst_of(result).worst

    assert found
    for one in found:
        part = restricted(result, conditions_of(one.text))
        assert part.result.n == one.found.n
        assert part.result.accuracy.value == one.found.value


def test_other_answers_are_joined_to_what_accuracy_records_of_the_pictures():
    clean = LABELS.copy()
    attacked = np.where(np.arange(N) % 5 == 0, 1 - LABELS, LABELS)
    robust = robustness_result(LABELS, clean, [clean, attacked, attacked])

    part = usable.on_slice(robust, "brightness below 0.2", described())

    assert part.result.n == 16
    assert part.result.robust_accuracy[1].value == pytest.approx(1 - 4 / 16)  # 0, 5, 10, 15
    assert len(part.result.records) == 3 * 16


def test_the_class_is_known_without_an_accuracy_run_and_looks_are_not():
    robust = robustness_result(LABELS, LABELS, [LABELS] * 3)

    assert usable.on_slice(robust, "class dog").result.n == 20
    with pytest.raises(ConfigError, match="Measure the accuracy first"):
        usable.on_slice(robust, "brightness below 0.2")


def test_examples_of_which_it_is_not_known_are_left_out_and_counted():
    robust = robustness_result(LABELS, LABELS, [LABELS] * 3)
    some = described()
    some = type(some)(some.config, some.provenance, some.records[:10].reset_index(drop=True))

    part = usable.on_slice(robust, "brightness below 0.2", some)

    assert (part.result.n, part.of, part.unknown) == (10, 40, 30)
    assert "of 30 it is not known" in part.sentence


def test_confidence_is_that_of_the_same_model():
    robust = robustness_result(LABELS, LABELS, [LABELS] * 3)
    sure = np.linspace(0.5, 0.99, N)

    own = usable.on_slice(robust, "confidence 0.9 or more", described(confidence=sure))

    assert own.result.n == (sure >= 0.9).sum()
    with pytest.raises(ConfigError, match="confidence is not recorded"):
        usable.on_slice(
            robust, "confidence 0.9 or more", described(model="bundled/vgg", confidence=sure)
        )


@pytest.mark.parametrize("text", ["", "dogs", "brightness", "and", "a or more"])
def test_what_is_no_slice_is_one_sentence(text):
    with pytest.raises(ConfigError, match="A slice is written like"):
        conditions_of(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("brightness below dark", "is a number"),
        ("class fox", "None of the 40 examples"),
        ("colour is red", "colour is not recorded .* Known are .*camera"),
    ],
)
def test_a_slice_that_cannot_be_of_these_data_is_one_sentence(text, said):
    with pytest.raises(ConfigError, match=said):
        usable.on_slice(described(), text)


def test_slices_are_kept_under_names_until_they_are_deleted():
    saved_slices.save("  Dark   dogs ", "class dog and brightness below 0.2")
    saved_slices.save("a/b: ünï", "camera missing")

    assert [one.name for one in saved_slices.saved()] == ["a/b: ünï", "Dark dogs"]
    assert usable.on_slice(described(), "dark dogs").result.n == 8
    saved_slices.save("DARK DOGS", "class dog")  # the same name
    assert saved_slices.meant("dark dogs") == "class dog"
    saved_slices.delete("dark dogs")
    assert [one.name for one in saved_slices.saved()] == ["a/b: ünï"]
    with pytest.raises(UnknownName, match="dark dogs"):
        saved_slices.delete("dark dogs")
    with pytest.raises(ConfigError, match="A slice's name"):
        saved_slices.save("\n", "class dog")


def test_commands_save_list_show_and_delete(capsys):
    store = RunStore()
    result = described(np.where(DARK, 1 - LABELS, LABELS))
    run = store.create(result.config)
    store.start(run.id, 1)
    store.finish(run.id, result)

    assert main(["slice", "save", "dark", "brightness below 0.2"]) == 0
    assert main(["slice", "list"]) == 0
    assert main(["slice", "show", run.id, "dark"]) == 0
    said = capsys.readouterr().out
    assert "brightness below 0.2: 16 of 40 examples" in said
    assert "0.0 %" in said
    assert main(["slice", "delete", "dark"]) == 0
    assert main(["slice", "show", run.id, "dark"]) == 2
    assert "A slice is written like" in capsys.readouterr().err


def test_a_condition_found_by_a_search_is_the_one_that_is_read():
    text = "class (in the data) is x and taken before 2024-05-01"

    assert conditions_of(text) == (
        Condition("class (in the data)", "is", "x"),
        Condition("taken", "below", "2024-05-01"),
    )
    assert pd.notna(conditions_of("class dog")[0].value)
