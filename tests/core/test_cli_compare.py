"""`usable compare` for people: tables with units, short names, sentences; and its JSON."""

import os

import numpy as np
import pandas as pd
import pytest
from made_results import accuracy_result, provenance, robustness_result
from test_cli import as_json, said

from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig, TrainingResult
from usable_core.runs import RunStore

LABELS = np.zeros(200, int)
LONG = "folder//data/team/models/2026-11-26/very long name of a run/resnet_final"


def _right(count):
    return (np.arange(200) >= count).astype(int)


def _stored(result):
    store = RunStore()
    run = store.create(result.config)
    store.start(run.id, os.getpid())
    store.finish(run.id, result)
    return run.id


@pytest.fixture
def runs():
    found = ((120, LONG), (180, "bundled/vgg"), (118, "bundled/resnet"))
    return [_stored(accuracy_result(LABELS, _right(n), model=name)) for n, name in found]


def test_tables_have_units_and_short_names_and_no_nan(capsys, runs):
    out, _ = said(capsys, "compare", *runs)

    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == "3 models on digits (test)"
    assert "VGG 90.0 % 85.1 % to 93.4 % 200 A" in lines
    assert "resnet_final 60.0 % 53.1 % to 66.5 % 200 B" in lines
    assert any(
        line.startswith("VGG is better than resnet_final: accuracy 90.0 % against 60.0 %, ")
        for line in lines
    )
    pair = next(line for line in lines if line.startswith("resnet_final − ResNet"))
    assert pair.startswith("resnet_final − ResNet 1.00 −")
    assert pair.endswith(" 2 0 0.5 0.5")  # right alone, p, and p after Holm
    assert "nan" not in out.lower()
    assert LONG not in out


def test_json_has_full_names_beside_short_ones(capsys, runs):
    found = as_json(capsys, "compare", *runs)

    assert found["runs"] == runs
    assert [(m["model"], m["short_name"], m["group"]) for m in found["models"]] == [
        (LONG, "resnet_final", "B"),
        ("bundled/vgg", "VGG", "A"),
        ("bundled/resnet", "ResNet", "B"),
    ]
    first = found["pairs"][0]
    kept = {"epsilon", "first", "second", "n", "accuracy_first", "accuracy_second", "lost"}
    kept |= {"gained", "difference", "low", "high", "p", "p_holm", "verdict"}
    assert kept < set(first)
    assert (first["first"], first["second"], first["status"]) == (LONG, "bundled/vgg", "better")
    assert first["low"] <= first["difference"] <= first["high"]
    assert 2.2 < found["critical_value"] < 2.4


def test_budgets_are_written_as_people_write_them(capsys):
    attacked = [[_right(150), _right(k)] for k in (20, 60)]
    runs = [
        _stored(
            robustness_result(LABELS, a[0], a, epsilons=(0.0, 4 / 255), model=f"bundled/{name}")
        )
        for a, name in zip(attacked, ("resnet", "vgg"), strict=True)
    ]

    out, _ = said(capsys, "compare", *runs)

    assert "robust accuracy at ε = 4/255 (L∞, pgd) 30.0 % against 10.0 %" in out
    assert "ε = 0 " in out
    assert "0.0157" not in out


def test_one_run_is_refused_with_a_sentence(capsys, runs):
    assert "needs two or more results, but got 1" in said(capsys, "compare", runs[0], status=2)[1]


def test_the_best_is_said_and_stands_in_json(capsys, runs):
    out, _ = said(capsys, "compare", *runs)
    assert "The best in accuracy is VGG (95 %, n = 200)." in out

    (found,) = as_json(capsys, "compare", *runs)["best"]
    assert found["best"] == ["bundled/vgg"]
    assert found["examples_to_separate"] is None
    assert found["chance_first"]["bundled/vgg"] > 0.95


def test_a_model_trained_here_is_called_as_on_the_pages(capsys, runs):
    config = FineTuningConfig(ModelSpec("bundled/resnet"), DatasetSpec("digits"))
    records = pd.DataFrame({"epoch": [1.0], "validation_accuracy": [0.5], "train_loss": [1.0]})
    training = _stored(TrainingResult(config, provenance(), records, {}))
    own = _stored(accuracy_result(LABELS, _right(150), model=f"run/{training}"))

    out, _ = said(capsys, "compare", own, runs[1])

    assert "VGG is better than ResNet · Digits" in out
    assert "Fine-tuning" not in out
