import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from scipy.stats import binomtest, norm

from usable_core.metrics import attribution, calibration, classification, robustness
from usable_core.metrics.intervals import (
    bootstrap,
    mean_estimate,
    mean_of_proportions,
    paired_difference,
    resampled_sums,
    wilson,
)
from usable_core.metrics.paired import flips, holm, mcnemar_exact
from usable_core.metrics.ranks import spearman


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (10, 10), (3, 7), (81, 263), (1, 1)])
def test_wilson_equals_scipy(hits, n):
    expected = binomtest(hits, n).proportion_ci(0.95, method="wilson")

    found = wilson(hits, n)

    assert (found.value, found.n) == (hits / n, n)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_a_proportion_of_nothing_is_unknown():
    found = wilson(0, 0)

    assert np.isnan(found.value)
    assert (found.low, found.high, found.n) == (0, 1, 0)


def test_wilson_refuses_more_successes_than_examples():
    with pytest.raises(ValueError, match="between 0 and n=3"):
        wilson(4, 3)


def _score_by_search(lost, gained, n, delta):
    """Score statistic at the likelihood's own maximum under the hypothesis, found by search."""
    b, c = gained, lost
    same = n - b - c

    def minus_log_likelihood(share_lost):
        shares = (share_lost + delta, share_lost, 1 - delta - 2 * share_lost)
        counts = (b, c, same)
        return -sum(k * np.log(max(s, 1e-300)) for k, s in zip(counts, shares, strict=True) if k)

    lowest, highest = max(0.0, -delta), (1 - delta) / 2
    bounds = (lowest + 1e-12, highest - 1e-12)
    q = minimize_scalar(
        minus_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}
    ).x
    return (b - c - n * delta) / np.sqrt(n * (2 * q + delta - delta**2))


@pytest.mark.parametrize(("lost", "gained", "n"), [(5, 2, 40), (12, 30, 100), (1, 1, 20)])
def test_the_ends_of_the_paired_interval_are_where_the_score_test_rejects(lost, gained, n):
    found = paired_difference(lost, gained, n)

    z = norm.ppf(0.975)
    assert _score_by_search(lost, gained, n, found.low) == pytest.approx(z, abs=1e-3)
    assert _score_by_search(lost, gained, n, found.high) == pytest.approx(-z, abs=1e-3)


def test_the_paired_interval_meets_the_plain_one_for_many_flips():
    b, c, n = 400, 700, 10_000
    half = 1.96 * np.sqrt((b + c - (b - c) ** 2 / n) / n**2)

    found = paired_difference(b, c, n)

    assert found.value == (c - b) / n
    assert (found.low, found.high) == pytest.approx(
        (found.value - half, found.value + half), abs=2e-4
    )


def test_without_gains_the_paired_interval_is_wilsons():
    found, expected = paired_difference(30, 0, 100), wilson(30, 100)

    assert (found.low, found.high) == pytest.approx((-expected.high, -expected.low), abs=1e-9)


def test_the_paired_interval_turns_round_with_its_arguments():
    one, other = paired_difference(3, 9, 50), paired_difference(9, 3, 50)

    assert (one.low, one.high) == pytest.approx((-other.high, -other.low), abs=1e-9)


