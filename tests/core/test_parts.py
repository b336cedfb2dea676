"""An evaluation that was interrupted goes on from its finished parts, to the very same answer."""

import random
import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_data import write_pictures
from made_results import resolved
from toy_models import linear_model

from usable_core.datasets import load_dataset
from usable_core.errors import StorageError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring import accuracy, corruption, explanation, robustness, shards
from usable_core.models.model import Model
from usable_core.records import to_json

SPECS = {"model": ModelSpec("toy"), "dataset": DatasetSpec("toy", "all")}
ATTACK = resolved({"epsilons": (0.0, 0.05, 0.1), "steps": 2, "gallery": 2, "walked": 2})
CHOSEN = ("gaussian_noise", "fog")
MADE_BY = ExplainerOptions(evaluations=32, segments=4, background="grey")
KINDS = {
    "accuracy": (accuracy, AccuracyConfig(**SPECS, batch_size=3)),
    "robustness": (robustness, RobustnessConfig(**SPECS, **ATTACK, batch_size=2)),
    "corruption": (corruption, CorruptionConfig(**SPECS, corruptions=CHOSEN, batch_size=4)),
    "explanation": (
        explanation,
        # One method of two refuses: the reason must come back too.
        ExplanationConfig(**SPECS, methods=("saliency", "grad_cam"), options=MADE_BY),
    ),
}


class Killed(BaseException):
    """What stops a process, here at one of its reports."""


@pytest.fixture(autouse=True)
def parts_at_once(monkeypatch):
    monkeypatch.setattr(shards, "PART_SECONDS", 0.0)
    monkeypatch.setattr(robustness, "_LEAST", 3)


@pytest.fixture
def model():
    return cats_and_dogs()


def cats_and_dogs():
    found = linear_model(classes=2)
    return Model(found.name, found.network, found.preprocessing, type(found.labels)(("cat", "dog")))


@pytest.fixture
def data(tmp_path):
    return pictures(tmp_path)


def pictures(folder):
    """Fourteen pictures, three of which cannot be decoded: one first, two one after the other."""
    root = write_pictures(folder / "data", "cat/", "dog/", each=7)
    dataset = load_dataset(str(root))
    whole = dataset.open

    def opened(index):
        if index in (0, 7, 8):
            from usable_core.errors import ImageRefused

            raise ImageRefused(f"picture {index} cannot be decoded")
        return whole(index)

    return replace(dataset, open=opened)


def killed_at(report_number):
    """Return a report that stops the process when it is called the n-th time."""
    left = [report_number]

    def report(*_, **__):
        left[0] -= 1
        if left[0] == 0:
            raise Killed

    return report


def measured(name, model, data, folder, report=lambda *_, **__: None):
    module, config = KINDS[name]
    data.unreadable.clear()  # another process
    return module.measure(model=model, dataset=data, config=config, report=report, folder=folder)


def reports_of(name, model, data, folder):
    """Return the answer of an uninterrupted run, and how often it reported."""
    calls = []
    return measured(name, model, data, folder, lambda *_, **__: calls.append(1)), len(calls)


def check_same(found, expected):
    timed = [c for c in ("seconds",) if c in expected.records]
    pd.testing.assert_frame_equal(
        found.records.drop(columns=timed), expected.records.drop(columns=timed), check_exact=True
    )
    ours, theirs = to_json(found.provenance), to_json(expected.provenance)
    assert ours.pop("seconds") > 0 < theirs.pop("seconds")
    assert ours == theirs
    assert len(theirs["refused"]) == 3


