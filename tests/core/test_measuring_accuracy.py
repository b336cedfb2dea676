"""Accuracy, example by example: against numbers worked out by hand and by scikit-learn."""

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.metrics import log_loss
from torch import nn
from toy_models import (
    LinearNetwork,
    dataset_of,
    digits_dataset,
    digits_model,
    linear_model,
    model_of,
)

from usable_core.datasets.contents import LOOKS
from usable_core.errors import Cancelled, IncompatibleLabels
from usable_core.evaluations.accuracy import ACCURACY_COLUMNS, AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.labels import LabelSpace
from usable_core.measuring.accuracy import measure, outcomes
from usable_core.measuring.kept_pictures import surest_errors
from usable_core.measuring.label_matching import label_warnings, target_indices
from usable_core.measuring.provenance import evaluated_part


def config(**settings):
    limit = settings.pop("limit", None)
    return AccuracyConfig(ModelSpec("toy"), DatasetSpec("toy", limit=limit), **settings)


@pytest.fixture(scope="module")
def trained():
    return digits_model(epochs=2)


def toy_dataset(count, names, size=8):
    pixels = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    return dataset_of(pixels, np.arange(count) % len(names), names)


def test_records_agree_with_scikit_learn_and_with_the_definition(trained):
    dataset = digits_dataset()
    x = torch.stack([trained.preprocessing.geometry(dataset[i][0]) for i in range(len(dataset))])
    with torch.no_grad():
        probabilities = trained(x).double().softmax(1).numpy()
    truth = np.eye(10)[dataset.targets]

    records = measure(model=trained, dataset=dataset, config=config()).records

    assert tuple(records.columns) == (*ACCURACY_COLUMNS, *LOOKS, "alike")
    assert records["index"].tolist() == list(range(len(dataset)))
    assert tuple(records["id"]) == dataset.ids
    assert (records["label"] == dataset.targets).all()
    assert (records["prediction"] == probabilities.argmax(1)).all()
    assert ((records["rank"] == 0) == (records["prediction"] == records["label"])).all()
    assert records["nll"].mean() == pytest.approx(
        log_loss(dataset.targets, probabilities), rel=1e-5
    )
    assert records["brier"].to_numpy() == pytest.approx(
        ((probabilities - truth) ** 2).sum(1), abs=1e-5
    )
    assert records["confidence"].to_numpy() == pytest.approx(probabilities.max(1), abs=1e-5)
    assert (records["prediction"] == records["label"]).mean() > 0.8, "the scene is not set"


def test_outcomes_worked_out_by_hand():
    logits = np.log(np.array([[0.7, 0.2, 0.1], [0.25, 0.5, 0.25], [0.25, 0.5, 0.25]]))

    found = outcomes(logits, np.array([1, 0, 2]))

    assert found["prediction"].tolist() == [0, 1, 1]
    assert found["rank"].tolist() == [1, 1, 2], "ties are broken by the lower class"
    assert found["nll"] == pytest.approx(-np.log([0.2, 0.25, 0.25]))
    assert found["brier"] == pytest.approx([0.49 + 0.64 + 0.01, 0.875, 0.875])


def test_certain_answers_keep_a_finite_loss():
    found = outcomes(np.array([[900.0, -900.0]]), np.array([1]))

    assert found["nll"][0] == 1800
    assert found["confidence"][0] == 1


def test_the_batch_size_changes_nothing(trained):
    dataset = digits_dataset(1297, 1397)
    one, other = (
        measure(model=trained, dataset=dataset, config=config(batch_size=b)) for b in (1, 33)
    )

    assert (one.provenance.batch_size, other.provenance.batch_size) == (1, 33)
    assert (one.records["prediction"] == other.records["prediction"]).all()
    assert one.records["nll"].to_numpy() == pytest.approx(other.records["nll"], abs=1e-4)


