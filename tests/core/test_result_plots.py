import json
import math
from dataclasses import replace

import numpy as np
import pytest
from made_results import accuracy_result, robustness_result

from usable_core.comparison import compare
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness import Check
from usable_core.plots.accuracy import (
    accuracy_bars,
    confusion_heatmap,
    per_class_bars,
    reliability_diagram,
)
from usable_core.plots.comparison import difference_forest
from usable_core.plots.robustness import (
    accuracy_versus_epsilon,
    robustness_score,
    survival,
)
from usable_core.plots.robustness_by_class import per_class
from usable_core.plots.style import COLORS, model_styles, percent

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTIONS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 0])
GRID = (0.0, 1 / 255, 4 / 255)


def _robust(model="bundled/resnet", **settings):
    clean = PREDICTIONS
    first, second = clean.copy(), np.where(LABELS == 0, 1, 0)
    first[:2] = 2
    return robustness_result(
        LABELS,
        clean,
        [clean, first, second],
        [clean, clean, first],
        epsilons=GRID,
        model=model,
        **settings,
    )


def style_of(name, theme="light"):
    return model_styles([name], theme)[0]


def _red(result):
    return replace(result, checks=(Check("logits", "red", "The outputs are probabilities.", {}),))


def _trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_a_model_looks_the_same_everywhere_and_other_models_look_different():
    names = ["bundled/resnet", "bundled/vgg", "bundled/vit", "bundled/resnet_robust"]

    styles = model_styles(names)

    assert len({s.color for s in styles}) == len({s.symbol for s in styles}) == 4
    assert [style_of(name) for name in names] == styles
    assert style_of("run/abc") == style_of("run/abc")
    assert style_of("run/abc", "dark").color in COLORS["dark"]
    assert style_of("run/abc", "dark").dash == style_of("run/abc").dash


@pytest.mark.parametrize("theme", COLORS)
def test_no_look_repeats_within_a_selection_while_there_are_others(theme):
    names = [f"run/{k}" for k in range(7)]  # by themselves, two of them have one colour
    assert len({style_of(name, theme).color for name in names}) < 7

    styles = model_styles(names, theme)

    assert styles[0] == style_of(names[0], theme)
    assert len({s.color for s in styles}) == len({s.symbol for s in styles}) == 7
    assert len({s.dash for s in styles}) == 5
    same = model_styles(["run/0"] * 9, theme)
    assert len({s.color for s in same}) == 7
    assert len({(s.color, s.symbol) for s in same}) == 9


def _luminance(color):
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


@pytest.mark.parametrize(("theme", "page"), [("light", "#FFFFFF"), ("dark", "#10161D")])
def test_every_line_has_contrast_with_the_page(theme, page):
    for color in COLORS[theme]:
        dark, bright = sorted((_luminance(color), _luminance(page)))

        assert (bright + 0.05) / (dark + 0.05) >= 3, color


@pytest.mark.parametrize(
    ("epsilon", "norm", "label"),
    [
        (0, "linf", "0"),
        (4 / 255, "linf", "4/255"),
        (0.25 / 255, "linf", "0.25/255"),
        (0.01, "linf", "0.01"),
        (0.5, "l2", "0.5"),
        (0.0, "l2", "0"),
    ],
)
def test_epsilons_are_written_as_people_write_them(epsilon, norm, label):
    assert epsilon_label(epsilon, norm) == label


def test_shares_are_written_in_percent():
    assert percent(0.9724) == "97.2 %"
    assert percent(None) == percent(float("nan")) == "–"


def test_the_curve_holds_attack_noise_clean_and_band():
    result = _robust()

    figure = accuracy_versus_epsilon([result])

    attack = _trace(figure, "bundled/resnet")
    assert list(attack.y) == pytest.approx([70, 50, 0])
    assert list(_trace(figure, "bundled/resnet, random noise").y) == pytest.approx([70, 70, 50])
    assert _trace(figure, "bundled/resnet, random noise").line.dash == "dot"
    shown = [trace.name for trace in figure.data if trace.showlegend is not False]
    assert shown == ["bundled/resnet", "under random noise"]
    assert list(_trace(figure, "bundled/resnet, clean").y) == pytest.approx([70, 70])
    band = _trace(figure, "95 % interval")
    low, high = 100 * result.robust_accuracy[1].low, 100 * result.robust_accuracy[1].high
    assert [band.y[1], band.y[4]] == pytest.approx([low, high])
    assert band.mode == "lines"
    assert list(figure.layout.xaxis.ticktext) == ["0", "1", "4"]
    assert "1/255" in figure.layout.xaxis.title.text
    assert list(figure.layout.xaxis.tickvals) == list(attack.x)
    assert attack.x[2] - attack.x[1] == pytest.approx(2)


