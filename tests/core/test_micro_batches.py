"""Steps in parts: the same training but for rounding, as large as memory holds."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from made_texts import TEXTS, save_classifier
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from usable_core import load_model
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.datasets.texts import from_texts
from usable_core.errors import ConfigError, UsableError
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.labels import LabelSpace
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.joint import Joint
from usable_core.training.language_modelling import language_modelling, trunk_of
from usable_core.training.material import Texts
from usable_core.training.pretraining import pretrain

TASK = DatasetSpec("digits", split="train")
SOURCE = DatasetSpec("digits", split="train", limit=40)
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
        known = data if "source" in settings else None
        config = FineTuningConfig(ModelSpec(reference), TASK, schedule=schedule, **settings)
        asked = {"model": load_model(reference), "dataset": data, "source": known}
        folder = tmp_path / name
        result = fine_tune(**asked, config=config, report=silent, folder=folder)
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


@pytest.fixture
def guessing(tmp_path):
    """A tiny network of texts of a kind, and what is to be guessed of five texts."""

    def of(kind):
        save_classifier(tmp_path / kind, kind)
        model = load_model(tmp_path / kind)
        model.network.requires_grad_(True)
        modelling = language_modelling(model.network, model.input, model.name)
        pieces = [model.input.read(text) for text in (*TEXTS[:4], "a")]
        drawn = torch.Generator().manual_seed(0)
        return model, modelling, modelling.asked(model.input.stack(pieces), drawn)

    return of


def gradient(network, losses):
    found = torch.autograd.grad(sum(losses), list(network.parameters()), allow_unused=True)
    return torch.cat([one.flatten() for one in found if one is not None])


@pytest.mark.parametrize("kind", ["bert", "gpt2"])
def test_pieces_of_texts_are_weighed_by_parts(guessing, kind):
    """By how many are guessed, of which a decoder's last text has none."""
    model, modelling, asked = guessing(kind)
    parts = list(asked.parts(1))

    whole = gradient(model.network, [modelling.guessed(asked).loss])
    found = gradient(model.network, [modelling.guessed(one).loss * share for share, one in parts])

    assert len(parts) == 5
    assert [share for share, _ in parts][-1] < 0.2
    assert float((whole - found).norm()) < 1e-5 * float(whole.norm())


def test_what_is_kept_of_source_texts_is_weighed_by_parts(guessing):
    model, modelling, _ = guessing("gpt2")
    source = Texts([model.input.read(text) for text in TEXTS], torch.zeros(5), model.input)
    network = copy.deepcopy(model.network)
    with torch.no_grad():
        next(network.parameters()).mul_(1.5)  # L_pre is flat at the start
    joint = Joint(network, model.network)
    in_training = replace(modelling, trunk=trunk_of(network))
    parts = joint.guesses(source, in_training, Schedule(**PLAIN))

    assert len(list(parts(0, 2))) == 3
    whole, found = (
        gradient(network, [kept() * share for share, kept in parts(0, most)]) for most in (20, 2)
    )
    assert float((whole - found).norm()) < 1e-5 * float(whole.norm())


def test_pretraining_of_texts_takes_parts(tmp_path):
    data = from_texts("texts", list(TEXTS) * 4, np.zeros(20, dtype=np.int64), LabelSpace(("one",)))
    schedule = Schedule(epochs=1, batch_size=8, precision="float32", micro_batch=4)
    config = PretrainingConfig("gpt", DatasetSpec("texts", "train"), schedule)

    result = pretrain(dataset=data, config=config, report=silent, folder=tmp_path / "made")

    whole = replace(config, schedule=replace(schedule, micro_batch=None))
    other = pretrain(dataset=data, config=whole, report=silent, folder=tmp_path / "whole")
    assert result.start.task == pytest.approx(other.start.task, rel=0.01)  # but for dropout
    for column in ("train_loss", "train_accuracy"):
        assert list(result.records[column]) == pytest.approx(list(other.records[column]), rel=0.02)


def test_what_is_kept_of_the_start_is_weighed_by_parts_too(tune):
    for proxy in ("distillation", "distance"):
        settings = {"proxy": proxy, "last_blocks": 1}
        whole, _ = tune("bundled/vit", f"whole {proxy}", **settings)
        parts, _ = tune("bundled/vit", proxy, **settings, schedule={"micro_batch": 8})

        assert differences(whole, parts) < 1e-5


def test_source_examples_are_weighed_by_parts_too(tune):
    """Of which a step has 20 where the last of the task has fewer."""
    settings = {"source": SOURCE, "last_blocks": 1}
    whole, one = tune("bundled/vit", "whole", **settings)
    parts, other = tune("bundled/vit", "parts", **settings, schedule={"micro_batch": 8})

    assert differences(whole, parts) < 1e-5
    for column in ("train_loss", "task_loss", "source_loss", "validation_loss"):
        assert list(one.records[column]) == pytest.approx(list(other.records[column]), rel=1e-4)
    assert vars(one.start) == pytest.approx(vars(other.start))


def test_short_memory_halves_what_goes_through_together_and_is_told(tune, short_of_memory):
    """20, 10, 5: to the bit what a training is that asks for 5, batch statistics too."""
    found, result = tune("bundled/resnet", "found")
    asked, plain = tune("bundled/resnet", "asked", schedule={"micro_batch": 5})

    assert differences(found, asked) == 0
    (told,) = [said for said in result.provenance.warnings if "memory" in said]
    assert told.startswith("The device's memory did not hold 20 examples in training: at most 5 ")
    assert told in result.card["warnings"]
    assert not [said for said in plain.provenance.warnings if "memory" in said]


def test_short_memory_halves_what_goes_through_of_the_source_too(tune, short_of_memory):
    """At a λ of whose sum L_pre is no part, but of whose figures it is."""
    _, result = tune("bundled/vit", "found", source=SOURCE, last_blocks=1, task_weight=2000.0)

    assert any("at most 5 went" in said for said in result.provenance.warnings)
    assert np.isfinite(result.records["source_loss"]).all()


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


def test_parts_that_mean_nothing_are_refused():
    with pytest.raises(ConfigError, match="left out for a linear probe"):
        FineTuningConfig(
            ModelSpec("m"), TASK, method="linear_probe", schedule=Schedule(micro_batch=8)
        )
    with pytest.raises(ConfigError, match="compared with one another"):
        PretrainingConfig("small_vit", TASK, Schedule(micro_batch=8), objective="contrastive")
    with pytest.raises(ConfigError, match="micro_batch must be at least 4"):
        Schedule(micro_batch=3)
