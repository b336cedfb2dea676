"""What corruption results say, from records made by hand; and whether attacks agree with them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from made_corruptions import corruption_result
from made_results import robustness_result
from scipy import stats

from usable_core.catalog.attacks import AttackSpec
from usable_core.comparison.corruption_and_attack import (
    agreement_across_models,
    agreement_by_example,
)
from usable_core.errors import ConfigError, DatasetRefused, UnknownName
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.metrics.calibration import calibration_error, clustered_calibration_error
from usable_core.metrics.intervals import mean_estimate, wilson
from usable_core.metrics.ranks import spearman, spearman_estimate
from usable_core.plots.corruption import (
    accuracy_by_severity,
    attack_versus_corruption,
    corruption_heat_map,
)

LABELS = np.array([0, 0, 1, 2])
CLEAN = np.array([0, 1, 1, 2])  # the second is wrong
# (4 examples, fog and snow, severities 1 and 5)
CORRUPTED = np.array([[[0, 0], [0, 1]], [[0, 1], [1, 1]], [[1, 0], [1, 0]], [[2, 2], [2, 0]]])
RIGHT = LABELS[:, None, None] == CORRUPTED


def result(**settings):
    return corruption_result(LABELS, CLEAN, CORRUPTED, **settings)


def random_result(n=60, seed=0, level=0.5, **settings):
    """A made model that is right on each cell with probability `level` or so, by example."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 3, n)
    own = generator.beta(4 * level, 4 * (1 - level), n)
    right = generator.random((n, 2, 3)) < own[:, None, None]
    predictions = np.where(right, labels[:, None, None], (labels[:, None, None] + 1) % 3)
    return corruption_result(labels, labels, predictions, severities=(1, 3, 5), **settings)


def test_accuracy_of_each_cell_has_its_wilson_interval():
    found = result()

    assert found.n == 4
    assert found.clean_accuracy == wilson(3, 4)
    assert found.accuracy("fog", 1) == wilson(4, 4)
    assert found.accuracy("snow", 5) == wilson(0, 4)
    rows = found.per_cell.set_index(["corruption", "severity"])
    assert rows.loc[("fog", 5), "accuracy"] == 0.5
    assert rows.loc[("fog", 5), "low"] == wilson(2, 4).low


def test_flips_are_counted_both_ways():
    rows = result().per_cell.set_index(["corruption", "severity"])

    assert rows.loc[("fog", 1), ["lost", "gained"]].tolist() == [0, 1]
    assert rows.loc[("fog", 5), ["lost", "gained"]].tolist() == [1, 0]
    assert rows.loc[("fog", 1), "change"] == 0.25


def test_the_mean_counts_examples_not_cells():
    found = result().mean_corruption_accuracy
    own = RIGHT.mean((1, 2))

    assert found.value == pytest.approx(RIGHT.mean())
    assert found.n == 4
    assert found.high - found.value == pytest.approx(min(1, mean_estimate(own).high) - own.mean())


def test_an_example_whose_cells_agree_is_no_more_than_one_example():
    once = np.where(np.arange(40)[:, None, None] % 2, 0, 1) * np.ones((1, 2, 2), int)
    labels = np.zeros(40, int)

    found = corruption_result(labels, labels, once).mean_corruption_accuracy

    alone = mean_estimate((once[:, 0, 0] == 0).astype(float))
    assert (found.low, found.high) == pytest.approx((alone.low, alone.high))


def test_the_drop_is_relative_to_the_clean_accuracy():
    found = result().relative_drop

    assert found.value == pytest.approx(1 - RIGHT.mean() / 0.75)
    assert found.low <= found.value <= found.high
    wrong = corruption_result(LABELS, (LABELS + 1) % 3, CORRUPTED)
    assert math.isnan(wrong.relative_drop.value)


def test_means_by_corruption_severity_and_group_are_those_of_the_cells():
    found = random_result(corruptions=("fog", "gaussian_noise"))

    right = found.corrupted
    assert found.by_corruption["accuracy"].tolist() == pytest.approx(right.mean((0, 2)))
    assert found.by_severity["accuracy"].tolist() == pytest.approx(right.mean((0, 1)))
    by_group = found.by_group.set_index("group")["accuracy"]
    assert by_group.index.tolist() == ["noise", "weather"]
    assert by_group["weather"] == pytest.approx(right[:, 0].mean())
    assert (found.by_severity["low"] < found.by_severity["accuracy"]).all()