def test_the_score_is_drawn_in_points_below_zero():
    figure = robustness_score([_robust()])

    assert list(_trace(figure, "bundled/resnet").y) == pytest.approx([0, -20, -70])
    assert list(_trace(figure, "bundled/resnet, random noise").y) == pytest.approx([0, 0, -20])


def test_results_of_different_norms_share_no_axis():
    with pytest.raises(ValueError, match="different norms"):
        accuracy_versus_epsilon([_robust(), _robust(norm="l2")])


def test_models_are_named_and_coloured_apart_and_names_cannot_be_markup():
    figure = accuracy_versus_epsilon(
        [_robust(), _robust("bundled/vgg")], names=["<b>one</b>", "two"]
    )

    one, two = _trace(figure, "&lt;b&gt;one&lt;/b&gt;"), _trace(figure, "two")
    assert one.line.color == style_of("bundled/resnet").color
    assert two.line.color == style_of("bundled/vgg").color


def _marks(figure):
    """Where upright lines stand, and what is told of them below the axis."""
    _axis, *told = figure.layout.xaxis.title.text.split("<br>")
    return [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1], told


def test_budgets_of_leaderboards_are_marked_where_the_grid_reaches_them():
    def marks(norm, epsilons):
        result = robustness_result(
            LABELS, PREDICTIONS, [PREDICTIONS] * len(epsilons), epsilons=epsilons, norm=norm
        )
        return _marks(accuracy_versus_epsilon([result]))

    places, told = marks("linf", (0.0, 1 / 255, 4 / 255))
    assert places == pytest.approx([math.log2(4 / 255)])
    assert told == ["lines, RobustBench: ImageNet 224 px 4/255"]
    places, told = marks("linf", (0.0, 1 / 255, 16 / 255))
    assert len(places) == 2
    assert told == ["lines, RobustBench: ImageNet 224 px 4/255, CIFAR-10 32 px 8/255"]
    assert marks("linf", (0.0, 1 / 255, 2 / 255)) == ([], [])
    assert marks("l2", (0.0, 0.25, 1.0)) == ([-1], ["lines, RobustBench: CIFAR-10 32 px 0.5"])
    places, told = marks("l1", (0.0, 8.0, 24.0))
    assert places == pytest.approx([math.log2(12)])
    assert told == ["lines, published: CIFAR-10 32 px 12"]


def test_budgets_that_are_no_grey_levels_are_written_as_numbers():
    figure = survival([robustness_result(LABELS, PREDICTIONS, [PREDICTIONS] * 3)])

    assert list(figure.layout.xaxis.ticktext) == ["0", "0.01", "0.03"]
    mixed = robustness_result(LABELS, PREDICTIONS, [PREDICTIONS] * 3, epsilons=(0.0, 1 / 255, 0.03))
    assert list(survival([mixed]).layout.xaxis.ticktext) == ["0", "1/255", "0.03"]
    assert "1/255" not in figure.layout.xaxis.title.text


def test_the_mark_of_a_budget_says_where_it_comes_from():
    figure = accuracy_versus_epsilon([_robust()])

    assert "Croce et al. 2021" in figure.layout.annotations[0].hovertext
    assert figure.layout.shapes[0].x0 == pytest.approx(math.log2(4 / 255))


