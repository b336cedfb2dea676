"""Answers as a terminal shows them: every share with its interval, and nothing but what is so."""

import numpy as np
import pandas as pd
import pytest
from made_results import accuracy_result, provenance

from usable_core.cli import accuracy, explanation
from usable_core.evaluations.explanation import ExplanationConfig, ExplanationResult
from usable_core.evaluations.explanation_columns import COLUMNS
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.evaluations.training_words import in_words


def rows(shown):
    """The cells of the tables among lines."""
    tables = [line for line in shown if not isinstance(line, str)]
    return [
        list(row) for one in tables for row in zip(*(c.cells for c in one.columns), strict=True)
    ]


def test_each_number_of_accuracy_has_its_interval():
    labels = np.array([0, 1, 2] * 20)

    shown = rows(accuracy.lines(None, accuracy_result(labels, (np.arange(60) > 12).astype(int))))

    assert [name for name, _ in shown][-2:] == ["balanced accuracy", "ECE (15 bins)"]
    assert all(" % (" in value and " to " in value for _, value in shown)


@pytest.mark.parametrize("gain", [0.5, -0.5])
def test_worst_explained_are_maps_that_something_speaks_against(gain):
    known = {"index": [0], "id": ["a"], "method": ["saliency"], "deletion_gain": [gain]}
    records = pd.DataFrame(known | {"evaluations": [1], "seconds": [1.0]})
    config = ExplanationConfig(ModelSpec("m"), DatasetSpec("digits"), ("saliency",))
    result = ExplanationResult(config, provenance(), records.reindex(columns=list(COLUMNS)))

    *_, last = explanation.lines(None, result)

    if gain > 0:
        assert last == "Nothing that was measured speaks against a map."
    else:
        assert rows([last])[0][1:3] == ["a", "saliency"]


@pytest.mark.parametrize(("epochs", "said"), [(1, "1 epoch in"), (2, "2 epochs in")])
def test_one_epoch_is_one(epochs, said):
    config = FineTuningConfig(ModelSpec("bundled/resnet"), DatasetSpec("digits"))
    columns = {"epoch": np.arange(1.0, epochs + 1), "validation_accuracy": 0.5, "train_loss": 1.0}

    first = in_words(TrainingResult(config, provenance(), pd.DataFrame(columns), {}))[0]

    assert first.startswith(said)