def test_the_order_of_the_records_does_not_matter():
    found = random_result()
    shuffled = replace(found, records=found.records.sample(frac=1, random_state=0))

    assert shuffled.summary() == found.summary()


def test_records_without_some_cells_are_refused():
    found = result()

    with pytest.raises(ValueError, match="lack some cells"):
        _ = replace(found, records=found.records.iloc[1:]).corrupted


def test_calibration_under_a_corruption_is_that_of_its_outcomes():
    generator = np.random.default_rng(0)
    confidence = generator.random((4, 2, 2))
    found = result(confidence=confidence)

    used = confidence.astype(np.float32).astype(np.float64)[:, 0]
    by_hand = calibration_error(used.ravel(), RIGHT[:, 0].ravel())
    assert found.ece("fog").value == pytest.approx(by_hand.value)
    assert found.ece("fog").n == 4
    assert found.clean_ece.value == pytest.approx(0.9 - 0.75, abs=1e-6)
    assert found.mean_ece == pytest.approx((found.ece("fog").value + found.ece("snow").value) / 2)


def test_repeating_an_outcome_makes_the_calibration_error_no_surer():
    generator = np.random.default_rng(1)
    confidence = generator.random((200, 1))
    correct = generator.random((200, 1)) < confidence**2

    once = clustered_calibration_error(confidence, correct)
    fivefold = clustered_calibration_error(np.repeat(confidence, 5, 1), np.repeat(correct, 5, 1))

    assert fivefold.value == pytest.approx(once.value)
    assert (fivefold.low, fivefold.high) == pytest.approx((once.low, once.high))
    plain = calibration_error(confidence[:, 0], correct[:, 0])
    assert once.value == pytest.approx(plain.value)
    assert (once.low, once.high) == pytest.approx((plain.low, plain.high), abs=0.02)


def test_chance_alone_reaches_down_to_zero():
    generator = np.random.default_rng(2)
    confidence = np.repeat(generator.random((300, 1)), 4, 1)
    correct = np.repeat(generator.random((300, 1)) < confidence[:, :1], 4, 1)

    assert clustered_calibration_error(confidence, correct).low == 0


def test_mce_is_the_mean_of_relative_errors_and_one_against_itself():
    found, other = result(), corruption_result(LABELS, CLEAN, CORRUPTED[::-1])
    errors = (~RIGHT).sum((0, 2))
    reference = (CORRUPTED[::-1] != LABELS[:, None, None]).sum((0, 2))

    assert found.mce(other).value == pytest.approx((errors / reference).mean())
    same = found.mce(found)
    assert (same.value, same.low, same.high) == (1, 1, 1)


def test_mce_is_undefined_where_the_reference_makes_no_error():
    perfect = corruption_result(LABELS, LABELS, np.broadcast_to(LABELS[:, None, None], (4, 2, 2)))

    assert math.isnan(result().mce(perfect).value)


def test_mce_refuses_other_images_corruptions_seeds_and_sizes():
    found = result()

    with pytest.raises(ConfigError, match="same corruptions"):
        found.mce(result(corruptions=("fog", "frost")))
    with pytest.raises(ConfigError, match="same corruptions"):
        found.mce(result(severities=(1, 4)))
    with pytest.raises(ConfigError, match="seed"):
        found.mce(result(seed=1))
    with pytest.raises(ConfigError, match="one size"):
        found.mce(result(size=224))
    with pytest.raises(DatasetRefused, match="same images"):
        found.mce(result(start=10))


def test_the_summary_is_json_and_never_speaks_of_mce():
    text = json.dumps(result().summary(), allow_nan=False)

    assert "mce" not in text.lower()
    assert json.loads(text)["mean_corruption_accuracy"]["n"] == 4
    assert len(json.loads(text)["cells"]) == 4