@pytest.mark.parametrize("draw", [accuracy_versus_epsilon, robustness_score, survival])
def test_a_curve_with_a_red_check_is_hatched_open_and_named_an_upper_bound(draw):
    figure = draw([_red(_robust()), _robust("bundled/vgg")])

    weak, sound = _trace(figure, "bundled/resnet (upper bound only)"), _trace(figure, "bundled/vgg")
    assert weak.marker.symbol == f"{style_of('bundled/resnet').symbol}-open"
    assert sound.marker.symbol == style_of("bundled/vgg").symbol
    bands = [trace for trace in figure.data if trace.name == "95 % interval"]
    assert [band.fillpattern.shape for band in bands] == ["/", None]


def test_a_point_of_the_curve_knows_its_epsilon_as_a_number():
    attack = _trace(accuracy_versus_epsilon([_robust()]), "bundled/resnet")

    assert [point[4] for point in attack.customdata] == list(GRID)
    assert attack.unselected.marker.opacity == 1


def _half_broken():
    """Of 8 right when clean, 2 break at the second budget and 3 more at the third."""
    labels, clean = np.zeros(10, int), np.r_[np.zeros(8, int), 1, 1]
    second, third = clean.copy(), clean.copy()
    second[:2], third[:5] = 1, 1
    return robustness_result(labels, clean, [clean, second, third], epsilons=GRID)


def test_survival_is_stairs_of_those_right_when_clean():
    result = _half_broken()

    figure = survival([result])

    line = _trace(figure, "bundled/resnet")
    assert list(line.y) == pytest.approx([100, 75, 37.5])
    assert line.line.shape == "hv"
    assert line.customdata[1][3] == 8
    band = _trace(figure, "95 % interval")
    assert list(band.x[:5]) == [line.x[0], line.x[1], line.x[1], line.x[2], line.x[2]]
    assert band.y[2] == pytest.approx(100 * result.survival[1].low)
    assert band.y[1] == pytest.approx(100 * result.survival[0].low)


def test_survival_says_what_is_censored_and_where_the_median_is():
    result = _half_broken()

    figure = survival([result])

    censored = _trace(figure, "bundled/resnet, censored")
    assert list(censored.y) == pytest.approx([37.5])
    assert censored.text == ("38 % not broken",)
    assert list(censored.x) == [_trace(figure, "bundled/resnet").x[-1]]
    median = _trace(figure, "bundled/resnet, median")
    assert median.x[1] == pytest.approx(math.log2(4 / 255))
    assert set(median.y) == {50}
    assert "median 4/255 (1/255 to beyond the grid)" in median.hovertemplate


def test_the_median_of_a_handful_spans_the_whole_grid_also_without_zero():
    labels = [0, 1, 2]
    few = robustness_result(labels, labels, [[1, 1, 2], [1, 2, 2]], epsilons=(0.01, 0.02))

    median = _trace(survival([few]), "bundled/resnet, median")

    assert median.x == pytest.approx((math.log2(0.01), math.log2(0.02), math.log2(0.02)))


def test_without_censored_examples_or_a_median_in_the_grid_neither_is_drawn():
    clean, gone = np.zeros(8, int), np.ones(8, int)
    broken = robustness_result(clean, clean, [clean, gone, gone], epsilons=GRID)
    firm = robustness_result(clean, clean, [clean] * 3, epsilons=GRID)

    assert "bundled/resnet, censored" not in [trace.name for trace in survival([broken]).data]
    assert "bundled/resnet, median" not in [trace.name for trace in survival([firm]).data]


def test_the_raw_curve_of_the_walked_sample_is_drawn_when_asked_for():
    result = _half_broken()
    raw = [np.nan, 0.0, 1.0]  # per budget, of two walked examples
    records = result.records.assign(
        raw_broken=[
            0.0 if index < 2 and epsilon == 0 else raw[GRID.index(epsilon)] if index < 2 else np.nan
            for index, epsilon in zip(
                result.records["index"], result.records["epsilon"], strict=True
            )
        ]
    )
    result = replace(result, records=records)

    assert "bundled/resnet, raw, n = 2" not in [trace.name for trace in survival([result]).data]
    line = _trace(survival([result], with_raw=True), "bundled/resnet, raw, n = 2")
    assert list(line.y) == pytest.approx([100, 100, 0])


