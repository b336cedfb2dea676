import json
import re
from dataclasses import replace

import numpy as np
import pytest
from made_results import accuracy_result, robustness_result
from scipy.stats import binomtest

from usable_core.catalog.attacks import AttackSpec
from usable_core.comparison import compare
from usable_core.errors import ConfigError, DatasetRefused
from usable_core.evaluations.robustness import Check

LABELS = np.zeros(100, int)


def _right(*places):
    """Predictions that are right (class 0) at these places only."""
    predictions = np.ones(100, int)
    predictions[list(places)] = 0
    return predictions


def test_a_pair_is_joined_by_example_and_tested_exactly():
    one = accuracy_result(LABELS, _right(*range(60)), model="a/one")
    two = accuracy_result(LABELS, _right(*range(10, 90)), model="a/two")

    pair = compare([one, two]).pairs.iloc[0]

    assert (pair["lost"], pair["gained"], pair["n"]) == (10, 30, 100)
    assert pair["difference"] == pytest.approx(0.2)
    assert pair["p"] == pytest.approx(binomtest(10, 40).pvalue)
    assert pair["verdict"] == (
        "two is better than one: accuracy 80.0 % against 60.0 %, difference 20.0 points "
        "(95 % simultaneous 7.9 to 31.7), n = 100."
    )


def test_a_worse_second_model_is_said_to_be_worse_with_positive_points():
    one = accuracy_result(LABELS, _right(*range(90)), model="a/one")
    two = accuracy_result(LABELS, _right(*range(50)), model="a/two")

    found = compare([one, two])

    row = found.pairs.iloc[0]
    assert row["verdict"].startswith("one is better than two: accuracy 90.0 % against 50.0 %")
    ends = f"{-100 * row['high']:.1f} to {-100 * row['low']:.1f}"
    assert f"difference 40.0 points (95 % simultaneous {ends}), n = 100" in row["verdict"]


def test_the_order_of_the_rows_and_repeated_images_do_not_matter():
    ids = ["same", "same", *[f"x{i}" for i in range(98)]]
    one = accuracy_result(LABELS, _right(0, 5), ids=ids, model="a/one")
    two = accuracy_result(LABELS, _right(0, 1), ids=ids, model="a/two")
    shuffled = type(two)(two.config, two.provenance, two.records.sample(frac=1, random_state=1))

    pair = compare([one, shuffled]).pairs.iloc[0]

    assert (pair["n"], pair["lost"], pair["gained"]) == (100, 1, 1)


def test_models_without_flips_are_not_called_equal_on_few_examples_but_are_on_many():
    few = [accuracy_result(LABELS[:9], LABELS[:9], model=f"a/{i}") for i in "pq"]
    many = [accuracy_result(np.zeros(2000, int), np.zeros(2000, int), model=f"a/{i}") for i in "pq"]

    assert compare(few).pairs["verdict"][0].startswith("p and q are not shown to differ")
    assert compare(few).pairs["p"][0] == 1
    assert compare(many).pairs["verdict"][0].startswith("p and q are equal within 1 point: ")


def test_holm_counts_every_pair():
    results = [accuracy_result(LABELS, _right(*range(k)), model=f"a/{k}") for k in (50, 56, 60)]

    pairs = compare(results).pairs

    assert len(pairs) == 3
    smallest = pairs["p"].idxmin()
    assert pairs.loc[smallest, "p_holm"] == pytest.approx(3 * pairs.loc[smallest, "p"])


def test_only_common_examples_are_compared_and_that_is_said():
    one = accuracy_result(LABELS, _right(*range(50)), model="a/one")
    two = accuracy_result(LABELS[:40], _right(*range(40))[:40], model="a/two", start=80)

    found = compare([one, two])

    assert found.pairs["n"][0] == 20
    assert "Only the 20 examples" in found.notes[0]
    assert found.table["n"].tolist() == [100, 40]


def test_disagreements_are_the_examples_that_tell_the_models_apart():
    one = accuracy_result(LABELS, _right(*range(60)), model="a/one")
    two = accuracy_result(LABELS, _right(*range(1, 61)), model="a/two")

    found = compare([one, two]).disagreements

    assert found["index"].tolist() == [0, 60]
    assert found["label"].tolist() == ["cat", "cat"]
    assert found["a/one"].tolist() == [True, False]


