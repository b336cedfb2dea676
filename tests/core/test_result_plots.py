import json

import numpy as np
import pytest
from made_results import accuracy_result, robustness_result

from usable_core.comparison import compare
from usable_core.plots.accuracy import (
    accuracy_bars,
    confusion_heatmap,
    per_class_bars,
    reliability_diagram,
)
from usable_core.plots.comparison import difference_forest
from usable_core.plots.robustness import accuracy_versus_epsilon, robustness_score
from usable_core.plots.style import COLORS, epsilon_label, model_style, percent

LABELS = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2, 2])
PREDICTIONS = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 0])
GRID = (0.0, 1 / 255, 4 / 255)


def _robust(model="bundled/resnet", **settings):
    clean = PREDICTIONS
    first, second = clean.copy(), np.where(LABELS == 0, 1, 0)
    first[:2] = 2
    return robustness_result(
        LABELS, clean, [clean, first, second], [clean, clean, first], epsilons=GRID,
        model=model, **settings,
    )  # fmt: skip


def _trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_a_model_looks_the_same_everywhere_and_other_models_look_different():
    names = ["bundled/resnet", "bundled/vgg", "bundled/vit", "bundled/resnet_robust"]

    styles = [model_style(name) for name in names]

    assert len({s.color for s in styles}) == len({s.symbol for s in styles}) == 4
    assert model_style("run/abc") == model_style("run/abc")
    assert model_style("run/abc", "dark").color in COLORS["dark"]
    assert model_style("run/abc", "dark").dash == model_style("run/abc").dash


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
    [(0, "linf", "0"), (4 / 255, "linf", "4/255"), (0.25 / 255, "linf", "0.25/255"),
     (0.01, "linf", "0.01"), (0.5, "l2", "0.5"), (0.0, "l2", "0")],
)  # fmt: skip
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
    assert list(figure.layout.xaxis.ticktext) == ["0", "1/255", "4/255"]
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
    assert one.line.color == model_style("bundled/resnet").color
    assert two.line.color == model_style("bundled/vgg").color


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
    assert list(line.customdata) == [5, 5]


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
    assert {"c150", "c003"} <= set(heat.layout.xaxis.ticktext)
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
    compared = compare([
        accuracy_result(clean, other, model="a/one"), accuracy_result(clean, clean, model="a/two"),
    ])  # fmt: skip

    points = difference_forest(compared).data[0]

    assert list(points.x) == pytest.approx([30])
    assert list(points.y) == ["a/two − a/one"]
    assert list(points.marker.symbol) == ["circle"]
    assert points.x[0] - points.error_x.arrayminus[0] == pytest.approx(
        100 * compared.pairs["low"][0]
    )


def test_the_forest_of_robustness_names_epsilon_and_can_show_one():
    compared = compare([_robust(), _robust("bundled/vgg")])

    assert list(difference_forest(compared, epsilon=4 / 255).data[0].y) == [
        "bundled/vgg − bundled/resnet, ε = 4/255"
    ]
    assert len(difference_forest(compared).data[0].y) == 3


def test_every_figure_can_be_sent_to_a_browser_in_both_themes():
    accuracy, robust = accuracy_result(LABELS, PREDICTIONS), _robust()
    compared = compare([accuracy, accuracy])
    for theme in ("light", "dark"):
        figures = [
            accuracy_bars([accuracy], theme=theme), reliability_diagram([accuracy], theme=theme),
            confusion_heatmap(accuracy, theme=theme), per_class_bars([accuracy], theme=theme),
            accuracy_versus_epsilon([robust], theme=theme), robustness_score([robust], theme=theme),
            difference_forest(compared, theme=theme),
        ]  # fmt: skip
        for figure in figures:
            assert json.loads(figure.to_json())["layout"]["xaxis"]["title"]["text"]
