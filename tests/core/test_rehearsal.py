"""What is told of a training before it starts, and of its errors once it is over, is its own."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.datasets.dataset import DRAWN_BY
from usable_core.datasets.splits import training_splits
from usable_core.errors import ConfigError
from usable_core.evaluations.rehearsal import PICTURES, Rehearsal, seen_by, timed_by
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.measuring.worst import worst
from usable_core.models.model import Model
from usable_core.training.descent import Descent
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.rehearsal import augmented, rehearsed

SCHEDULE = Schedule(epochs=1, batch_size=16, precision="float32", augmentation="shift_flip")
CONFIG = FineTuningConfig(ModelSpec("toy"), DatasetSpec("task", "train", 40), schedule=SCHEDULE)


class Pooled(nn.Module):
    """The least network with a head: mean colours of quarters, and a linear layer."""

    def __init__(self, classes=10):
        super().__init__()
        self.pool, self.fc = nn.AdaptiveAvgPool2d(2), nn.Linear(12, classes)

    def forward(self, x):
        return self.fc(self.pool(x).flatten(1))


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    pixels = np.kron(found.images[:400] * 15.9, np.ones((1, 2, 2)))
    return dataset_from_arrays(pixels.astype(np.uint8), found.target[:400])


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    labels = LabelSpace(tuple(str(k) for k in range(10)))
    prepared = Preprocessing(None, (16, 16), mean=(0.0,) * 3, std=(1.0,) * 3)
    card = {"architecture": "toy", "data": {"drawn_by": DRAWN_BY}}
    return Model("toy", Pooled(), prepared, labels, card=card)


@pytest.fixture
def first_inputs(monkeypatch):
    """What a training gives its network in its first step."""
    found, is_step = [], []
    take, normalise = Descent._take_step, Preprocessing.normalise

    def taken(self, indices):
        is_step.append(1)
        take(self, indices)
        is_step.clear()

    def seen(self, x):
        if is_step and len(found) < 1:
            found.append(x.clone())
        return normalise(self, x)

    monkeypatch.setattr(Descent, "_take_step", taken)
    monkeypatch.setattr(Preprocessing, "normalise", seen)
    return found


@pytest.mark.parametrize(
    "changes", [{}, {"mixup": 0.4, "cutmix": 1.0}, {"sampling": "balanced", "seed": 3}]
)
def test_pictures_told_are_those_of_the_first_step(
    model, digits, first_inputs, tmp_path, monkeypatch, changes
):
    monkeypatch.setattr("usable_core.training.fine_tuning.finished", lambda *_: None)
    monkeypatch.setattr("usable_core.training.fine_tuning._architecture", lambda _: "toy")
    config = replace(CONFIG, schedule=replace(SCHEDULE, **changes), train_size=30)
    seen = augmented(model=model, dataset=digits, config=seen_by(config), folder=tmp_path)
    fine_tune(model=model, dataset=digits, config=config, report=silent, folder=tmp_path)

    files = [np.array(Image.open(tmp_path / f"augmented/{k}.png")) for k in range(PICTURES)]
    theirs = (first_inputs[0][:PICTURES].permute(0, 2, 3, 1) * 255).round().byte().numpy()
    assert np.array_equal(np.stack(files), theirs)
    assert len(seen) == PICTURES
    assert all(sum(one.shares) == pytest.approx(1) for one in seen)
    assert max(len(one.classes) for one in seen) == (2 if changes.get("mixup") else 1)
    assert all(a >= b for one in seen for a, b in pairwise(one.shares))


@pytest.mark.parametrize("method", ["full", "linear_probe"])
def test_steps_are_timed_on_few_examples_and_told_for_all(model, digits, method, monkeypatch):
    monkeypatch.setattr("usable_core.training.fine_tuning._architecture", lambda _: "toy")
    read = []
    config = FineTuningConfig(
        ModelSpec("toy"), DatasetSpec("task"), method, Schedule(batch_size=8, precision="float32")
    )

    found = rehearsed(
        model=model, dataset=digits, config=config, report=lambda *told, **_: read.append(told)
    )

    train, validation = training_splits(digits, config.dataset)
    assert (found.examples, found.validated) == (len(train), len(validation))
    assert (found.epochs, found.batch_size) == (10, 8)
    assert found.steps in (9, 10)
    assert 0 < found.seconds_per_step < 1
    assert max(total for _, total, _ in read) <= 80  # of 280 examples


def test_seconds_grow_with_the_epochs_and_the_examples():
    few = Rehearsal(100, 20, 10, 4, 10, 100, 0.5, 1.0, 2.0, 3.0)
    many = replace(few, examples=1000)

    assert few.seconds() == few.seconds(4)
    # 10 steps and a validation of 20 x 0.05 / 3 s in each epoch
    assert few.seconds(5)[0] - few.seconds(4)[0] == pytest.approx(5 + 1 / 3)
    assert many.seconds(4)[0] - few.seconds(4)[0] == pytest.approx(4 * 90 * 0.5)
    assert "4 epochs of 100 examples, from 10 timed steps of 10 (20 examples" in few.sentence()
    assert "nothing is moved" in replace(few, steps=0).sentence()


def test_a_rate_changes_neither_the_time_nor_the_pictures():
    other = replace(CONFIG, schedule=replace(SCHEDULE, learning_rate=0.3, epochs=7))

    assert timed_by(other) == timed_by(CONFIG)
    assert seen_by(other) == seen_by(CONFIG)
    larger = replace(CONFIG, schedule=replace(SCHEDULE, batch_size=32))
    assert timed_by(larger) != timed_by(CONFIG)
    mixed = replace(CONFIG, schedule=replace(SCHEDULE, mixup=0.2))
    assert seen_by(mixed) != seen_by(CONFIG)


def test_texts_have_no_pictures(digits, tmp_path):
    takes = type("Takes", (), {"input": None, "name": "reader"})()

    with pytest.raises(ConfigError, match="reader takes texts"):
        augmented(model=takes, dataset=digits, config=CONFIG, folder=tmp_path)


def test_worst_examples_are_those_of_validation_with_the_largest_losses(model, digits):
    spec = DatasetSpec("task", "train", 60)

    found = worst(model, digits, FineTuningConfig(ModelSpec("toy"), spec), silent)

    _, held_out = training_splits(digits, spec)
    x = torch.stack([model.input.geometry(held_out[i][0]) for i in range(len(held_out))])
    with torch.no_grad():
        logits = model(x)
    losses = nn.functional.cross_entropy(
        logits, torch.from_numpy(held_out.targets), reduction="none"
    )
    order = losses.argsort(descending=True)[: len(found)].tolist()
    assert [one.id for one in found] == [held_out.ids[i] for i in order]
    assert [one.loss for one in found] == pytest.approx(losses[order].tolist(), rel=1e-5)
    assert [one.prediction for one in found] == [str(k) for k in logits[order].argmax(1).tolist()]
    assert [one.true for one in found] == [f"class {held_out.targets[i]}" for i in order]
    shares = logits[order].softmax(1).max(1).values.tolist()
    assert [one.confidence for one in found] == pytest.approx(shares, rel=1e-5)