def test_robustness_is_compared_at_every_epsilon():
    clean = _right(*range(90))
    grid = (0.0, 0.1)
    weak = robustness_result(LABELS, clean, [clean, _right()], epsilons=grid, model="a/weak")
    strong = robustness_result(
        LABELS, clean, [clean, _right(*range(50))], epsilons=grid, model="a/strong"
    )

    pairs = compare([weak, strong]).pairs

    assert pairs["epsilon"].tolist() == [0.0, 0.1]
    assert pairs["difference"].tolist() == pytest.approx([0, 0.5])
    assert pairs["verdict"][1].startswith(
        "strong is better than weak: robust accuracy at ε = 25.5/255 (L∞, pgd) 50.0 % against 0.0 %"
    )
    assert "clean accuracy 90.0 % against 90.0 %" in pairs["verdict"][0]


def test_the_same_model_twice_gets_two_names():
    result = accuracy_result(LABELS, LABELS)

    assert compare([result, result]).names == ("bundled/resnet (1)", "bundled/resnet (2)")
    assert compare([result, result], names=["p", "q"]).names == ("p", "q")


def test_what_is_shown_comes_first_and_the_best_first_of_all():
    results = [accuracy_result(LABELS, _right(*range(k)), model=f"a/{k}") for k in (50, 90, 88, 70)]

    found = compare(results)

    heads = [sentence.partition(":")[0] for sentence in found.verdicts()]
    assert heads == [
        "90 is better than 70",
        "90 is better than 50",
        "88 is better than 70",
        "88 is better than 50",
        "70 is better than 50",
        "90 and 88 are not shown to differ",
    ]
    assert found.table["group"].tolist() == ["C", "A", "A", "B"]
    assert "The 6 intervals hold together" in found.notes[-1]


def test_what_is_not_shown_says_how_many_examples_would_settle_it():
    one = accuracy_result(LABELS, _right(*range(60)), model="a/one")
    two = accuracy_result(LABELS, _right(*range(4, 68)), model="a/two")

    verdict = compare([one, two]).pairs["verdict"][0]

    # Connor 1987: (1.96 √ψ + 0.8416 √(ψ − d²))² / d² with ψ = 0.12 and d = 0.04 is 585.4.
    assert verdict.endswith(
        "(95 % simultaneous −3.2 to 11.7), n = 100; about 590 examples would settle it (80 % "
        "power, if they disagree as often as here)."
    )


def test_no_printed_end_becomes_0_and_the_subtraction_is_right():
    labels = np.zeros(20_000, int)
    one, two = labels.copy(), labels.copy()
    one[:6], two[6:29] = 1, 1  # 99.97 % and 99.885 %

    found = compare([accuracy_result(labels, p, model=f"a/{i}") for i, p in enumerate((two, one))])

    # One decimal would say 100.0 % against 99.9 %, and an interval from 0.0.
    assert found.verdicts() == [
        "1 is better than 0, less than 1 point: accuracy 99.97 % against 99.89 %, difference 0.08 "
        "points (95 % simultaneous 0.03 to 0.15), n = 20,000."
    ]


def test_a_model_twice_is_told():
    result = accuracy_result(LABELS, LABELS)

    found = compare([result, result])

    assert "ResNet (1) and ResNet (2) are one and the same model" in found.notes[0]


@pytest.mark.parametrize("preset", [None, "glance", "standard", "benchmark"])
def test_a_weak_attack_ranks_nothing_and_names_the_next_step(preset):
    clean, grid = _right(*range(90)), (0.0, 4 / 255)
    choice = {} if preset is None else {"preset": preset}
    weak, sound = (
        robustness_result(
            LABELS, clean, [clean, _right(*range(k))], epsilons=grid, model=name, **choice
        )
        for name, k in (("bundled/resnet_robust", 60), ("bundled/vgg", 5))
    )
    weak = replace(weak, checks=(Check("losses_agree", "red", "Margin breaks more.", {}),))

    found = compare([weak, sound])

    next_step = {None: "standard", "glance": "standard", "standard": "benchmark"}.get(preset)
    remedy = f"with the preset {next_step}." if next_step else "No stronger preset is at hand"
    verdict = found.pairs["verdict"][1]
    assert "are not ranked: robust accuracy at ε = 4/255 (L∞, " in verdict
    assert "60.0 % against 5.0 %, n = 100" in verdict
    assert remedy in verdict
    assert found.pairs["status"].tolist()[1] == "unranked"
    assert found.table["group"].tolist() == ["A", "", "A", ""]


