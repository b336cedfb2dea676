import math

import numpy as np
import pandas as pd
import pytest
from made_results import provenance

from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.evidence import Drift, PerturbationCurve, Stability
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.plots import heatmap
from usable_core.plots.agreement import pair_table
from usable_core.plots.drift import drift_figure
from usable_core.plots.epsilon_axis import epsilon_places
from usable_core.plots.evidence import curve_title, perturbation
from usable_core.plots.explanation import quality

CURVE = PerturbationCurve(
    "deletion",
    "grey",
    (0.0, 0.4, 1.0),
    (0.9, 0.2, 0.1),
    (0.9, 0.5, 0.1),
    (0.9, 0.4, 0.1),
    (0.9, 0.6, 0.1),
    (0.9, 0.45, 0.1),
)
EPSILONS = (0.0, 1 / 255, 4 / 255)
DRIFT = Drift(
    EPSILONS, (0.9, 0.7, 0.1), (1.0, 0.8, 0.2), (True, True, False), (0.9, 0.6, 0.1), 900, 3.0
)


def test_a_curve_is_drawn_beside_random_orders_their_band_and_the_centre():
    figure = perturbation(CURVE)
    lines = {trace.name: trace for trace in figure.data}

    assert lines["this map"].y == pytest.approx((90, 20, 10))
    assert lines["this map"].x == pytest.approx((0, 40, 100))
    assert lines["random"].y == pytest.approx((90, 50, 10))
    assert lines["centre"].y == pytest.approx((90, 45, 10))
    band = next(trace for trace in figure.data if trace.fill == "toself")
    assert band.y == pytest.approx((90, 40, 10, 10, 60, 90))
    assert band.mode == "lines"


def test_a_curve_names_what_stands_at_hidden_pixels():
    assert curve_title(CURVE) == "Deletion: grey"


def test_a_table_of_pairs_holds_every_number_and_a_dash_where_there_is_none():
    figure = pair_table(["LIME", "<b>CAM"], ((1.0, -0.25), (-0.25, math.nan)), is_signed=True)

    assert list(figure.data[0].text[0]) == ["+1.00", "−0.25"]
    assert figure.data[0].x[1] == "&lt;b&gt;CAM"
    assert (figure.data[0].zmin, figure.data[0].zmax) == (-1, 1)
    assert [(a.x, a.y, a.text) for a in figure.layout.annotations] == [
        ("&lt;b&gt;CAM", "&lt;b&gt;CAM", "–")
    ]


def test_columns_of_a_table_of_pairs_bear_numbers_that_never_overlap():
    names = ["Integrated gradients", "Kernel SHAP", "LIME", "Saliency"]
    figure = pair_table(names, np.eye(4).tolist(), is_signed=False)

    assert list(figure.layout.xaxis.ticktext) == ["1", "2", "3", "4"]
    assert list(figure.layout.yaxis.ticktext)[1] == "Kernel SHAP · 2"
    assert figure.data[0].customdata[0][2] == "Integrated gradients and LIME"


def test_shares_in_a_table_of_pairs_are_percentages():
    figure = pair_table(["a", "b"], ((1.0, 0.5), (0.5, 1.0)), is_signed=False)

    assert list(figure.data[0].text[0]) == ["100 %", "50 %"]
    assert figure.data[0].zmin == 0


def series(figure, words):
    return next(t for t in figure.data if t.name == f"ResNet, {words}")


def test_drift_similarity_and_confidence_share_the_axis_of_epsilon():
    figure = drift_figure({"bundled/resnet": DRIFT}, ["ResNet"])

    similarity, confidence = series(figure, "rank correlation"), series(figure, "confidence")
    assert similarity.y == pytest.approx((0.9, 0.7, 0.1))
    assert confidence.y == pytest.approx((90, 60, 10))
    assert similarity.x == confidence.x
    assert similarity.x == pytest.approx([epsilon_places(EPSILONS)[e] for e in EPSILONS])


def test_a_lost_prediction_has_a_hollow_marker():
    symbols = series(drift_figure({"bundled/resnet": DRIFT}, ["ResNet"]), "rank correlation").marker
    assert [s.endswith("-open") for s in symbols.symbol] == [False, False, True]


def test_the_noise_level_is_drawn_and_left_out_of_the_drift():
    figure = drift_figure({"bundled/resnet": DRIFT}, ["ResNet"])

    assert series(figure, "noise level at ε = 0").y == (0.9, 0.9)
    assert series(figure, "rank correlation lost").y == pytest.approx((0, 0.2, 0.8))


