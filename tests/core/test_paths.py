"""Files that a question names are the same files in every folder, and told when they change."""

import zipfile

import pytest
from made_pictures import png

from usable_core import jobs, tasks
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs import interactive
from usable_core.runs import uploads
from usable_core.runs.store import RunStore


def pictures(path, first_seed):
    """Write a zip of two classes with 20 pictures each."""
    with zipfile.ZipFile(path, "w") as archive:
        for place in range(40):
            archive.writestr(f"{'ab'[place % 2]}/{place}.png", png(first_seed + place, (32, 32)))


@pytest.fixture
def trained(tmp_path, monkeypatch):
    """A run of a model that was trained on `my_images.zip`, named as it is called there."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    pictures("my_images.zip", 0)
    config = FineTuningConfig(
        ModelSpec("bundled/resnet"),
        DatasetSpec("my_images.zip"),
        method="linear_probe",
        schedule=Schedule(epochs=1),
    )
    run, _ = jobs.run_here(config)
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    return run


def accuracy_of(run):
    question = AccuracyConfig(ModelSpec(run.reference), DatasetSpec(run.config.dataset.reference))
    return jobs.run_here(question)[1]


def test_a_relative_path_is_stored_absolute_and_measured_from_another_folder(trained, tmp_path):
    assert trained.config.dataset.reference == str(tmp_path / "here" / "my_images.zip")

    found = accuracy_of(trained)

    assert found.provenance.split == "test"  # so the card named the same data
    assert not found.provenance.warnings


def test_a_file_that_changed_since_the_training_is_told(trained, tmp_path):
    pictures(tmp_path / "here" / "my_images.zip", 500)

    found = accuracy_of(trained)

    (told,) = found.provenance.warnings
    assert "my_images.zip has changed since the model was trained on it" in told


def test_every_file_of_a_question_is_placed_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    question = RobustnessConfig(
        ModelSpec("file/model.pt2"),
        DatasetSpec("pictures"),
        surrogate=ModelSpec("timm/resnet50", weights="w.pth"),
    )

    placed = tasks.placed(question)

    assert placed.model.reference == f"file/{tmp_path / 'model.pt2'}"
    assert placed.dataset.reference == str(tmp_path / "pictures")
    assert placed.surrogate == ModelSpec("timm/resnet50", weights=str(tmp_path / "w.pth"))
    for named in (ModelSpec("bundled/resnet"), DatasetSpec("digits"), DatasetSpec("nonsense")):
        assert named.placed() == named


def test_a_run_started_for_later_names_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.setattr(jobs, "_spawn", lambda *_, **__: None)
    monkeypatch.chdir(tmp_path)
    pictures("data.zip", 0)

    run = jobs.start(AccuracyConfig(ModelSpec("bundled/resnet"), DatasetSpec("data.zip")))

    assert RunStore().get(run).config.dataset.reference == str(tmp_path / "data.zip")


def test_the_warm_process_is_asked_by_absolute_paths(tmp_path, monkeypatch):
    monkeypatch.setattr(interactive, "ensure_worker", lambda: None)
    monkeypatch.chdir(tmp_path)
    request = ImageRequest("time", ModelSpec("timm/resnet50", weights="w.pth"))

    key = interactive.submit(request)

    assert str(tmp_path / "w.pth") in interactive.request_path(key).read_text()


def test_data_are_called_by_the_name_that_people_gave_them(tmp_path):
    pictures(tmp_path / "my images ünï.zip", 0)
    archive = (tmp_path / "my images ünï.zip").read_bytes()

    kept = uploads.keep_data(archive, "my images ünï.zip")

    assert uploads.data_title(kept) == "my images ünï.zip"
    assert uploads.data_title(str(tmp_path / "dev.parquet")) == "dev.parquet"
    assert uploads.data_title("cifar10") == "CIFAR-10"
    run = RunStore().create(AccuracyConfig(ModelSpec("bundled/resnet"), DatasetSpec(kept)))
    assert run.title == "Accuracy of ResNet on my images ünï.zip"
