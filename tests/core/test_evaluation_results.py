import dataclasses
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from made_results import accuracy_result, provenance, robustness_result

from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.robustness import Check
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import PretrainingConfig, TrainingResult

PROPORTION = {"value", "low", "high", "n"}
LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTIONS = np.array([0, 0, 1, 1, 2, 2])


@pytest.fixture
def robust():
    clean = [0, 0, 0, 1, 2, 2]
    attacked = [clean, [0, 0, 1, 1, 2, 0], [1, 1, 1, 0, 2, 0]]
    noisy = [clean, [0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 1, 2]]
    return robustness_result(LABELS, clean, attacked, noisy)


def test_accuracy_numbers_are_those_counted_by_hand():
    result = accuracy_result(LABELS, PREDICTIONS, rank=[0, 0, 1, 0, 5, 0])

    assert result.accuracy.value == pytest.approx(4 / 6)
    assert result.top5.value == pytest.approx(5 / 6)
    assert result.balanced_accuracy.value == pytest.approx((2 / 3 + 1 / 2 + 1) / 3)
    assert result.majority_baseline.value == pytest.approx(3 / 6)
    assert result.per_class["recall"].tolist() == pytest.approx([2 / 3, 1 / 2, 1])
    assert result.per_class["class_name"].tolist() == ["cat", "dog", "fox"]
    assert result.confusion.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert result.ece().value == pytest.approx(abs(4 / 6 - 0.8))
    assert result.brier.value == pytest.approx(0.75)


def test_the_accuracy_summary_is_json_with_the_promised_shapes():
    summary = accuracy_result(LABELS, PREDICTIONS).summary()

    assert set(summary["accuracy"]) == PROPORTION
    assert {"top5", "ece", "balanced_accuracy", "brier", "nll"} <= set(summary)
    assert set(summary["per_class"][0]["recall"]) == PROPORTION
    assert summary["confusion"] == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert summary["confusion_classes"] == ["cat", "dog", "fox"]
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_a_large_confusion_is_cut_to_the_classes_with_errors_and_says_so():
    names = tuple(f"c{i}" for i in range(300))
    labels = np.arange(300)
    predictions = labels.copy()
    predictions[250] = 251

    summary = accuracy_result(labels, predictions, names=names).summary()

    assert len(summary["confusion"]) == 100
    assert {"c250", "c251"} <= set(summary["confusion_classes"])
    assert summary["confusion_left_out"] == 300 - int(np.sum(summary["confusion"]))


def test_the_frame_of_an_accuracy_result_names_the_classes():
    frame = accuracy_result(LABELS, PREDICTIONS).to_frame()

    assert frame.loc[2, ["label_name", "prediction_name", "correct"]].tolist() == [
        "cat",
        "dog",
        False,
    ]


def test_robustness_numbers_are_those_counted_by_hand(robust):
    assert robust.n == 6
    assert robust.clean_accuracy.value == pytest.approx(5 / 6)
    assert [p.value for p in robust.robust_accuracy] == pytest.approx([5 / 6, 3 / 6, 0])
    assert [e.value for e in robust.robustness] == pytest.approx([0, -2 / 6, -5 / 6])
    assert [p.value for p in robust.conditional_success] == pytest.approx([0, 2 / 5, 1])
    assert robust.conditional_success[0].n == 5
    assert [p.value for p in robust.noise_accuracy] == pytest.approx([5 / 6, 1, 5 / 6])
    assert robust.flips.to_numpy().tolist() == [[0, 0, 0, 0], [0.01, 2, 0, 1], [0.03, 5, 1, 1]]
    assert robust.area.value == pytest.approx((0.01 * (5 / 6 + 0.5) / 2 + 0.02 * 0.25) / 0.03)


def test_epsilon_zero_is_clean_accuracy_without_an_interval_on_the_difference(robust):
    assert robust.robust_accuracy[0] == robust.clean_accuracy
    assert (robust.robustness[0].low, robust.robustness[0].high) == (0, 0)
    assert robust.robustness[1].low < -2 / 6 < robust.robustness[1].high <= 0