@pytest.mark.parametrize("n", [1, 2, 300, 25_000])  # the last are too many to be held
def test_sums_of_resamples_are_those_of_the_drawn_examples(n):
    parts = np.random.default_rng(n).normal(size=(n, 3))
    generator = np.random.default_rng(0)
    at_once = max(1, min(1000, 2_000_000 // n))

    sums = resampled_sums(parts)

    assert sums.shape == (1000, 3)
    assert np.array_equal(sums, resampled_sums(parts))
    drawn = generator.integers(0, n, size=(at_once, n))
    for place in {0, at_once // 2, at_once - 1}:
        assert sums[place] == pytest.approx(parts[drawn[place]].sum(0), rel=1e-9, abs=1e-9)
    if at_once < 1000:  # the next ones are of the same stream
        following = generator.integers(0, n, size=(at_once, n))
        expected = parts[following[-1]].sum(0)
        assert sums[2 * at_once - 1] == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (10, 0), (0, 10)])
def test_the_paired_interval_is_no_point_at_the_ends(lost, gained):
    found = paired_difference(lost, gained, 10)

    assert -1 <= found.low < found.high <= 1
    assert found.low <= found.value <= found.high


def test_the_paired_interval_covers_what_it_says():
    generator = np.random.default_rng(0)
    counts = generator.multinomial(60, [0.1, 0.03, 0.87], size=1500)
    intervals = {tuple(c): paired_difference(c[0], c[1], 60) for c in counts}

    covered = [intervals[tuple(c)].low <= -0.07 <= intervals[tuple(c)].high for c in counts]

    assert 0.93 <= np.mean(covered) <= 0.98


def test_mean_of_proportions_covers_what_it_says():
    generator = np.random.default_rng(1)
    shares, n = np.array([0.99, 0.9, 0.6, 0.3]), 25
    truth, covered = shares.mean(), []
    for hits in generator.binomial(n, shares, size=(1000, 4)):
        found = mean_of_proportions([wilson(int(h), n) for h in hits])
        covered.append(found.low <= truth <= found.high)

    assert 0.92 <= np.mean(covered) <= 0.98


def test_mean_estimate_of_one_value_has_no_interval():
    found = mean_estimate(np.array([3.0]))

    assert found.value == 3
    assert np.isnan(found.low)


def test_the_bootstrap_repeats_itself_under_a_seed_and_splits_into_parts():
    values = np.random.default_rng(0).normal(size=5000)

    one = bootstrap(lambda i: values[i].mean(1), 5000, draws=500, seed=3)
    two = bootstrap(lambda i: values[i].mean(1), 5000, draws=500, seed=3)

    assert np.array_equal(one, two)
    assert one.std() == pytest.approx(values.std() / np.sqrt(5000), rel=0.1)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (1, 0), (5, 5), (3, 14), (40, 20)])
def test_mcnemar_equals_the_sign_test_of_scipy(lost, gained):
    expected = binomtest(lost, lost + gained).pvalue if lost + gained else 1.0

    assert mcnemar_exact(lost, gained) == pytest.approx(expected)


def test_holm_equals_the_hand_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])
    assert len(holm([])) == 0


def test_flips_count_both_ways():
    before, after = np.array([1, 1, 0, 0, 1], bool), np.array([0, 1, 1, 0, 0], bool)

    assert flips(before, after) == (2, 1)


def test_a_class_never_predicted_has_no_precision_and_no_f1():
    labels, predictions = np.array([0, 0, 1]), np.array([0, 0, 2])

    scores = classification.class_scores(labels, predictions)

    assert [s.index for s in scores] == [0, 1]
    assert np.isnan(scores[1].precision.value)
    assert scores[1].f1 == 0
    assert scores[0].f1 == 1


def test_confusion_counts_every_example_also_predictions_of_absent_classes():
    classes, counts = classification.confusion(np.array([0, 0, 5]), np.array([0, 7, 5]))

    assert classes.tolist() == [0, 5, 7]
    assert counts.tolist() == [[1, 0, 1], [0, 1, 0], [0, 0, 0]]


def test_certain_and_wrong_is_a_calibration_error_of_one():
    sure = np.ones(20)

    assert calibration.calibration_error(sure, np.zeros(20, bool)).value == 1
    assert calibration.calibration_error(sure, np.ones(20, bool)).value == 0


def test_the_calibration_error_of_two_bins_is_the_hand_worked_one():
    confidence = np.array([0.4, 0.4, 0.9, 0.9])
    correct = np.array([1, 0, 1, 1], bool)

    found = calibration.calibration_error(confidence, correct, bins=2)

    assert found.value == pytest.approx(0.5 * 0.1 + 0.5 * 0.1)


def test_bins_are_closed_on_the_right_and_the_first_holds_zero():
    edges = np.array([0.0, 0.5, 0.5000001, 1.0])

    assert calibration.equal_width_bins(edges, 2).tolist() == [0, 0, 1, 1]


