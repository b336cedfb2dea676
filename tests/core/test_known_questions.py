"""A question asked again is answered without loading anything, unless a file of it may differ."""

import os
import shutil
from pathlib import Path

import pytest
from made_pictures import png

from usable_core import answering, jobs, settings
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.cost import CostConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs import known
from usable_core.runs import RunStore


@pytest.fixture
def model(tmp_path):
    """A model in a folder of its own."""
    for ending, name in (("safetensors", "model.safetensors"), ("json", "card.json")):
        place = tmp_path / "model" / name
        place.parent.mkdir(exist_ok=True)
        shutil.copy(settings.assets() / "models" / f"vgg_digits.{ending}", place)
    return ModelSpec(f"folder/{tmp_path / 'model'}")


@pytest.fixture
def data(tmp_path):
    for place in range(6):
        folder = tmp_path / "data" / str(place % 2)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{place}.png").write_bytes(png(place, size=(8, 8)))
    return DatasetSpec(str(tmp_path / "data"))


def asked(model, data, monkeypatch, *, loads):
    """The run of a question; whether it loads anything must be as said."""
    counted, resolve = [], answering.resolve
    with monkeypatch.context() as patch:
        patch.setattr(answering, "resolve", lambda *a, **k: counted.append(a) or resolve(*a, **k))
        run, result = jobs.run_here(AccuracyConfig(model, data))
    assert bool(counted) is loads
    return run, result


def test_the_same_question_loads_nothing_and_has_the_same_answer(model, data, monkeypatch):
    first, measured = asked(model, data, monkeypatch, loads=True)
    again, found = asked(model, data, monkeypatch, loads=False)

    assert again.answered_by == first.id
    assert found.summary() == measured.summary()
    rows = RunStore().row(first.id), RunStore().row(again.id)
    assert rows[0]["key"] == rows[1]["key"]
    assert rows[0]["data"] == rows[1]["data"]


def test_a_changed_file_is_read_again_even_with_its_old_size_and_time(model, data, monkeypatch):
    first, _ = asked(model, data, monkeypatch, loads=True)
    path = next((Path(data.reference) / "1").iterdir())
    before = path.stat()
    size, other = before.st_size, png(99, size=(8, 8))
    path.write_bytes(other[:size].ljust(size, b"\0"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    run, _ = asked(model, data, monkeypatch, loads=True)

    assert run.answered_by is None
    assert RunStore().row(run.id)["key"] != RunStore().row(first.id)["key"]


def test_a_file_written_anew_with_the_same_content_is_the_same_question(model, data, monkeypatch):
    first, _ = asked(model, data, monkeypatch, loads=True)
    path = Path(model.reference.removeprefix("folder/")) / "model.safetensors"
    path.write_bytes(path.read_bytes())

    assert asked(model, data, monkeypatch, loads=True)[0].answered_by == first.id


def test_a_deleted_answer_is_measured_again(model, data, monkeypatch):
    first, _ = asked(model, data, monkeypatch, loads=True)
    RunStore().delete(first.id)

    assert asked(model, data, monkeypatch, loads=True)[0].answered_by is None


def test_what_can_read_other_files_is_never_taken_for_known(model, data, tmp_path):
    digits = DatasetSpec("digits")
    assert known.identity(AccuracyConfig(model, digits)) is not None
    assert known.identity(AccuracyConfig(ModelSpec("bundled/vgg"), data)) is not None

    languages = AccuracyConfig(ModelSpec("bundled/bert"), DatasetSpec("languages"))
    assert known.identity(languages) is not None

    (tmp_path / "table" / "a").mkdir(parents=True)
    (tmp_path / "table" / "labels.csv").write_text("file_name,label\n/elsewhere/x.png,1\n")
    (tmp_path / "x.parquet").write_bytes(b"")
    for unsure in (DatasetSpec(str(tmp_path / "table")), DatasetSpec(str(tmp_path / "x.parquet"))):
        assert known.identity(AccuracyConfig(model, unsure)) is None
    assert known.identity(AccuracyConfig(ModelSpec("torchvision/resnet18"), digits)) is None
    assert known.identity(AccuracyConfig(ModelSpec("timm/test_vit"), digits)) is None
    assert known.identity(AccuracyConfig(ModelSpec("shelf/x"), digits)) is None
    assert known.identity(CostConfig(model, digits)) is None
    assert known.identity(FineTuningConfig(model, digits)) is None


def test_few_are_remembered_and_damage_is_forgotten(monkeypatch):
    monkeypatch.setattr(known, "MOST", 2)
    for name in "abc":
        known._remember(name, {"key": name, "data": None})
    assert known._recalled("a") is None
    assert known._recalled("c") == {"key": "c", "data": None}

    known._path().write_text("no JSON")
    assert known._recalled("c") is None