def test_classes_are_matched_by_name(trained):
    dataset = digits_dataset(1297, 1397)
    turned = dataset_of(
        [np.asarray(dataset[i][0]) for i in range(100)], 9 - dataset.targets, "9876543210"
    )

    straight = measure(model=trained, dataset=dataset, config=config()).records
    by_name = measure(model=trained, dataset=turned, config=config()).records

    assert (straight["label"] == by_name["label"]).all()
    assert (straight["prediction"] == by_name["prediction"]).all()


def test_the_model_is_left_as_it_was():
    model = model_of(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(144, 3)), classes=3)
    model.network.train().requires_grad_(True)
    fingerprint = model._fingerprint()

    measure(model=model, dataset=toy_dataset(6, "012"), config=config())

    assert model.network.training
    assert all(p.requires_grad and p.grad is None for p in model.network.parameters())
    assert all(p.is_contiguous() for p in model.network.parameters())
    assert model._fingerprint() == fingerprint


def test_provenance_says_what_was_measured(trained):
    dataset = digits_dataset()
    provenance = measure(model=trained, dataset=dataset, config=config(limit=50)).provenance

    assert provenance.model_fingerprint == trained.fingerprint
    assert provenance.dataset_fingerprint == dataset.fingerprint
    assert provenance.split == "all"
    assert provenance.class_names == tuple("0123456789")
    assert provenance.batch_size >= 1
    assert provenance.seconds > 0
    assert "torch" in provenance.versions
    assert provenance.warnings == ()


def test_evaluating_on_training_images_is_warned_about(trained):
    dataset = digits_dataset()
    seen = model_of(trained.network)
    seen.card = {"data": {"fingerprint": dataset.fingerprint}}
    everything = AccuracyConfig(ModelSpec("toy"), DatasetSpec("toy", split="all"))

    tested = measure(model=seen, dataset=dataset, config=config())
    cheated = measure(model=seen, dataset=dataset, config=everything)

    assert tested.provenance.split == "test"
    assert not any("training images" in warning for warning in tested.provenance.warnings)
    assert "are its training images" in cheated.provenance.warnings[0]


def test_a_model_that_ends_in_softmax_is_warned_about():
    network = linear_model().network
    model = model_of(nn.Sequential(network, nn.Softmax(1)), classes=3)

    result = measure(model=model, dataset=toy_dataset(9, "012"), config=config())

    assert "probabilities, not logits" in result.provenance.warnings[0]


def test_progress_reaches_the_end_with_the_accuracy(trained):
    told = []
    dataset = digits_dataset(1297, 1397)

    result = measure(
        model=trained,
        dataset=dataset,
        config=config(batch_size=32),
        report=lambda done, total, message, **metrics: told.append((done, total, metrics)),
    )

    assert [done for done, _, _ in told] == [32, 64, 96, 100]
    right = (result.records["prediction"] == result.records["label"]).mean()
    assert told[-1] == (100, 100, {"accuracy": pytest.approx(right)})


def test_cancelling_stops_the_work_and_restores_the_model(trained):
    def stop(done, total, message, **metrics):
        raise Cancelled

    with pytest.raises(Cancelled):
        measure(model=trained, dataset=digits_dataset(), config=config(), report=stop)

    assert all(p.is_contiguous() for p in trained.network.parameters())


def test_bfloat16_answers_nearly_the_same(trained):
    dataset = digits_dataset(1297, 1397)
    exact = measure(model=trained, dataset=dataset, config=config()).records
    rough = measure(model=trained, dataset=dataset, config=config(precision="bfloat16")).records

    assert (exact["prediction"] == rough["prediction"]).mean() > 0.95
    assert not np.array_equal(exact["nll"], rough["nll"])


def test_unknown_classes_are_refused_before_any_work():
    with pytest.raises(IncompatibleLabels, match="Fine-tune"):
        measure(model=linear_model(), dataset=toy_dataset(6, ["0", "1", "frog"]), config=config())