def test_bins_of_equal_mass_keep_ties_together():
    found = calibration.equal_mass_bins(np.array([0.9, 0.1, 0.9, 0.9, 0.2, 0.3]), 3)

    assert found.tolist() == [2, 0, 2, 2, 0, 1]


@pytest.mark.parametrize("truth", [0.0, 0.02, 0.1])
def test_the_interval_of_the_calibration_error_covers_the_truth(truth):
    covered = []
    for seed in range(50):
        generator = np.random.default_rng(seed)
        confidence = generator.uniform(0.3, 1, 400)
        correct = generator.uniform(size=400) < confidence - truth
        found = calibration.calibration_error(confidence, correct)
        covered.append(found.low <= truth <= found.high)

    assert np.mean(covered) >= 0.9


def test_the_reliability_table_leaves_empty_bins_out():
    table = calibration.reliability(np.array([0.95, 1.0, 0.1]), np.array([1, 0, 0], bool))

    assert table["n"].tolist() == [1, 2]
    assert table["accuracy"].tolist() == [0, 0.5]
    assert table.loc[1, ["lower", "upper"]].tolist() == pytest.approx([14 / 15, 1])


def test_the_robustness_score_ends_at_zero_and_counts_losses():
    clean = np.array([1, 1, 1, 0], bool)

    found = robustness.robustness_score(clean, np.array([1, 0, 0, 0], bool))
    unmoved = robustness.robustness_score(clean, clean)

    assert found.value == -0.5
    assert unmoved.value == 0
    assert unmoved.high == 0
    assert unmoved.low < 0


def test_a_gain_under_attack_is_refused():
    with pytest.raises(ValueError, match="must count as wrong"):
        robustness.robustness_score(np.array([False]), np.array([True]))


def test_the_area_is_the_trapezoid_over_an_uneven_grid():
    outcomes = np.array([[1, 1, 0], [1, 0, 0]], bool)

    found = robustness.area(outcomes, np.array([0.0, 1.0, 4.0]))

    assert found.value == pytest.approx(((1 + 1.5) + 0.5) / 2 / 4)
    assert np.isnan(robustness.area(outcomes[:, :1], np.array([0.0])).value)


def test_rank_correlation_of_a_constant_map_is_undefined():
    assert np.isnan(spearman(np.ones(5), np.arange(5.0)))
    assert spearman(np.arange(5.0), -np.arange(5.0)) == pytest.approx(-1)


def test_weighted_r2_ignores_examples_without_weight():
    outputs, fitted = np.array([0.0, 1.0, 5.0]), np.array([0.0, 1.0, -9.0])

    assert attribution.weighted_r2(outputs, fitted, np.array([1.0, 1.0, 0.0])) == 1
    assert np.isnan(attribution.weighted_r2(np.full(3, 0.1), fitted, np.ones(3)))


def test_the_additivity_gap_is_the_distance_from_the_output():
    assert attribution.additivity_gap(np.array([0.2, -0.1]), 0.5, 0.7) == pytest.approx(0.1)


def test_top_overlap_is_the_share_in_common():
    first, second = np.arange(10.0), np.array([0, 0, 0, 0, 0, 0, 0, 5, 0, 9.0])

    assert attribution.top_overlap(first, second, 0.2) == 0.5


def test_the_median_of_a_handful_has_no_end_that_order_statistics_could_give():
    few, enough = (robustness.median(np.arange(1.0, n + 1)) for n in (5, 6))

    assert (few.value, few.low, few.high) == (3, 0, np.inf)  # the range holds it at 93.75 %
    assert (enough.value, enough.low, enough.high) == (3, 1, 6)  # 96.9 %


@pytest.mark.parametrize("is_right", [True, False])
def test_the_area_of_examples_that_are_all_alike_is_no_certainty(is_right):
    found = robustness.area(np.full((40, 3), is_right), np.array([0.0, 0.01, 0.03]))
    bounds = wilson(40 * is_right, 40)

    assert found.value == float(is_right)
    assert (found.low, found.high) == pytest.approx((bounds.low, bounds.high))