def test_the_order_of_the_rows_does_not_matter(robust):
    shuffled = robust_of(robust, robust.records.sample(frac=1, random_state=0))

    assert shuffled.summary() == robust.summary()


def robust_of(result, records):
    return type(result)(result.config, result.provenance, records)


def test_the_robustness_summary_is_json_with_the_promised_shapes(robust):
    summary = robust.summary()

    assert summary["attack"] == "pgd"
    assert summary["norm"] == "linf"
    assert summary["epsilons"] == [0, 0.01, 0.03]
    assert set(summary["clean_accuracy"]) == PROPORTION
    for key in ("robust_accuracy", "robustness", "noise_accuracy", "conditional_success"):
        assert [set(entry) for entry in summary[key]] == [PROPORTION] * 3
    assert summary["seconds"] == 1.5
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_a_model_wrong_on_everything_has_no_conditional_success():
    result = robustness_result([0, 0], [1, 1], [[1, 1]], epsilons=(0.01,))

    assert np.isnan(result.conditional_success[0].value)
    assert result.summary()["conditional_success"][0]["value"] is None


def test_explanations_are_summed_up_per_method_with_gaps_where_undefined():
    records = pd.DataFrame(
        {
            "index": [0, 1, 0, 1],
            "id": list("abab"),
            "label": [0, 1, 0, 1],
            "prediction": [0, 1, 0, 1],
            "target": [0, 1, 0, 1],
            "method": ["lime", "lime", "partition_shap", "partition_shap"],
            "r2": [0.5, 0.9, np.nan, np.nan],
            "additivity_gap": [np.nan, np.nan, 1e-7, 3e-7],
            "evaluations": [300, 300, 200, 202],
            "seconds": [1.0, 3.0, 1.0, 1.0],
        }
    )
    config = ExplanationConfig(ModelSpec("bundled/resnet"), DatasetSpec("digits"))

    result = ExplanationResult(config, provenance(), records)

    methods = result.summary()["methods"]
    assert [m["method"] for m in methods] == ["lime", "partition_shap"]
    assert methods[0]["r2"] == pytest.approx(0.7)
    assert methods[0]["additivity_gap"] is None
    assert methods[1]["additivity_gap_largest"] == pytest.approx(3e-7)
    assert result.n == 2
    assert result.to_frame()["target_name"].tolist() == ["cat", "dog", "cat", "dog"]


def test_training_names_its_best_epoch_and_what_the_card_measured():
    records = pd.DataFrame(
        {
            "epoch": [1, 2, 3],
            "validation_accuracy": [0.5, 0.9, 0.9],
            "train_loss": [1.0, 0.5, np.nan],
        }
    )
    config = PretrainingConfig("small_resnet", DatasetSpec("digits"))
    card = {"measured": {"accuracy": {"value": 0.9, "low": 0.8, "high": 0.95, "n": 50}}}

    result = TrainingResult(config, provenance(), records, card)

    assert result.best_epoch == 2
    assert result.summary()["measured"] == card["measured"]
    assert result.summary()["last_epoch"]["train_loss"] is None


def test_training_without_validation_has_no_best_epoch():
    records = pd.DataFrame({"epoch": [1], "validation_accuracy": [np.nan]})
    config = PretrainingConfig("small_resnet", DatasetSpec("digits"))

    assert TrainingResult(config, provenance(), records, {}).best_epoch is None


def test_asking_for_results_loads_neither_torch_nor_scipy():
    code = "import sys, usable_core.tasks, usable_core.comparison; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout

    assert not {"torch", "scipy", "sklearn"} & set(loaded.split())
    assert "usable_core.metrics.robustness" in loaded.split()


def test_a_benchmark_without_its_checks_does_not_stand_beside_leaderboards():
    bare = robustness_result(LABELS, LABELS, [LABELS] * 3, preset="benchmark")

    noise, walked = (Check(name, "green", "", {}) for name in ("noise", "descent"))

    assert not dataclasses.replace(bare, checks=(noise,)).is_comparable
    assert dataclasses.replace(bare, checks=(walked, noise)).is_comparable
