import numpy as np
import pandas as pd

from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.specs import DatasetSpec
from usable_core.plots.training import training_curves

RECORDS = pd.DataFrame(
    {
        "epoch": [0.5, 1.0, 2.0],
        "train_loss": [2.0, 1.0, 0.5],
        "train_accuracy": [0.2, 0.5, 0.9],
        "validation_loss": [np.nan, 1.2, 0.7],
        "validation_accuracy": [np.nan, 0.4, 0.8],
        "task_loss": [np.nan, 1.0, 0.5],
    }
)


def _lines(figure):
    return {(t.name, t.xaxis): (list(t.x), list(t.y)) for t in figure.data}


def test_training_curves_show_the_recorded_numbers_in_percent():
    lines = _lines(training_curves(RECORDS))

    assert lines["training", "x2"] == ([0.5, 1.0, 2.0], [20.0, 50.0, 90.0])
    assert lines["validation", "x2"] == ([1.0, 2.0], [40.0, 80.0])
    assert lines["validation", "x"] == ([1.0, 2.0], [1.2, 0.7])


def test_source_and_task_losses_appear_only_when_there_is_a_source():
    without = _lines(training_curves(RECORDS))
    joint = _lines(training_curves(RECORDS.assign(source_loss=[np.nan, 0.3, 0.2])))

    assert ("task, L_fine", "x") not in without
    assert joint["source, L_pre", "x"][1] == [0.3, 0.2]
    assert ("task, L_fine", "x") in joint


def test_curves_of_nothing_are_an_empty_figure():
    assert len(training_curves(pd.DataFrame()).data) == 0


def test_training_and_validation_differ_by_more_than_colour_in_both_themes():
    for theme in ("light", "dark"):
        dashes = {t.name: t.line.dash for t in training_curves(RECORDS, theme).data}
        assert dashes["training"] != dashes["validation"]


def test_what_is_no_accuracy_on_classes_is_not_called_so():
    contrastive = PretrainingConfig("small_vgg", DatasetSpec("digits"), objective="contrastive")
    texts = PretrainingConfig("bert", DatasetSpec("languages"))
    supervised = PretrainingConfig("small_vgg", DatasetSpec("digits"))

    names = [config.counted for config in (contrastive, texts, supervised)]

    assert names == ["Views found", "Pieces guessed", "Accuracy"]
    for name in names:
        titles = [note.text for note in training_curves(RECORDS, counted=name).layout.annotations]
        assert titles == ["Loss", name]
