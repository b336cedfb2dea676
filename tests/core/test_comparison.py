import json

import numpy as np
import pytest
from made_results import accuracy_result, robustness_result
from scipy.stats import binomtest

from usable_core.catalog.attacks import AttackSpec
from usable_core.comparison import compare
from usable_core.errors import ConfigError, DatasetRefused

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
    assert pair["verdict"].startswith("a/two is better than a/one by 20.0 points")


def test_a_worse_second_model_is_said_to_be_worse_with_positive_points():
    one = accuracy_result(LABELS, _right(*range(90)), model="a/one")
    two = accuracy_result(LABELS, _right(*range(50)), model="a/two")

    found = compare([one, two])

    row = found.pairs.iloc[0]
    assert row["verdict"].startswith("a/one is better than a/two by 40.0 points")
    assert f"interval {-100 * row['high']:.1f} to {-100 * row['low']:.1f}" in row["verdict"]


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

    assert compare(few).pairs["verdict"][0].startswith("No difference shown")
    assert compare(few).pairs["p"][0] == 1
    assert "equal within 1 point" in compare(many).pairs["verdict"][0]


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
    assert pairs["verdict"][1].startswith("a/strong is better")


def test_the_same_model_twice_gets_two_names():
    result = accuracy_result(LABELS, LABELS)

    assert compare([result, result]).names == ("bundled/resnet (1)", "bundled/resnet (2)")
    assert compare([result, result], names=["p", "q"]).names == ("p", "q")


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