def check_same_files(found, expected):
    """What lies beside the answer: pictures, maps, the list of a gallery."""
    names = {p.relative_to(expected) for p in expected.rglob("*") if p.is_file()}
    names = {name for name in names if name.parts[0] != "shards"}
    for name in names:
        if name.suffix == ".npz":
            with np.load(found / name) as ours, np.load(expected / name) as theirs:
                assert sorted(ours) == sorted(theirs)
                assert all(np.array_equal(ours[key], theirs[key]) for key in theirs)
        else:
            assert (found / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.parametrize("name", KINDS)
def test_killed_again_and_again_it_comes_to_the_same_answer(name, model, data, tmp_path):
    expected, reports = reports_of(name, model, data, tmp_path / "whole")
    draw = random.Random(name)

    for life in range(3):
        folder, kills = tmp_path / f"killed{life}", 0
        while True:
            try:
                found = measured(
                    name, model, data, folder, killed_at(draw.randint(1, max(reports // 2, 2)))
                )
                break
            except Killed:
                kills += 1
                assert kills < 40, "it never comes to an end"
        check_same(found, expected)
        check_same_files(folder, tmp_path / "whole")


@pytest.mark.parametrize("name", KINDS)
def test_finished_parts_are_not_worked_on_again(name, model, data, tmp_path):
    expected, reports = reports_of(name, model, data, tmp_path / "run")

    again, more = reports_of(name, model, data, tmp_path / "run")  # the answer was never stored

    check_same(again, expected)
    assert more < reports / 2


def damaged(path, how, draw):
    data = path.read_bytes()
    at = draw.randrange(len(data))
    if how == "cut":
        path.write_bytes(data[:at])
    elif how == "bit":
        path.write_bytes(data[:at] + bytes([data[at] ^ (1 << draw.randrange(8))]) + data[at + 1 :])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "gone":
        path.unlink()


@pytest.mark.parametrize("how", ["cut", "bit", "empty", "gone"])
@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_part_is_measured_anew(name, how, model, data, tmp_path):
    expected = measured(name, model, data, tmp_path / "run")
    draw = random.Random(name + how)
    parts = tmp_path / "run" / "shards"

    for _ in range(3):
        files = sorted(p for p in parts.rglob("*") if p.suffix in (".parquet", ".npz", ".json"))
        files = [p for p in files if p.name != "gallery.json" and p.stat().st_size]
        damaged(draw.choice(files), how, draw)
        check_same(measured(name, model, data, tmp_path / "run"), expected)
        check_same_files(tmp_path / "run", tmp_path / "run")


@pytest.mark.parametrize("name", KINDS)
def test_parts_of_another_question_are_not_looked_at(name, model, data, tmp_path, monkeypatch):
    module, config = KINDS[name]
    measured(name, model, data, tmp_path / "run")
    settings = {
        "accuracy": {"batch_size": 5},
        "robustness": {"seed": 1},
        "corruption": {"seed": 1},
        "explanation": {"options": replace(MADE_BY, seed=1)},
    }
    other = linear_model(classes=2, seed=1)
    retrained = Model(model.name, other.network, model.preprocessing, model.labels)
    assert retrained.fingerprint != model.fingerprint
    fewer = data.take(range(12))
    asked = [
        (model, data, replace(config, **settings[name])),
        (retrained, data, config),
        (model, fewer, config),
    ]

    for number, (m, d, c) in enumerate(asked):
        folder = tmp_path / f"other{number}"
        shutil.copytree(tmp_path / "run" / "shards", folder / "shards")
        alone = module.measure(model=m, dataset=d, config=c, folder=tmp_path / f"alone{number}")
        found = module.measure(model=m, dataset=d, config=c, folder=folder)
        timed = [n for n in ("seconds",) if n in found.records]
        pd.testing.assert_frame_equal(
            found.records.drop(columns=timed), alone.records.drop(columns=timed), check_exact=True
        )
        check_same_files(folder, tmp_path / f"alone{number}")


def test_other_versions_measure_anew(model, data, tmp_path, monkeypatch):
    from usable_core.measuring import streaming

    _, reports = reports_of("accuracy", model, data, tmp_path / "run")
    monkeypatch.setattr(streaming, "versions", lambda: {"usable": "another"})

    _, again = reports_of("accuracy", model, data, tmp_path / "run")

    assert again == reports


def test_what_takes_less_than_a_part_writes_nothing(model, data, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PART_SECONDS", 5.0)

    measured("corruption", model, data, tmp_path / "run")

    assert not (tmp_path / "run" / "shards").exists()


def test_the_seconds_of_finished_parts_are_added(model, data, tmp_path, monkeypatch):
    measured("accuracy", model, data, tmp_path / "run")
    clock = shards.Shards(None, "")
    assert clock.seconds == 0.0
    part = shards.Shards._part

    def slow(self, place):
        found = part(self, place)
        return found and replace(found, seconds=1000.0)

    monkeypatch.setattr(shards.Shards, "_part", slow)
    parts = len(list((tmp_path / "run" / "shards").glob("*.parquet")))

    found = measured("accuracy", model, data, tmp_path / "run")

    assert parts > 1
    assert 1000.0 * parts < found.provenance.seconds < 1000.0 * parts + 100


def test_parts_that_were_taken_away_give_no_answer_on_the_rest(model, data, tmp_path):
    parts = tmp_path / "run" / "shards"

    def taken(*_, **__):
        if len(list(parts.glob("*.parquet"))) == 2 and not (tmp_path / "taken").exists():
            parts.rename(tmp_path / "taken")

    with pytest.raises(StorageError, match="another run went on from them"):
        measured("corruption", model, data, tmp_path / "run", taken)
