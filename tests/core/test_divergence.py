"""A training that runs away is stopped, says why and what to do, and leaves no model behind."""

import math
import pickle

import pytest
import torch
from torch import nn

import usable_core as usable
from usable_core import cli
from usable_core.errors import CheckpointError, Diverged
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import silent
from usable_core.models import load_model
from usable_core.runs import RunStore
from usable_core.runs.run import Status
from usable_core.training import fine_tuning
from usable_core.training.loop import fit
from usable_core.training.meter import Validation
from usable_core.training.objective import Loss, Objective, Weights
from usable_core.training.resuming import Checkpoints

SCHEDULE = Schedule(
    epochs=4, batch_size=10, learning_rate=0.1, warmup=0.0, augmentation="none", precision="float32"
)
GOOD = Validation(1.0, 0.5)


def fitted(task, validations=(GOOD,) * 4, source=None, weights=(1.0, 0.0), examples=100):
    """Return how a training went whose losses are functions of the step, from 1, and a weight."""
    module, seen = nn.Linear(1, 1), iter(validations)
    nn.init.constant_(module.weight, 1.0)

    def loss(_indices, step):
        weight = module.weight.sum()
        other = None if source is None else source(step + 1, weight)
        return Loss(task(step + 1, weight), torch.tensor(0), other)

    objective = Objective(
        parts=[(module, 1.0)],
        loss=loss,
        validate=lambda: next(seen),
        examples=examples,
        classes=10,
        device=torch.device("cpu"),
        weigh=lambda start: Weights(*weights),
    )
    return fit(objective, SCHEDULE, silent, Checkpoints(None, "")), module


def flat(_step, weight):
    return 2.0 + 0 * weight


def after(first, value):
    """Return a loss that is 2 in the ten batches of the start and in the first steps."""
    return lambda step, weight: (2.0 if step < first else value) + 0 * weight