def test_one_example_and_models_that_are_always_right_or_wrong_are_compared():
    zero, one = np.zeros(1, int), np.ones(1, int)
    single = compare([accuracy_result(zero, p, model=f"a/{p[0]}") for p in (zero, one)])
    ends = compare([accuracy_result(LABELS, p, model=f"a/{p[0]}") for p in (LABELS, LABELS + 1)])

    assert single.verdicts()[0].startswith("0 and 1 are not shown to differ: accuracy 100.0 %")
    assert "0 is better than 1: accuracy 100.0 % against 0.0 %" in ends.verdicts()[0]
    z = 1.959964**2  # where Tango's interval has a closed form
    assert (ends.pairs["low"][0], ends.pairs["high"][0]) == pytest.approx(
        (-1, -(100 - z) / (100 + z)), abs=1e-6
    )


SAID = re.compile(
    r"(?P<verdict>.+?): accuracy (\S+) % against (\S+) %, difference (\S+) points "
    r"\(95 % simultaneous (\S+) to (\S+)\), n = "
)


def _tables(count):
    """Outcomes (N, K) of models of which some are copies, or all right, or differ in one image."""
    generator = np.random.default_rng(7)
    for _ in range(count):
        models, n = generator.integers(2, 13), generator.integers(20, 300)
        right = generator.random((n, 1)) * 0.5 + generator.random((n, models)) * 0.5
        right = right < generator.choice((0, 0.4, 0.8, 0.97, 1), models)
        copies = generator.random(models) < 0.3
        right[:, copies] = right[:, :1]
        right[0, copies] ^= generator.random(copies.sum()) < 0.5
        yield right


def test_no_sentence_contradicts_its_interval():
    for right in _tables(12):
        results = [
            accuracy_result(np.zeros(len(right), int), ~column * 1, model=f"a/m{k}")
            for k, column in enumerate(right.T)
        ]
        for sentence in compare(results).verdicts():
            said = SAID.match(sentence)
            numbers = [float(text.replace("−", "-")) for text in said.groups()[1:]]
            ahead, behind, difference, low, high = numbers
            assert max(low, 0) <= difference <= high, sentence
            assert ahead >= behind, sentence
            if " is better than " in said["verdict"]:
                assert low > 0, sentence
            else:
                assert low <= 0 <= high, sentence
            is_equal = said["verdict"].endswith("are equal within 1 point")
            assert not is_equal or max(-low, high) <= 1, sentence


def test_the_summary_is_json():
    found = compare([accuracy_result(LABELS, LABELS, model=f"a/{i}") for i in "pq"]).summary()

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert found["pairs"][0]["epsilon"] is None


def test_what_cannot_be_compared_is_refused_with_a_sentence():
    one = accuracy_result(LABELS, LABELS)
    elsewhere = accuracy_result(LABELS, LABELS, data="other")
    apart = accuracy_result(LABELS, LABELS, start=1000)
    robust = robustness_result(LABELS, LABELS, [LABELS] * 3)
    other_steps = robustness_result(
        LABELS, LABELS, [LABELS] * 3, attacks=(AttackSpec("pgd", steps=5),)
    )

    with pytest.raises(ConfigError, match="two or more"):
        compare([one])
    with pytest.raises(ConfigError, match="one kind"):
        compare([one, robust])
    with pytest.raises(ConfigError, match="same attacks, norm"):
        compare([robust, other_steps])
    with pytest.raises(DatasetRefused, match="one data set"):
        compare([one, elsewhere])
    with pytest.raises(DatasetRefused, match="no example in common"):
        compare([one, apart])
