"""Steps in parts: the same training but for rounding, as large as memory holds."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from usable_core import load_model
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.errors import ConfigError, UsableError
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain

TASK = DatasetSpec("digits", split="train")
PLAIN = {"epochs": 1, "batch_size": 20, "precision": "float32", "optimizer": "sgd"}


@pytest.fixture(scope="module")
def data():
    found = load_digits()
    return dataset_from_arrays((found.images[:70] * 15.9).astype(np.uint8), found.target[:70])


@pytest.fixture
def tune(data, tmp_path):
    """Fine-tune by a schedule; the weights and the result."""

    def tuned(reference, name, **settings):
        schedule = Schedule(**{**PLAIN, **settings.pop("schedule", {})})
        config = FineTuningConfig(ModelSpec(reference), TASK, schedule=schedule, **settings)
        folder = tmp_path / name
        model = load_model(reference)
        result = fine_tune(model=model, dataset=data, config=config, report=silent, folder=folder)
        return load_file(folder / "model.safetensors"), result

    return tuned


@pytest.fixture
def short_of_memory(monkeypatch):
    """No more examples than `holds` go through a network in training, after some passes."""
    memory, call = SimpleNamespace(holds=9, passes=0, lasts=0), torch.nn.Module.__call__

    def guarded(self, *args, **kwargs):
        answer = call(self, *args, **kwargs)
        if self.training and isinstance(self, torch.nn.Linear):
            if memory.passes >= memory.lasts and len(args[0]) > memory.holds:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            memory.passes += 1
        return answer

    monkeypatch.setattr(torch.nn.Module, "__call__", guarded)
    return memory


def differences(one, other):
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.parametrize(
    "settings",
    [{}, {"mixup": 0.4, "label_smoothing": 0.1, "augmentation": "shift_flip"}],
    ids=["plain", "mixed"],
)
def test_the_parts_of_a_step_add_up_to_it(tune, settings):
    """20 = 7 + 7 + 6: a mean of the parts' means would weigh the last too much.

    The stem, which is normalised by its batch, rests.
    """
    whole, one = tune("bundled/vit", "whole", last_blocks=3, schedule=settings)
    settings = {**settings, "micro_batch": 8}
    parts, other = tune("bundled/vit", "parts", last_blocks=3, schedule=settings)
    start = load_model("bundled/vit").network.state_dict()
    moved = max(float((whole[n] - start[n]).abs().max()) for n in whole if "head" not in n)

    assert differences(whole, parts) < 1e-4 * moved
    assert list(one.records["train_accuracy"]) == list(other.records["train_accuracy"])
    assert list(one.records["train_loss"]) == pytest.approx(list(other.records["train_loss"]))
    assert one.start.task == pytest.approx(other.start.task)


def test_what_is_kept_of_the_start_is_weighed_by_parts_too(tune):
    for proxy in ("distillation", "distance"):
        settings = {"proxy": proxy, "last_blocks": 1}
        whole, _ = tune("bundled/vit", f"whole {proxy}", **settings)
        parts, _ = tune("bundled/vit", proxy, **settings, schedule={"micro_batch": 8})

        assert differences(whole, parts) < 1e-5


def test_short_memory_halves_what_goes_through_together_and_is_told(tune, short_of_memory):
    """20, 10, 5: to the bit what a training is that asks for 5, batch statistics too."""
    found, result = tune("bundled/resnet", "found")
    asked, plain = tune("bundled/resnet", "asked", schedule={"micro_batch": 5})

    assert differences(found, asked) == 0
    (told,) = [said for said in result.provenance.warnings if "memory" in said]
    assert told.startswith("The device's memory did not hold 20 examples in training: at most 5 ")
    assert told in result.card["warnings"]
    assert not [said for said in plain.provenance.warnings if "memory" in said]


def test_what_a_step_that_is_begun_again_had_seen_is_undone(tune, short_of_memory):
    short_of_memory.lasts = 4  # the start's three batches and the first step
    weights, result = tune("bundled/resnet", "later")
    before = load_model("bundled/resnet").network.state_dict()
    assert result.card["data"]["n"] in range(41, 61), "three batches"
    counts = [name for name in weights if name.endswith("num_batches_tracked")]

    assert {int(weights[name] - before[name]) for name in counts} == {3}


def test_parts_of_a_training_that_moves_nothing_say_nothing_of_memory(tune):
    settings = {"proxy": "distillation", "task_weight": 0.0, "schedule": {"micro_batch": 8}}
    _, result = tune("bundled/vit", "unmoved", **settings)

    assert not [said for said in result.provenance.warnings if "memory" in said]


def test_memory_for_nothing_is_a_sentence(tune, short_of_memory):
    short_of_memory.holds = 3

    with pytest.raises(UsableError, match="does not hold 5 examples in training"):
        tune("bundled/resnet", "none")


def test_other_errors_are_not_taken_for_short_memory(tune, monkeypatch):
    def broken(*args, **kwargs):
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr("usable_core.training.fine_tuning.F.cross_entropy", broken)

    with pytest.raises(RuntimeError, match="shapes do not fit"):
        tune("bundled/vit", "broken")


def test_adversarial_pretraining_takes_parts(data, tmp_path, short_of_memory):
    schedule = Schedule(**PLAIN, augmentation="none")
    config = PretrainingConfig("small_resnet", TASK, schedule, epsilon=0.1)

    result = pretrain(dataset=data, config=config, report=silent, folder=tmp_path / "made")

    assert any("at most 5 went" in said for said in result.provenance.warnings)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"method": "linear_probe"}, "left out for a linear probe"),
        ({"source": TASK}, "left out beside source data"),
    ],
)
def test_parts_that_mean_nothing_are_refused(settings, sentence):
    with pytest.raises(ConfigError, match=sentence):
        FineTuningConfig(ModelSpec("m"), TASK, schedule=Schedule(micro_batch=8), **settings)


def test_parts_of_a_batch_that_is_compared_or_of_texts_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="compared with one another"):
        PretrainingConfig("small_vit", TASK, Schedule(micro_batch=8), objective="contrastive")
    with pytest.raises(ConfigError, match="micro_batch must be at least 4"):
        Schedule(micro_batch=3)
