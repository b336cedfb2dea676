"""Pictures that pass the check at reading and fail later are left out and listed, everywhere."""

from dataclasses import replace

import numpy as np
import pytest
from made_data import hollow_png, write_pictures
from made_results import resolved
from toy_models import linear_model

from usable_core import images
from usable_core.datasets import load_dataset
from usable_core.datasets.pixels import batches
from usable_core.errors import DatasetRefused
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import PretrainingConfig
from usable_core.measuring import (
    accuracy,
    calibration,
    corruption,
    explanation,
    robustness,
    shards,
)
from usable_core.models.model import Model
from usable_core.records import to_json
from usable_core.training.material import load_material
from usable_core.training.pretraining import pretrain

SPECS = {"model": ModelSpec("toy"), "dataset": DatasetSpec("toy")}
ATTACK = resolved({"epsilons": (0.0, 0.1), "steps": 2, "gallery": 0, "walked": 2})
MEASURES = {
    "accuracy": (accuracy, AccuracyConfig(**SPECS)),
    "robustness": (robustness, RobustnessConfig(**SPECS, **ATTACK)),
    "corruption": (corruption, CorruptionConfig(**SPECS, corruptions=("fog",), severities=(1,))),
    "explanation": (
        explanation,
        ExplanationConfig(
            **SPECS,
            methods=("saliency",),
            options=ExplainerOptions(evaluations=32, segments=4, background="grey"),
        ),
    ),
}


@pytest.fixture
def model():
    found = linear_model(classes=2)
    return Model(found.name, found.network, found.preprocessing, type(found.labels)(("cat", "dog")))


@pytest.fixture
def data(tmp_path):
    """Ten pictures; the second and the last cannot be decoded, as is found when it is tried."""
    root = write_pictures(tmp_path / "data", "cat/", "dog/", each=5)
    for size, place in ((8, "cat/1.png"), (9, "dog/4.png")):
        images.verify(hollow_png(size), place)
        (root / place).write_bytes(hollow_png(size))
    return load_dataset(str(root))


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("is_stored", [True, False])
def test_an_evaluation_goes_on_without_it_and_lists_it(name, is_stored, model, data, tmp_path):
    module, config = MEASURES[name]
    folder = tmp_path / "run" if is_stored else None

    result = module.measure(model=model, dataset=data, config=config, folder=folder)

    assert sorted(set(result.records["index"])) == [0, 2, 3, 4, 5, 6, 7, 8]
    rows = result.records.drop_duplicates("index").set_index("index")["id"]
    assert rows.to_dict() == {i: data.ids[i] for i in (0, 2, 3, 4, 5, 6, 7, 8)}
    reasons = [one["reason"] for one in to_json(result.provenance)["refused"]]
    assert [reason.split(" ")[0] for reason in reasons] == ["cat/1.png", "dog/4.png"]
    assert all("cannot be decoded" in reason for reason in reasons)


@pytest.mark.parametrize("name", MEASURES)
def test_an_evaluation_of_nothing_but_such_pictures_is_a_sentence(name, model, data):
    module, config = MEASURES[name]
    part = data.take([1, 9])

    with pytest.raises(DatasetRefused, match=r"None of the 2 pictures .*dog/4\.png"):
        module.measure(model=model, dataset=part, config=config)


@pytest.mark.parametrize("name", MEASURES)
def test_a_run_that_goes_on_lists_what_failed_before(name, model, data, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PART_SECONDS", 0.0)
    module, config = MEASURES[name]
    folder = tmp_path / "run"
    first = module.measure(model=model, dataset=data, config=config, folder=folder)

    data.unreadable.clear()  # another process
    again = module.measure(model=model, dataset=data, config=config, folder=folder)

    assert again.provenance.refused == first.provenance.refused


def test_training_leaves_it_out_and_keeps_labels_and_pixels_together(model, data):
    material = load_material(data, model.preprocessing, model.device, silent)

    assert material.labels.tolist() == [0] * 4 + [1] * 4
    for row, index in enumerate((0, 2, 3, 4, 5, 6, 7, 8)):
        expected = model.preprocessing.pixels(data[index][0])
        assert np.array_equal(material.pixels[row].numpy(), expected.numpy())


def test_a_training_goes_on_without_it_and_its_answer_lists_it(data, tmp_path):
    data = replace(data, notes=("Read as it lay.",))
    schedule = Schedule(epochs=1, batch_size=4, augmentation="none")
    config = PretrainingConfig("small_resnet", DatasetSpec("toy", "all"), schedule=schedule)

    result = pretrain(dataset=data, config=config, report=silent, folder=tmp_path / "run")

    reasons = [one["reason"] for one in to_json(result.provenance)["refused"]]
    assert [reason.split(" ")[0] for reason in reasons] == ["cat/1.png", "dog/4.png"]
    assert "Read as it lay." in result.provenance.warnings


def test_a_batch_of_nothing_but_such_pictures_is_no_batch(model, data):
    found = [i.tolist() for _, _, i in batches(data, model.preprocessing, 1)]

    assert found == [[0], [2], [3], [4], [5], [6], [7], [8]]


def test_a_part_lists_its_own_unreadable_pictures_only(data, model):
    list(batches(data, model.preprocessing, 4))

    assert len(data.left_out) == 2
    assert [one.name for one in data.take([0, 9]).left_out] == ["dog/4.png"]


def test_a_calibration_counts_the_pictures_that_can_be_read(model, tmp_path):
    root = write_pictures(tmp_path / "many", "cat/", "dog/", each=10)
    (root / "cat" / "0.png").write_bytes(hollow_png())
    many = load_dataset(str(root))

    with pytest.raises(DatasetRefused, match="has 19"):
        calibration.calibrate(model=model, dataset=many, spec=DatasetSpec("many", "all"))