def test_the_heat_map_of_classes_has_the_weakest_first_with_their_n():
    figure = per_class(_robust())

    heat = figure.data[0]
    rows = dict(zip(figure.layout.yaxis.ticktext, np.asarray(heat.z).tolist(), strict=True))
    assert rows["cat (n = 4)"] == pytest.approx([75, 25, 0])
    other = np.where(LABELS == 2, 0, LABELS)
    weak = per_class(robustness_result(LABELS, LABELS, [LABELS, other], epsilons=(0.0, 0.1)))
    assert weak.layout.yaxis.ticktext[0] == "fox (n = 4)"
    assert list(figure.layout.xaxis.ticktext) == ["0", "1/255", "4/255"]
    assert figure.layout.title.text is None


def test_of_many_classes_the_weakest_are_shown_under_attack():
    labels = np.arange(40)
    names = tuple(f"c{i}" for i in range(40))
    result = robustness_result(labels, labels, [labels, labels], epsilons=(0.0, 0.1))
    result = replace(result, provenance=replace(result.provenance, class_names=names))

    figure = per_class(result)

    assert "30 weakest of 40" in figure.layout.title.text
    assert len(figure.data[0].z) == 30


def test_the_bars_hold_accuracy_and_interval():
    result = accuracy_result(LABELS, PREDICTIONS)

    bar = accuracy_bars([result]).data[0]

    assert list(bar.x) == pytest.approx([70])
    assert bar.x[0] + bar.error_x.array[0] == pytest.approx(100 * result.accuracy.high)
    assert bar.x[0] - bar.error_x.arrayminus[0] == pytest.approx(100 * result.accuracy.low)


def test_the_reliability_diagram_leaves_empty_bins_out():
    confidence = np.array([0.5, 0.9] * 5)
    result = accuracy_result(LABELS, PREDICTIONS, confidence=confidence)

    line = _trace(reliability_diagram([result]), "bundled/resnet")

    assert list(line.x) == pytest.approx([50, 90])
    right = LABELS == PREDICTIONS
    assert list(line.y) == pytest.approx([100 * right[::2].mean(), 100 * right[1::2].mean()])
    assert list(line.customdata[:, 0]) == [5, 5]


def test_the_confusion_heatmap_holds_counts_and_shares_of_the_true_class():
    figure = confusion_heatmap(accuracy_result(LABELS, PREDICTIONS))

    heat = figure.data[0]
    assert np.asarray(heat.text).tolist() == [[3, 1, 0], [0, 1, 1], [1, 0, 3]]
    assert np.asarray(heat.z)[0].tolist() == pytest.approx([75, 25, 0])
    assert list(figure.layout.yaxis.ticktext) == ["cat", "dog", "fox"]


def test_of_many_classes_the_hardest_are_shown_and_the_title_says_so():
    names = tuple(f"c{i:03}" for i in range(200))
    labels = np.arange(200)
    predictions = labels.copy()
    predictions[150] = 3
    result = accuracy_result(labels, predictions, names=names)

    heat, bars = confusion_heatmap(result), per_class_bars([result])

    assert "30 of 200" in heat.layout.title.text
    rows = list(heat.layout.yaxis.ticktext)
    assert {"c150", "c003"} <= {row.partition(" · ")[0] for row in rows}
    assert rows[4].endswith(" · 5")
    assert list(heat.layout.xaxis.ticktext) == ["5", "10", "15", "20", "25", "30"]
    assert list(heat.layout.xaxis.tickvals) == [4, 9, 14, 19, 24, 29]
    assert "30 hardest of 200" in bars.layout.title.text
    assert bars.layout.xaxis.categoryarray[0] == "c150"


def test_the_class_figure_holds_recall_per_model():
    one = accuracy_result(LABELS, PREDICTIONS)
    two = accuracy_result(LABELS, LABELS, model="bundled/vgg")

    figure = per_class_bars([one, two])

    assert dict(zip(figure.data[0].x, figure.data[0].y, strict=True)) == pytest.approx(
        {"cat": 75, "dog": 50, "fox": 75}
    )
    assert set(figure.data[1].y) == {100}