def test_the_table_names_classes():
    table = result().to_frame()

    assert table["label_name"].tolist()[:2] == ["cat", "cat"]
    assert table["correct"].sum() == RIGHT.sum()


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"corruptions": ()}, "corruptions"),
        ({"corruptions": ("fog", "fog")}, "once"),
        ({"severities": ()}, "severities"),
        ({"severities": (0, 1)}, "severities"),
        ({"severities": (3, 1)}, "severities"),
        ({"severities": (6,)}, "severities"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_impossible_settings_are_refused(settings, word):
    with pytest.raises(ConfigError, match=word):
        CorruptionConfig(ModelSpec("m"), DatasetSpec("d"), **settings)


def test_an_unknown_corruption_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="fog"):
        CorruptionConfig(ModelSpec("m"), DatasetSpec("d"), ("fogg",))


# Rank agreement


def test_rank_correlation_is_scipys_with_ties_and_infinities():
    generator = np.random.default_rng(0)
    first = generator.integers(0, 5, 80).astype(float)
    second = first + generator.integers(0, 6, 80)
    endless = np.where(first == 4, np.inf, first)

    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert spearman(endless, second) == pytest.approx(spearman(first, second))
    assert math.isnan(spearman(first, np.ones(80)))
    assert math.isnan(spearman(np.zeros(0), np.zeros(0)))


def test_the_interval_of_a_rank_correlation_covers_the_truth():
    inside = 0
    for seed in range(60):
        generator = np.random.default_rng(seed)
        common = generator.normal(size=100)
        first, second = (np.round(2 * (common + generator.normal(size=100))) for _ in range(2))
        found = spearman_estimate(first, second)
        inside += found.low <= 0.475 <= found.high  # of normal pairs of correlation 0.5, rounded

    assert inside >= 51, "95 % of 60 are 57"


def attacked(breaks, labels, **settings):
    """A result where example i breaks at grid position breaks[i]; 0 is wrong when clean."""
    grid = (0.0, 0.01, 0.03)
    wrong = (labels + 1) % 3
    predictions = [np.where(breaks <= k, wrong, labels) for k in range(3)]
    return robustness_result(labels, predictions[0], predictions, epsilons=grid, **settings)


def survivors(counts, labels, **settings):
    """A result where example i survives counts[i] of 4 cells."""
    right = np.arange(4)[None] < np.asarray(counts)[:, None]
    predictions = np.where(right, labels[:, None], (labels[:, None] + 1) % 3).reshape(-1, 2, 2)
    return corruption_result(labels, labels, predictions, **settings)


def test_examples_that_break_late_and_survive_much_agree_wholly():
    labels = np.arange(8) % 3
    breaks = np.array([0, 0, 1, 1, 2, 2, 3, 3])  # 3 withstands all

    found = agreement_by_example(attacked(breaks, labels), survivors(breaks + 1, labels))

    assert found.correlation.value == pytest.approx(1)
    assert found.correlation.n == 6, "those wrong when clean are left out"
    assert found.points["breaking_epsilon"].tolist() == [0.01, 0.01, 0.03, 0.03, np.inf, np.inf]
    assert found.points["survived"].tolist() == [2, 2, 3, 3, 4, 4]
    against = agreement_by_example(attacked(breaks, labels), survivors(4 - breaks, labels))
    assert against.correlation.value == pytest.approx(-1)


def test_agreement_is_undefined_where_one_side_tells_nothing_apart():
    labels = np.arange(6) % 3
    breaks = np.array([1, 2, 3, 1, 2, 3])

    constant = agreement_by_example(attacked(breaks, labels), survivors([2] * 6, labels))

    assert math.isnan(constant.correlation.value)
    assert math.isnan(constant.correlation.low)


def test_agreement_of_two_models_or_of_other_images_is_refused():
    labels = np.arange(6) % 3
    one = attacked(np.ones(6), labels)

    with pytest.raises(ConfigError, match="one model"):
        agreement_by_example(one, survivors([1] * 6, labels, model="bundled/vgg"))
    with pytest.raises(DatasetRefused, match="no example in common"):
        agreement_by_example(one, survivors([1] * 6, labels, start=50))


def of_models(count):
    labels = np.arange(6) % 3
    names = [f"m{k}" for k in range(count)]
    attacks = [attacked(np.full(6, k), labels, model=m) for k, m in enumerate(names)]
    corruptions = [survivors([k + 1] * 6, labels, model=m) for k, m in enumerate(names)]
    return attacks, corruptions