def test_maps_without_an_order_draw_no_noise_level():
    blank = Drift(EPSILONS, (math.nan,) * 3, (0.0,) * 3, (True,) * 3, (0.9,) * 3, 9, 1.0)

    names = [t.name for t in drift_figure({"bundled/resnet": blank}, ["ResNet"]).data]

    assert not [name for name in names if "noise" in name]


@pytest.mark.parametrize(
    ("epsilon", "norm", "text"),
    [
        (0.0, "linf", "0"),
        (0.125 / 255, "linf", "0.125/255"),
        (16 / 255, "linf", "16/255"),
        (0.5, "l2", "0.5"),
    ],
)
def test_a_budget_is_written_in_grey_levels(epsilon, norm, text):
    assert epsilon_label(epsilon, norm) == text


def test_the_credit_of_a_superpixel_is_the_sum_of_its_pixels():
    segments = np.array([[0, 0, 1], [2, 2, 1]])
    values = np.array([[1.0, 2.0, -4.0], [0.5, 0.0, -1.0]])

    frame = heatmap.credits_frame(values, segments)

    assert frame["value"].tolist() == [3.0, -5.0, 0.5]
    assert frame["rank"].tolist() == [2, 1, 3]


def test_intervals_join_the_table_of_superpixels_and_tell_which_signs_are_settled():
    frame = heatmap.values_frame(np.array([[0.5, -0.1]]), np.array([[0, 1]]))
    known = Stability((0.5, -0.1), (0.4, -0.3), (0.6, 0.1), 0.2, 4, False)

    joined = heatmap.with_stability(frame, known)

    assert joined["low"].tolist() == [0.4, -0.3]
    assert joined["high"].tolist() == [0.6, 0.1]
    assert joined["is_settled"].tolist() == [True, False]


@pytest.mark.parametrize(
    "stability", [None, Stability((0.5, -0.1), (-np.inf,) * 2, (np.inf,) * 2, np.inf, 4, False)]
)
def test_without_intervals_every_sign_counts_as_settled(stability):
    frame = heatmap.values_frame(np.array([[0.5, -0.1]]), np.array([[0, 1]]))

    joined = heatmap.with_stability(frame, stability)

    assert joined["is_settled"].all()
    assert joined["low"].isna().all()


def quality_result(gains):
    rows = [
        {
            "index": i,
            "id": str(i),
            "label": 0,
            "prediction": 1,
            "target": 1,
            "method": method,
            "r2": math.nan,
            "additivity_gap": math.nan,
            "evaluations": 100,
            "seconds": 0.5,
            "deletion_gain": gain,
        }
        for method, of in gains.items()
        for i, gain in enumerate(of)
    ]
    config = ExplanationConfig(ModelSpec("bundled/resnet"), DatasetSpec("digits"), tuple(gains))
    return ExplanationResult(config, provenance(), pd.DataFrame(rows))


def test_quality_is_drawn_per_method_with_its_interval():
    figure = quality(
        [quality_result({"lime": (0.4, 0.5, 0.6), "saliency": (0.1, 0.1, 0.1)})],
        "deletion_gain",
        "Gain",
        names=["ResNet"],
    )

    (marks,) = figure.data
    assert marks.x == pytest.approx((0.5, 0.1))
    assert marks.y == ("LIME", "Saliency")
    assert marks.error_x.array == pytest.approx((0.1, 0.0))
    assert marks.error_x.arrayminus == pytest.approx((0.1, 0.0))
    assert figure.layout.yaxis.categoryarray == ("Saliency", "LIME")  # from below


def test_marks_of_several_backbones_stand_beside_each_other_off_the_axis_of_the_number():
    results = [quality_result({"lime": (0.4, 0.6)})] * 2

    figure = quality(results, "deletion_gain", "Gain", names=["one", "two"])

    assert figure.layout.scattermode == "group"
    # Grouped marks move along the axis that their orientation leaves: without it, along x.
    assert [marks.orientation for marks in figure.data] == ["h", "h"]


def test_a_method_without_the_figure_has_no_mark():
    figure = quality(
        [quality_result({"lime": (0.4,), "saliency": (math.nan,)})], "deletion_gain", "Gain"
    )

    assert figure.data[0].y == ("LIME",)