def test_classes_of_one_name_do_not_break_the_figures():
    result = accuracy_result(LABELS, PREDICTIONS, names=("crane", "crane", "fox"))

    assert len(per_class_bars([result]).data[0].x) == 3
    heat = confusion_heatmap(result)
    assert list(heat.layout.xaxis.ticktext) == ["crane", "crane", "fox"]
    assert np.asarray(heat.data[0].z)[:2, 0].tolist() == pytest.approx([75, 0])


def test_classes_that_are_called_by_numbers_are_not_taken_for_numbers():
    figure = per_class_bars([accuracy_result(LABELS, PREDICTIONS, names=("0", "1", "10"))])

    assert figure.layout.xaxis.type == "category"
    assert list(figure.layout.xaxis.categoryarray) == ["1", "0", "10"]


def test_the_forest_holds_each_pair_with_its_interval():
    clean, other = np.zeros(100, int), np.zeros(100, int)
    other[:30] = 1
    compared = compare(
        [
            accuracy_result(clean, other, model="a/one"),
            accuracy_result(clean, clean, model="a/two"),
        ]
    )

    points = difference_forest(compared).data[0]

    assert list(points.x) == pytest.approx([30])
    assert list(points.y) == ["two − one"]
    assert (points.marker.symbol, points.name) == ("circle", "better: the interval leaves out 0")
    assert points.x[0] - points.error_x.arrayminus[0] == pytest.approx(
        100 * compared.pairs["low"][0]
    )


def test_the_forest_is_signed_and_ordered_as_its_sentences_are_and_explains_its_marks():
    right = [np.arange(100) >= wrong for wrong in (45, 5, 30)]
    compared = compare(
        [accuracy_result(np.zeros(100, int), ~r * 1, model=f"a/{k}") for k, r in enumerate(right)]
    )

    figure = difference_forest(compared)

    assert list(figure.layout.yaxis.categoryarray) == ["1 − 2", "1 − 0", "2 − 0"]
    assert [s.partition(":")[0] for s in compared.verdicts()] == [
        "1 is better than 2",
        "1 is better than 0",
        "2 is better than 0",
    ]
    assert list(figure.data[0].x) == pytest.approx([25, 40, 15])
    assert (np.subtract(figure.data[0].x, figure.data[0].error_x.arrayminus) > 0).all()
    assert [trace.name for trace in figure.data] == [
        "better: the interval leaves out 0",
        "stripe: less than 1 point",
    ]


def test_the_forest_of_robustness_names_epsilon_and_can_show_one():
    compared = compare([_robust(), _robust("bundled/vgg")])

    assert list(difference_forest(compared, condition={"epsilon": 4 / 255}).data[0].y) == [
        "ResNet − VGG, ε = 4/255"
    ]
    assert len(difference_forest(compared).data[0].y) == 3


def test_the_forest_crosses_out_pairs_with_an_upper_bound_but_not_their_clean_images():
    compared = compare([_red(_robust()), _robust("bundled/vgg"), _robust("bundled/vit")])

    clean = difference_forest(compared, condition={"epsilon": 0.0})
    attacked = difference_forest(compared, condition={"epsilon": 4 / 255})

    rows = {trace.marker.symbol: trace.y for trace in attacked.data}
    assert sorted(rows["x-open"]) == ["ResNet − VGG, ε = 4/255", "ResNet − ViT, ε = 4/255"]
    assert list(rows["circle-open"]) == ["VGG − ViT, ε = 4/255"]
    assert "x-open" not in [trace.marker.symbol for trace in clean.data]


def test_every_figure_can_be_sent_to_a_browser_in_both_themes():
    accuracy, robust = accuracy_result(LABELS, PREDICTIONS), _robust()
    compared = compare([accuracy, accuracy])
    for theme in ("light", "dark"):
        figures = [
            accuracy_bars([accuracy], theme=theme),
            reliability_diagram([accuracy], theme=theme),
            confusion_heatmap(accuracy, theme=theme),
            per_class_bars([accuracy], theme=theme),
            accuracy_versus_epsilon([robust], theme=theme),
            robustness_score([robust], theme=theme),
            survival([_red(robust)], theme=theme),
            per_class(robust, theme=theme),
            difference_forest(compared, theme=theme),
        ]
        for figure in figures:
            assert json.loads(figure.to_json())["layout"]["xaxis"]["title"]["text"]
