"""Where a model fails: planted slices are found, nothing is made of noise, words are what holds."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_results import accuracy_result
from scipy.stats import hypergeom

from usable_core import cli
from usable_core.metrics.excess import excess_p
from usable_core.runs import RunStore
from usable_core.verdicts.conditions import Condition, features_of
from usable_core.verdicts.slices import worst_of

NAMES = ["ant", "bee", "cow", "dog"]


def answer(n=400, seed=0, wrong=0.08, plant=None, **about):
    """An answer whose errors are pure chance, but where `plant` gives other probabilities."""
    generator = np.random.default_rng(seed)
    looks = {
        "width": generator.integers(100, 500, n).astype(float),
        "height": generator.integers(100, 500, n).astype(float),
        "brightness": generator.random(n),
        "contrast": generator.random(n) / 2,
        "alike": np.arange(n),
        "about_camera": generator.choice(list("ABC"), n).astype(object),
        "about_hour": generator.integers(0, 24, n).astype(float),
        **about,
    }
    labels = generator.integers(0, 4, n)
    table = pd.DataFrame(looks).assign(label=labels)
    chance = np.full(n, wrong)
    if plant is not None:
        planted = np.asarray(plant(table))
        chance = np.where(planted > 0, planted, chance)
    errs = generator.random(n) < chance
    confidence = generator.random(n)
    predicted = np.where(errs, (labels + 1) % 4, labels)
    found = accuracy_result(labels, predicted, confidence=confidence, names=NAMES)
    return replace(found, records=found.records.assign(**looks))


def test_the_exact_test_is_the_hypergeometric_tail():
    generator = np.random.default_rng(1)
    n = generator.integers(5, 2000, 300)
    wrong, part = (np.array([generator.integers(1, one + 1) for one in n]) for _ in range(2))
    inside = np.array(
        [generator.hypergeometric(w, a - w, p) for w, a, p in zip(wrong, n, part, strict=True)]
    )
    inside = np.minimum(np.minimum(wrong, part), inside + generator.integers(0, 15, 300))
    expected = hypergeom.sf(inside - 1, n, wrong, part)
    is_above = inside * n > wrong * part

    found = excess_p(n, wrong, part, inside)

    assert is_above.sum() > 100
    assert found[is_above] == pytest.approx(expected[is_above], rel=1e-9, abs=1e-300)
    assert (found[~is_above] == 1).all()


def test_a_planted_slice_is_found_with_its_numbers():
    made = answer(plant=lambda about: (about["brightness"] < 0.2) * 0.4)

    found = worst_of(made)

    worst = found.worst[0]
    (condition,) = worst.conditions
    assert (condition.column, condition.relation) == ("brightness", "below")
    assert 0.15 < condition.value < 0.25
    inside = made.records["brightness"].round(4) < condition.value
    right = made.records["label"] == made.records["prediction"]
    assert worst.found.n == inside.sum()
    assert worst.found.value == right[inside].mean()
    assert worst.elsewhere.value == right[~inside].mean()
    wrong = ~right
    assert worst.p == pytest.approx(
        hypergeom.sf((wrong & inside).sum() - 1, 400, wrong.sum(), inside.sum())
    )
    assert worst.p < worst.p_corrected <= min(1, worst.p * found.searched) * 1.001
    assert worst.p_corrected < 1e-4
    assert worst.found.low < worst.found.value < worst.found.high
    assert (worst.members(made) == inside).all()
    said = f"brightness below {condition.value:g}: {100 * worst.found.value:.0f} % of "
    assert worst.sentence.startswith(f"{said}{inside.sum()} (")
    assert f"elsewhere {100 * worst.elsewhere.value:.0f} %" in worst.sentence
    assert len(found.worst) == 1, "the halves around a slice are the same finding"


def test_a_pair_is_found_and_told_from_its_two_conditions():
    def plant(about):
        return ((about["about_camera"] == "B") & (about["label"] == 2)) * 0.7

    found = worst_of(answer(3000, plant=plant))
    texts = [one.text for one in found.worst]
    assert "class cow and camera is B" in texts
    both = next(one for one in found.worst if len(one.conditions) == 2)
    assert both.found.value < 0.5


def test_pairs_within_a_slice_are_no_findings_of_their_own():
    """One condition does it all: no pair with it is worse than the rest of it."""
    found = worst_of(answer(3000, plant=lambda about: (about["about_camera"] == "B") * 0.5))
    assert [one.text for one in found.worst] == ["camera is B"]


def test_nothing_is_made_of_noise():
    """Of answers whose errors are chance at most 5 % name any slice."""
    named = sum(bool(worst_of(answer(150, seed, 0.3)).worst) for seed in range(40))
    assert named <= 5  # P(more than 5 of 40) at 5 % is 1.4 %


def test_a_slice_as_in_the_example_is_found_nine_times_of_ten():
    """61 % of a fifth, 93 % elsewhere, of 420 examples."""
    hits = 0
    for seed in range(10):
        found = worst_of(
            answer(420, seed, 0.07, plant=lambda about: (about["brightness"] < 0.2) * 0.39)
        )
        hits += any(one.conditions[0].column == "brightness" for one in found.worst)
    assert hits >= 9


@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_all_right_and_all_wrong_have_no_worse_slice(wrong):
    found = worst_of(answer(wrong=wrong))
    assert found.worst == ()
    assert found.searched > 100
    assert "None of" in found.sentence


def test_five_examples_are_too_few():
    found = worst_of(answer(5))
    assert (found.worst, found.searched) == ((), 0)
    assert "too few" in found.sentence
    assert worst_of(answer(0)).searched == 0


def test_one_class_alone_is_no_slice():
    made = answer()
    only = made.records[made.records["label"] == 1]
    found = worst_of(replace(made, records=only))
    assert not any(c.column == "class" for one in found.worst for c in one.conditions)


def day(n, first="2021-01-01"):
    return pd.date_range(first, periods=n).strftime("%Y-%m-%d").to_numpy(dtype=object)


@pytest.mark.parametrize(
    ("column", "values", "inside", "said"),
    [
        ("day", day(400), slice(0, 80), "day before 2021-03-22"),
        ("night", ["true"] * 80 + ["false"] * 320, slice(0, 80), "night is true"),
        ("site", [None] * 80 + ["x"] * 320, slice(0, 80), "site missing"),
        ("lux", [np.nan] * 80 + [1.5, 2.5] * 160, slice(0, 80), "lux missing"),
        ("year", [2019.0] * 80 + [2020.0] * 320, slice(0, 80), "year is 2019"),
        ("id", list(np.arange(400.0) + 1e6), slice(320, 400), "id 1000320 or more"),
        ("class", ["p"] * 80 + ["q"] * 320, slice(0, 80), "class (in the data) is p"),
    ],
)
def test_columns_of_every_kind(column, values, inside, said):
    chance = np.full(400, 1e-9)
    chance[inside] = 0.6
    values = np.array(values, dtype=object if not isinstance(values[-1], float) else float)

    found = worst_of(answer(plant=lambda about: chance, **{f"about_{column}": values}))

    assert said in [one.text for one in found.worst]


def test_a_thousand_levels_and_constants_are_no_slices():
    levels = np.array([f"patient {i % 1000}" for i in range(2000)], dtype=object)
    constant = np.array(["same"] * 2000, dtype=object)
    found = worst_of(answer(2000, about_patient=levels, about_constant=constant))
    assert found.worst == ()
    without = worst_of(answer(2000))
    assert found.searched == without.searched


def test_conditions_hold_where_they_say():
    numbers = {"x": np.array([1.0, np.nan, 3.0]), "t": np.array(["a", None, "c"], dtype=object)}
    for column, value in (("x", 2.0), ("t", "b")):
        held = {
            relation: Condition(column, relation, value).holds(numbers).tolist()
            for relation in ("below", "from", "missing", "is")
        }
        assert held == {
            "below": [True, False, False],
            "from": [False, False, True],
            "missing": [False, True, False],
            "is": [False, False, False],
        }


def test_answers_of_earlier_versions_have_class_and_confidence():
    made = accuracy_result([0, 1] * 50, [0, 1] * 50, confidence=np.linspace(0.3, 1, 100))
    assert list(features_of(made)) == ["class", "confidence"]
    assert worst_of(made).searched > 0


def test_the_command_says_the_slices_of_a_run(capsys, tmp_path):
    assert (
        cli.main(["evaluate", "accuracy", "--model", "bundled/vgg_digits", "--dataset", "digits"])
        == 0
    )
    run = RunStore().list()[0]
    out = tmp_path / "slices.json"
    capsys.readouterr()

    assert cli.main(["slices", run.id, "--json", str(out)]) == 0

    said = capsys.readouterr().out
    data = json.loads(out.read_text(encoding="utf-8"))
    assert data["sentence"] in said
    assert "brightness" in said
    assert data["run"] == run.id
    assert data["n"] == RunStore().load(run.id).n
    assert cli.main(["slices", run.id, "--dataset", "digits", "--least", "30"]) == 0
    assert cli.main(["slices", "nothing"]) == 2
