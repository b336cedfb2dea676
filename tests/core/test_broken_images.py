"""Which images a number is made of: broken, apart, worst; and what a click on a figure names."""

import numpy as np
import pandas as pd
import pytest
from made_corruptions import corruption_result
from made_results import accuracy_result, provenance, robustness_result

from usable_core.comparison import compare
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.plots import accuracy, comparison, corruption, explanation, robustness_by_class

LABELS = np.array([0, 0, 1, 2])
CLEAN = np.array([0, 1, 1, 2])  # the second is wrong
# (4 examples, fog and snow, severities 1 and 5)
CORRUPTED = np.array([[[0, 0], [0, 1]], [[0, 1], [1, 1]], [[1, 0], [1, 0]], [[2, 2], [2, 0]]])


def test_a_cell_breaks_what_was_right_when_clean_the_surest_first():
    sure = np.full(CORRUPTED.shape, 0.5)
    sure[3, 1, 1] = 0.9
    found = corruption_result(LABELS, CLEAN, CORRUPTED, confidence=sure)

    assert list(found.broken("snow", 5)["index"]) == [3, 0, 2]
    assert list(found.broken("fog", 5)["index"]) == [2]
    assert found.broken("fog", 1).empty
    assert list(found.broken()["index"]) == [1], "wrong when clean, once"


def test_an_attack_breaks_what_was_right_when_clean_and_what_breaks_first_comes_first():
    labels = np.array([0, 0, 1, 1, 2])
    clean = np.array([0, 1, 1, 1, 2])  # the second is wrong
    attacked = [clean, np.array([0, 1, 1, 0, 2]), np.array([1, 1, 0, 0, 2])]
    found = robustness_result(labels, clean, attacked, epsilons=(0.0, 0.01, 0.03))

    assert list(found.broken()["index"]) == [3, 0, 2]
    assert list(found.broken()["breaks"]) == [0.01, 0.03, 0.03]
    assert list(found.broken(0.01)["index"]) == [3]
    assert list(found.broken(0.03, 1)["index"]) == [3, 2]
    assert found.broken(0.0).empty
    assert found.broken(0.03, 2).empty


def test_apart_is_where_exactly_one_of_two_is_right():
    labels = np.zeros(6, int)
    right = {"a": [1, 1, 0, 0, 1, 0], "b": [1, 0, 1, 0, 1, 0], "c": [0, 0, 0, 1, 0, 0]}
    results = [
        accuracy_result(labels, 1 - np.array(of), model=f"bundled/{name}")
        for name, of in right.items()
    ]
    found = compare(results, names=list(right))

    assert list(found.apart("a", "b")["index"]) == [1, 2]
    assert list(found.apart("c", "b")["index"]) == [0, 2, 3, 4]
    places = comparison.pairs_by_place(found)
    assert set(map(frozenset, places.values())) == {
        frozenset(pair) for pair in (("a", "b"), ("a", "c"), ("b", "c"))
    }
    assert set(clickable(comparison.difference_forest(found))) == set(places)


def explained():
    rows = [
        {
            "index": i,
            "id": f"image{i}",
            "label": 0,
            "prediction": 1,
            "target": 1,
            "method": method,
            "evaluations": 10,
            "seconds": 0.1,
            "deletion_gain": gain * (i + 1),
            "insertion_gain": gain,
        }
        for i in range(3)
        for method, gain in (("lime", -1.0), ("saliency", 1.0))
    ]
    config = ExplanationConfig(
        ModelSpec("bundled/vgg"), DatasetSpec("digits"), ("lime", "saliency")
    )
    return ExplanationResult(config, provenance("bundled/vgg"), pd.DataFrame(rows))


def test_the_worst_maps_of_one_method():
    found = explained()
    assert set(found.worst(9)["method"]) == {"lime"}
    assert set(found.worst(9, "saliency")["method"]) == {"saliency"}
    assert list(found.worst(1, "lime")["index"]) == [2]
    places = explanation.quality_places([found], names=["VGG"])
    assert places == {"0 lime": "LIME of VGG", "0 saliency": "Saliency of VGG"}
    assert set(clickable(explanation.quality([found], "deletion_gain", "Gain"))) == set(places)


def clickable(figure):
    """What clicks on a figure name, without the mere hover texts."""
    found = []
    for trace in figure.data:
        if trace.type != "heatmap" and trace.customdata is not None:
            found += [about[-1] for about in trace.customdata]
    return found


MADE = {
    "corruption": (
        corruption_result(LABELS, CLEAN, CORRUPTED),
        corruption.corruption_heat_map,
        corruption.corruption_places,
    ),
    "class": (
        robustness_result(LABELS, CLEAN, [CLEAN, 1 - CLEAN], epsilons=(0.0, 0.1)),
        robustness_by_class.per_class,
        robustness_by_class.class_places,
    ),
    "confusion": (
        accuracy_result(LABELS, CLEAN),
        accuracy.confusion_heatmap,
        accuracy.confusion_places,
    ),
}


@pytest.mark.parametrize("kind", MADE)
def test_every_cell_that_can_be_clicked_can_be_chosen_by_name(kind):
    result, draw, places = MADE[kind]
    assert set(clickable(draw(result))) == set(places(result))


def test_a_click_on_a_cell_names_what_lies_under_it():
    figure = corruption.corruption_heat_map(MADE["corruption"][0])
    heat, bars = figure.data
    cells = {(bars.x[k], bars.base[k] + 0.5): bars.customdata[k] for k in range(len(bars.x))}
    assert cells[2, 1][1] == "snow 5"  # the last column of the second row
    assert cells[0, 1][1] == "clean"
    assert cells[2, 1][0] == heat.customdata[1][2]


def test_of_many_classes_the_cells_with_most_errors_come_first():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(500), 4)
    predictions = np.where(rng.random(2000) < 0.3, rng.integers(0, 500, 2000), labels)
    predictions[:4] = 7  # one cell with four errors
    names = tuple(f"class {i}" for i in range(500))
    places = accuracy.confusion_places(accuracy_result(labels, predictions, names=names))

    assert next(iter(places)) == "0 7"
    assert places["0 7"] == "class 0 called class 7: 4"
    assert len(places) <= 30 * 29
    assert accuracy.confusion_places(accuracy_result(LABELS, LABELS)) == {}