WAYS = {
    "the weights hold NaN": ({"task": lambda s, w: w * math.nan}, 0, "before its first step"),
    "the task's loss": ({"task": after(12, math.inf)}, 12, "L_fine, is inf"),
    "the source's loss": (
        {"task": flat, "source": after(13, math.nan), "weights": (0.5, 0.5)},
        13,
        "L_pre, is nan",
    ),
    "the gradient": (
        {"task": lambda s, w: 2.0 + (0 * w).abs().sqrt() * 0 if s == 14 else flat(s, w)},
        14,
        "gradient is nan",
    ),
    "a loss above its start": ({"task": after(11, 9.0)}, 20, "each of the last 10 steps (now 9)"),
    "the validation loss": (
        {"task": flat, "validations": (GOOD, Validation(6e5, 0.1))},
        20,
        "6e+05 nats, more than 10 times that of guessing (ln 10 = 2.30)",
    ),
    "validation that is no number": (
        {"task": flat, "validations": (GOOD, Validation(math.nan, math.nan))},
        20,
        "validation loss is not a finite number",
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_each_way_to_diverge_has_its_own_sentence(way):
    settings, step, says = WAYS[way]

    found, _ = fitted(**settings)

    told = str(found.divergence)
    assert says in told
    assert (f"at step {step} of 40 (learning rate " in told) == (step > 0)
    assert ("--learning-rate 0.01" in told) == (step > 0)
    assert len(found.records) == (1 if step > 10 else 0)
    others = {text for name, (_, _, text) in WAYS.items() if name != way}
    assert not any(text in told for text in others)


def test_the_weights_of_the_last_good_epoch_are_put_back():
    found, module = fitted(
        lambda step, weight: (
            2.0 + 0.01 * weight if step <= 10 else after(12, math.nan)(step, weight)
        )
    )
    good, alone = fitted(lambda step, weight: 2.0 + 0.01 * weight * (step <= 10))

    assert good.divergence is None
    assert found.divergence is not None
    assert module.weight.item() != 1.0
    # Momentum goes on for the steps after: the weights kept are those at the epoch's end.
    assert module.weight.item() > alone.weight.item()


def test_a_training_that_stands_still_or_scatters_does_not_diverge():
    noise = torch.Generator().manual_seed(0)
    still, _ = fitted(flat)
    scattered, _ = fitted(lambda s, w: 2.0 + torch.randn((), generator=noise) + 0 * w)
    spike, _ = fitted(lambda s, w: (2.0 if s % 9 else 50.0) + 0 * w)

    assert (still.divergence, scattered.divergence, spike.divergence) == (None, None, None)


def test_batch_statistics_that_lag_behind_are_no_divergence_before_the_last_epoch():
    def falling(_step, weight):
        return 2 * weight.square()

    lag = Validation(56.0, 0.1)
    found, _ = fitted(falling, validations=(lag, lag, GOOD, GOOD))
    ended, _ = fitted(falling, validations=(GOOD, lag, lag, lag))

    assert found.divergence is None
    assert "56 nats" in str(ended.divergence)
    assert len(ended.records) == 1  # the good ones


def test_the_losses_of_a_source_count_by_their_weight():
    """Forgetting is what a large λ asks for; it is no divergence."""
    forgotten = after(11, 30.0)

    small, _ = fitted(flat, source=forgotten, weights=(0.999, 0.001))
    large, _ = fitted(flat, source=forgotten, weights=(0.5, 0.5))

    assert small.divergence is None
    assert "each of the last" in str(large.divergence)


@pytest.fixture
def exploding(monkeypatch):
    """Validation losses that explode after the second epoch."""
    calls = []

    def validate(*_):
        calls.append(None)
        return Validation(1.0, 0.75) if len(calls) < 3 else Validation(3e10, 0.1)

    monkeypatch.setattr(fine_tuning, "validate", validate)


def test_a_run_that_diverged_failed_and_its_last_good_weights_are_a_model(
    exploding, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path))
    words = ["finetune", "--model", "bundled/vgg", "--dataset", "digits", "--limit", "40"]

    status = cli.main([*words, "--epochs", "4", "--batch-size", "16"])

    said = capsys.readouterr().err
    run = RunStore().list()[0]
    checkpoint = RunStore().folder(run.id) / "last_good"
    assert status == 2
    assert run.status is Status.FAILED
    assert "3e+10 nats" in said
    assert run.error.endswith(
        f"after epoch 2, the last good ones (validation accuracy 75.0 %), are the model "
        f"folder/{checkpoint}."
    )
    assert len(load_model(f"folder/{checkpoint}").labels) == 10
    with pytest.raises(CheckpointError, match="no model"):
        load_model(f"run/{run.id}")


def test_python_says_where_the_last_good_weights_are(exploding, tmp_path):
    settings = {"limit": 40, "split": "train"}
    data = usable.DatasetSpec("digits", **settings)
    schedule = Schedule(epochs=4, batch_size=16)

    with pytest.raises(Diverged, match="last_good") as caught:
        usable.fine_tune("bundled/vgg", data, tmp_path / "tuned", schedule=schedule)

    assert caught.value.checkpoint == tmp_path / "tuned" / "last_good"
    assert (caught.value.checkpoint / "model.safetensors").is_file()
    assert not (tmp_path / "tuned" / "model.safetensors").exists()
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.checkpoint) == (str(caught.value), caught.value.checkpoint)


def test_python_without_a_folder_names_no_checkpoint_that_is_gone(exploding):
    data = usable.DatasetSpec("digits", limit=40, split="train")

    with pytest.raises(Diverged, match="Give a folder") as caught:
        usable.fine_tune("bundled/vgg", data, schedule=Schedule(epochs=4, batch_size=16))

    assert caught.value.checkpoint is None


@pytest.mark.parametrize("model", ["bundled/resnet", "bundled/vit"])
@pytest.mark.parametrize("method", ["full", "linear_probe"])
def test_a_learning_rate_of_100_is_no_success(model, method, tmp_path):
    data = usable.DatasetSpec("digits", limit=60, split="train")
    schedule = Schedule(epochs=3, batch_size=16, learning_rate=100, optimizer="adamw")

    with pytest.raises(Diverged, match="--learning-rate 10"):
        usable.fine_tune(model, data, tmp_path, method=method, schedule=schedule)

    assert not (tmp_path / "model.safetensors").exists()


def test_weights_that_are_no_numbers_are_told_before_any_step(tmp_path):
    model = usable.load_model("bundled/resnet")
    with torch.no_grad():
        model.network.features[0][0].weight.fill_(math.nan)

    with pytest.raises(Diverged, match=r"before its first step.*Choose another model"):
        usable.fine_tune(model, "digits", tmp_path, schedule=Schedule(epochs=1))

    assert not list(tmp_path.iterdir())