def test_models_are_ranked_from_three_on_and_without_an_interval():
    attacks, corruptions = of_models(3)

    found = agreement_across_models(attacks, corruptions[::-1])

    assert found.correlation.value == pytest.approx(1)
    assert math.isnan(found.correlation.low)
    assert set(found.points["model"]) == {"m0", "m1", "m2"}
    assert math.isnan(agreement_across_models(*of_models(2)).correlation.value)
    assert len(agreement_across_models(attacks, corruptions[:1]).points) == 1


def test_models_under_different_questions_are_not_ranked():
    attacks, corruptions = of_models(3)
    other = replace(
        attacks[0], config=replace(attacks[0].config, attacks=(AttackSpec("pgd", steps=7),))
    )

    with pytest.raises(ConfigError, match="same attack"):
        agreement_across_models([other, *attacks[1:]], corruptions)
    with pytest.raises(ConfigError, match="same corruptions"):
        agreement_across_models(attacks, [result(), *corruptions, result(severities=(1, 2))])
    with pytest.raises(DatasetRefused, match="one data set"):
        agreement_across_models(attacks, [survivors([1] * 6, np.arange(6) % 3, data="other")])


# Figures


def test_the_heat_map_holds_every_cell_and_the_clean_level():
    figure = corruption_heat_map(result())

    heat = figure.data[0]
    assert list(figure.layout.xaxis.ticktext) == ["clean", "1", "5"]
    assert list(figure.layout.yaxis.ticktext) == ["Fog", "Snow"]
    assert np.asarray(heat.z).tolist() == [[75, 100, 50], [75, 75, 0]]
    assert np.asarray(heat.text).tolist() == [["75", "100", "50"], ["75", "75", "0"]]
    assert "lost 0, gained 1" in heat.customdata[0][1]


def test_the_severity_figure_holds_means_bands_and_the_clean_level():
    found = result()
    figure = accuracy_by_severity([found], names=["<b>mine</b>"])

    traces = {trace.name: trace for trace in figure.data}
    line = traces["&lt;b&gt;mine&lt;/b&gt;"]
    assert list(line.x) == [0, 1, 5]
    assert list(line.y) == pytest.approx([75, 87.5, 25])
    assert list(traces["&lt;b&gt;mine&lt;/b&gt;, clean"].y) == [75, 75]
    assert traces["95 % interval"].y[1] == pytest.approx(100 * found.by_severity["low"][0])
    assert list(figure.layout.xaxis.ticktext) == ["clean", "1", "5"]
    with pytest.raises(ValueError, match="different corruptions"):
        accuracy_by_severity([found, result(corruptions=("fog", "frost"))])


def test_the_scatter_of_examples_names_budgets_and_those_that_withstand_all():
    labels = np.arange(6) % 3
    breaks = np.array([1, 1, 2, 2, 3, 3])
    agreement = agreement_by_example(attacked(breaks, labels), survivors(breaks + 1, labels))

    figure = attack_versus_corruption(agreement)

    assert list(figure.layout.xaxis.ticktext) == ["0.01", "0.03", "withstands all"]
    points, mean = figure.data
    assert list(points.y) == [2, 2, 3, 3, 4, 4]
    assert list(mean.y) == [2, 3, 4]
    assert "1.00" in figure.layout.title.text


def test_the_scatter_of_models_has_one_point_per_model_with_intervals():
    figure = attack_versus_corruption(agreement_across_models(*of_models(3)))

    assert [trace.name for trace in figure.data] == ["m0", "m1", "m2"]
    assert figure.data[1].y[0] == pytest.approx(50)
    assert "n = 3 models" in figure.layout.title.text


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_figure_can_be_sent_to_a_browser_in_both_themes(theme):
    labels = np.arange(6) % 3
    breaks = np.array([1, 1, 2, 2, 3, 3])
    figures = [
        corruption_heat_map(result(), theme=theme),
        accuracy_by_severity([result()], theme=theme),
        attack_versus_corruption(
            agreement_by_example(attacked(breaks, labels), survivors(breaks, labels)), theme=theme
        ),
        attack_versus_corruption(agreement_across_models(*of_models(3)), theme=theme),
    ]

    for figure in figures:
        sent = json.loads(figure.to_json())["layout"]
        assert sent["xaxis"]["title"]["text"]
