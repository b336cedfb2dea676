"""Corruptions, example by example: each cell is what the corruption and the model make of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_measuring_accuracy import toy_dataset
from torch import nn
from toy_models import digits_dataset, digits_model, linear_model, model_of

from usable_core import evaluate_corruption
from usable_core.catalog import implementation
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.corruptions import sharing
from usable_core.errors import Cancelled, DatasetRefused, IncompatibleLabels
from usable_core.evaluations.corruption import CORRUPTION_COLUMNS, CorruptionConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.files import write_parquet
from usable_core.measuring import accuracy
from usable_core.measuring.corruption import measure
from usable_core.randomness import example_seeds
from usable_core.runs.artifacts import RECORDS

CHOSEN = ("gaussian_noise", "fog", "jpeg_compression")


def config(**settings):
    settings = {"corruptions": CHOSEN, "severities": (1, 4)} | settings
    return CorruptionConfig(ModelSpec("toy"), DatasetSpec("toy"), **settings)


@pytest.fixture(scope="module")
def trained():
    return digits_model(epochs=2)


@pytest.fixture(scope="module")
def part():
    return digits_dataset(1297, 1377)


@pytest.fixture(scope="module")
def found(trained, part):
    return measure(model=trained, dataset=part, config=config())


def test_every_cell_is_what_the_model_says_of_the_corrupted_pictures(trained, part, found):
    x = torch.stack([trained.preprocessing.geometry(part[i][0]) for i in range(len(part))])
    seeds = example_seeds(part.ids, 0)

    for name in CHOSEN:
        for severity in (1, 4):
            corrupted = implementation(CORRUPTIONS[name].function)(x, severity, seeds)
            with torch.no_grad():
                probabilities = trained(corrupted).double().softmax(1).numpy()
            rows = found.records[
                (found.records["corruption"] == name) & (found.records["severity"] == severity)
            ]

            assert rows["index"].tolist() == list(range(len(part)))
            assert tuple(rows["id"]) == part.ids
            assert (rows["label"] == part.targets).all()
            assert (rows["prediction"].to_numpy() == probabilities.argmax(1)).all()
            assert rows["confidence"].to_numpy() == pytest.approx(probabilities.max(1), abs=1e-4)
            true = probabilities[np.arange(len(part)), part.targets]
            assert rows["nll"].to_numpy() == pytest.approx(-np.log(true), abs=1e-3)


def test_the_clean_side_is_what_accuracy_measures(trained, part, found):
    clean = accuracy.measure(
        model=trained,
        dataset=part,
        config=accuracy.AccuracyConfig(ModelSpec("toy"), DatasetSpec("toy")),
    )
    rows = found.records.drop_duplicates("index")

    assert (rows["clean_prediction"].to_numpy() == clean.records["prediction"].to_numpy()).all()
    assert rows["clean_confidence"].to_numpy() == pytest.approx(
        clean.records["confidence"].to_numpy(), abs=1e-5
    )
    assert found.clean_accuracy == clean.accuracy
    assert 0.5 < found.mean_corruption_accuracy.value < 1, "the scene is not set"


def test_the_records_are_complete_and_small(part, found):
    assert tuple(found.records.columns) == CORRUPTION_COLUMNS
    assert len(found.records) == len(part) * 6
    assert found.records.drop(columns="id").memory_usage().sum() / 480 < 30  # bytes a row
    assert found.records["id"].dtype == "category"
    assert found.records["corruption"].dtype == "category"
    assert found.image_size == (8, 8)


def test_the_batch_size_and_the_order_of_the_examples_change_nothing(trained, part, found):
    one = measure(model=trained, dataset=part, config=config(batch_size=7))
    order = np.arange(len(part))[::-1]
    turned = part.take(order)
    other = measure(model=trained, dataset=turned, config=config())

    assert (one.records["prediction"] == found.records["prediction"]).all()
    assert one.records["nll"].to_numpy() == pytest.approx(found.records["nll"], abs=1e-3)
    assert (other.corrupted[::-1] == found.corrupted).all()


def test_another_seed_is_another_draw(trained, part, found):
    other = measure(model=trained, dataset=part, config=config(seed=1))

    is_drawn = found.records["corruption"] != "jpeg_compression"
    same = np.isclose(other.records["nll"], found.records["nll"], atol=1e-6)
    assert same[~is_drawn].all()
    assert same[is_drawn].mean() < 0.1


def test_progress_reaches_the_end_with_both_accuracies(trained, part):
    told = []

    found = measure(
        model=trained,
        dataset=part,
        config=config(batch_size=32),
        report=lambda done, total, message, **metrics: told.append((done, total, metrics)),
    )

    total = 80 * 7  # the clean pass and six cells
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1][:2] == (total, total)
    assert told[-1][2]["corruption_accuracy"] == pytest.approx(found.mean_corruption_accuracy.value)
    assert told[-1][2]["clean_accuracy"] == pytest.approx(found.clean_accuracy.value)


def test_cancelling_stops_the_work_and_restores_the_model(trained, part):
    told = []

    def stop(done, total, message, **metrics):
        told.append(message)
        if len(told) == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        measure(model=trained, dataset=part, config=config(), report=stop)

    assert told == ["Classifying", "Gaussian noise, severity 1"]
    assert all(p.is_contiguous() for p in trained.network.parameters())


def test_readers_are_told_what_the_numbers_do_not_compare_with(trained, part):
    model = model_of(nn.Sequential(linear_model(32).network, nn.Softmax(1)), size=32, classes=3)
    published = measure(model=model, dataset=toy_dataset(6, "012", 32), config=config())
    other = measure(model=trained, dataset=part, config=config(corruptions=("frost",)))

    assert len(published.provenance.warnings) == 1
    assert "probabilities, not logits" in published.provenance.warnings[0]
    assert "8 x 8 pixels with the constants of CIFAR-C" in other.provenance.warnings[0]
    assert "not taken from the photographs" in other.provenance.warnings[1]


def test_pictures_are_read_once(trained, part):
    reads = []

    def read(i):
        reads.append(i)
        return part[i][0]

    measure(model=trained, dataset=replace(part.take(range(20)), open=read), config=config())

    assert sorted(reads) == list(range(20))


def test_unknown_classes_and_empty_parts_are_refused():
    with pytest.raises(IncompatibleLabels, match="Fine-tune"):
        measure(model=linear_model(), dataset=toy_dataset(6, ["0", "1", "frog"]), config=config())
    with pytest.raises(DatasetRefused, match="no examples"):
        measure(model=linear_model(), dataset=toy_dataset(6, "012").take([]), config=config())


def test_python_asks_the_same_question_and_records_survive_storage(trained, part, found, tmp_path):
    import pandas as pd

    again = evaluate_corruption(trained, part, corruptions=CHOSEN, severities=(1, 4))

    write_parquet(tmp_path / RECORDS, again.records)
    stored = pd.read_parquet(tmp_path / RECORDS)
    assert stored.dtypes.tolist() == found.records.dtypes.tolist()
    assert stored["prediction"].tolist() == found.records["prediction"].tolist()


def test_models_measured_together_are_shown_the_same_corrupted_pictures(
    trained, part, found, monkeypatch
):
    made = []

    def counted(dotted):
        def corrupt(x, severity, seeds):
            made.append((dotted, severity))
            return implementation(dotted)(x, severity, seeds)

        return corrupt

    monkeypatch.setattr(sharing, "implementation", counted)
    other = digits_model(epochs=1)
    with sharing.shared():
        measure(model=other, dataset=part, config=config())
        cells = len(made)
        again = measure(model=trained, dataset=part, config=config())
        together = len(made)
        measure(model=trained, dataset=part, config=config(seed=1))
        measure(model=trained, dataset=digits_dataset(1217, 1297), config=config())
    measure(model=trained, dataset=part, config=config())

    assert cells == together == 2 * len(CHOSEN)
    assert len(made) == 4 * cells  # other seeds, other pictures, and nobody beside it
    assert again.records.equals(found.records)


def test_no_more_corrupted_pictures_are_kept_than_fit_whatever_is_measured(
    trained, part, found, monkeypatch
):
    with sharing.shared():
        measure(model=trained, dataset=part, config=config())
        one = sum(made.nbytes for made in sharing._made.get().values())
    monkeypatch.setattr(sharing, "MOST_BYTES", int(1.5 * one))
    with sharing.shared():
        measure(model=trained, dataset=part, config=config(seed=1))
        again = measure(model=trained, dataset=part, config=config())

        assert one < sum(made.nbytes for made in sharing._made.get().values()) <= 1.5 * one
    assert again.records.equals(found.records)