def test_nameless_classes_are_matched_by_position_with_a_warning():
    model = linear_model()
    model.labels = LabelSpace.unnamed(3)
    dataset = toy_dataset(6, ["ant", "bee", "cat"])

    assert target_indices(model, dataset).tolist() == [0, 1, 2]
    assert "by their position" in label_warnings(model, dataset)[0]


def test_nameless_classes_of_another_count_are_refused():
    model = linear_model()
    model.labels = LabelSpace.unnamed(3)

    with pytest.raises(IncompatibleLabels, match="3 classes apart and the data set has 2"):
        target_indices(model, toy_dataset(6, ["ant", "bee"]))


def test_two_spellings_of_one_class_are_refused():
    model = model_of(
        LinearNetwork(torch.zeros(2, 192), torch.zeros(2)), names=["polar bear", "cat"]
    )

    with pytest.raises(IncompatibleLabels, match="'polar_bear', 'Polar bear'"):
        target_indices(model, toy_dataset(6, ["polar_bear", "Polar bear"]))


def test_a_model_with_more_classes_than_the_data_says_so():
    dataset = toy_dataset(6, ["0", "2"])

    assert target_indices(linear_model(), dataset).tolist() == [0, 2]
    assert "2 of the model's 3 classes" in label_warnings(linear_model(), dataset)[0]


def test_examples_keep_their_place_while_the_batch_size_is_searched():
    model, dataset = linear_model(size=32), toy_dataset(200, "012", size=32)
    x = torch.stack([model.preprocessing.geometry(dataset[i][0]) for i in range(200)])

    records = measure(model=model, dataset=dataset, config=config()).records  # 64, 64, 64, 8

    assert (records["label"] == dataset.targets).all()
    assert (records["prediction"].to_numpy() == model(x).argmax(1).numpy()).mean() > 0.99


def seen_by(network, **config):
    """A model whose card says that it was trained on the digits."""
    model = model_of(network)
    data = {"fingerprint": digits_dataset().fingerprint, "drawn_by": "content"}
    model.card = {"data": data, "config": {"dataset": config}}
    return model


def test_a_model_is_tested_on_the_split_of_its_own_training_whatever_the_seed(trained):
    data = digits_dataset()

    part = evaluated_part(seen_by(trained.network, seed=7), data, DatasetSpec("toy", seed=0))

    assert part.split_name == "test"
    assert part.ids == data.split("test", seed=7).ids
    assert part.ids != data.split("test", seed=0).ids


def test_a_model_trained_on_everything_has_no_clean_test_split(trained):
    model = seen_by(trained.network, seed=0, split="all")

    result = measure(model=model, dataset=digits_dataset(), config=config(limit=50))

    assert "other images" in result.provenance.warnings[0]


def test_wrong_answers_leave_their_pictures_as_the_model_saw_them(trained, tmp_path):
    dataset = digits_dataset()

    found = measure(model=trained, dataset=dataset, config=config(), folder=tmp_path)

    kept = {int(path.stem) for path in (tmp_path / "wrong").glob("*.png")}
    assert kept == set(found.wrong()["index"])
    assert kept  # else this shows nothing
    for index in kept:
        seen = trained.preprocessing.geometry(dataset[index][0])  # (3, H, W) in [0, 1]
        picture = np.asarray(Image.open(tmp_path / "wrong" / f"{index}.png"))
        assert np.array_equal(picture, (seen * 255).round().byte().permute(1, 2, 0).numpy())


def test_of_each_pair_of_classes_the_surest_errors_are_kept_first():
    rows = [(0, 1, 0.9), (0, 1, 0.8), (0, 1, 0.7), (1, 0, 0.2), (2, 0, 0.6), (1, 1, 1.0)]
    records = pd.DataFrame(rows, columns=["label", "prediction", "confidence"])

    assert surest_errors(records, 4).index.tolist() == [0, 4, 3, 1]
