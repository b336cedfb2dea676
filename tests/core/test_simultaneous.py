from itertools import combinations

import numpy as np
import pytest
from scipy.stats import binomtest, norm, studentized_range

from usable_core.comparison.simultaneous import (
    critical_value,
    examples_to_settle,
    paired_interval,
)
from usable_core.metrics.intervals import paired_difference


def _independent(models, n=4000, seed=0):
    return np.random.default_rng(seed).random((n, models)) < 0.5


def _pairs(models):
    return list(combinations(range(models), 2))


def test_one_pair_needs_the_normal_quantile():
    assert critical_value(_independent(2), [(0, 1)]) == pytest.approx(1.959964)


@pytest.mark.parametrize("models", [3, 8])
def test_all_pairs_of_independent_models_need_tukeys_quantile(models):
    found = critical_value(_independent(models), _pairs(models))

    assert found == pytest.approx(studentized_range.ppf(0.95, models, np.inf) / 2**0.5, abs=0.04)


def test_the_same_comparison_repeated_needs_no_more_than_one():
    right = np.repeat(_independent(2), 20, axis=1)  # twenty budgets that break nothing
    pairs = [(k, 20 + k) for k in range(20)]

    assert critical_value(right, pairs) == pytest.approx(1.96, abs=0.04)


def test_twenty_comparisons_of_different_models_need_sidaks_quantile():
    right = _independent(40)
    pairs = [(2 * k, 2 * k + 1) for k in range(20)]

    expected = norm.ppf(0.5 + 0.95 ** (1 / 20) / 2)
    assert critical_value(right, pairs) == pytest.approx(expected, abs=0.05)


def test_a_seed_gives_one_value_and_models_without_flips_the_widest():
    right = np.ones((30, 4), dtype=bool)

    found = critical_value(right, _pairs(4))

    assert found == critical_value(right, _pairs(4))
    assert found != critical_value(right, _pairs(4), seed=1)
    assert found == pytest.approx(studentized_range.ppf(0.95, 4, np.inf) / 2**0.5, abs=0.04)


def test_the_order_of_the_models_changes_no_digit():
    right, order = _independent(5, 300), [3, 1, 4, 0, 2]

    assert critical_value(right[:, order], _pairs(5)) == critical_value(right, _pairs(5))


def test_the_interval_is_tangos_at_the_critical_value():
    found, usual = paired_interval(10, 40, 200, 1.959964), paired_difference(10, 40, 200)

    assert (found.low, found.high) == pytest.approx((usual.low, usual.high), abs=1e-6)
    assert paired_interval(10, 40, 200, 3.0).low < found.low


def test_an_interval_leaves_out_0_only_where_the_exact_test_rejects():
    for lost in range(8):
        for gained in range(25):
            found = paired_interval(lost, gained, 60, 1.959964)
            p = binomtest(lost, lost + gained).pvalue if lost + gained else 1.0
            if found.low > 0 or found.high < 0:
                assert p <= 0.05, (lost, gained)
            assert found.low <= found.value <= found.high

    assert paired_difference(0, 5, 60).low > 0  # which the score interval alone claims
    assert paired_interval(0, 5, 60, 1.959964).low == 0  # p = 0.0625


def test_so_many_examples_settle_a_pair_in_80_of_100_cases():
    number, what = examples_to_settle(40, 60, 1000, 1.959964)
    draw = np.random.default_rng(0).multinomial(number, [0.04, 0.06, 0.9], size=4000)
    shown = [paired_interval(lost, gained, number, 1.959964).low > 0 for lost, gained, _ in draw]

    assert what == "difference"
    assert np.mean(shown) == pytest.approx(0.8, abs=0.02)


def test_so_many_examples_show_equality_in_80_of_100_cases():
    number, what = examples_to_settle(30, 30, 1000, 2.5)
    draw = np.random.default_rng(0).multinomial(number, [0.03, 0.03, 0.94], size=2000)
    found = [paired_interval(lost, gained, number, 2.5) for lost, gained, _ in draw]

    assert what == "equality"
    assert np.mean([f.low > -0.01 and f.high < 0.01 for f in found]) == pytest.approx(0.8, abs=0.03)


def test_more_examples_than_there_are_settle_what_is_not_settled():
    for n in (1, 2, 9, 50):
        for lost in range(min(n, 6) + 1):
            for gained in range(min(n - lost, 6) + 1):
                assert examples_to_settle(lost, gained, n, 2.0)[0] > n
