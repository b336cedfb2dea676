"""λ = 0 is the model as it was, a large λ plain fine-tuning; what is retained is measured."""

import json
import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits

from usable_core import cli
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.errors import UsableError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig, Retained, Start
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.heads import head
from usable_core.models.model import Model
from usable_core.models.sources import torchvision_models
from usable_core.models.sources.from_card import model_in
from usable_core.randomness import generator
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.joint import Balance
from usable_core.training.pretraining import pretrain

BACKBONES = ("small_resnet", "small_vgg", "small_vit")
SOURCE = DatasetSpec("source", "train", 30)
TASK = DatasetSpec("task", "train", 30)
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def digits(wanted):
    found = load_digits()
    rows = np.isin(found.target, list(wanted))
    pixels = (found.images[rows] * 15.9).astype(np.uint8)
    return dataset_from_arrays(pixels, found.target[rows] - wanted[0])


@pytest.fixture(scope="module")
def source():
    return digits(range(3))


@pytest.fixture(scope="module")
def task():
    return digits(range(5, 8))


@pytest.fixture(scope="module")
def pretrained(source, tmp_path_factory):
    """Networks that know the source: architecture to model."""
    found = {}
    for architecture in BACKBONES:
        folder = tmp_path_factory.mktemp(architecture)
        schedule = Schedule(epochs=2, batch_size=16, optimizer="adamw", augmentation="none")
        config = PretrainingConfig(architecture, DatasetSpec("source", "train", 100), schedule)
        pretrain(dataset=source, config=config, report=silent, folder=folder)
        found[architecture] = model_in(folder)
    return found


def tune(model, task, folder, source=None, seed=0, augmentation="shift", **settings):
    schedule = Schedule(
        epochs=2, batch_size=16, precision="float32", seed=seed, augmentation=augmentation
    )
    settings |= {"source": SOURCE} if source is not None else {}
    config = FineTuningConfig(ModelSpec(model.name), TASK, schedule=schedule, **settings)
    result = fine_tune(
        model=model, dataset=task, config=config, report=silent, folder=folder, source=source
    )
    return result, model_in(folder)


def backbone(model, leave_out=()):
    new = {id(parameter) for parameter in head(model.network).parameters()}
    state = model.network.state_dict(keep_vars=True)
    return {
        name: tensor.detach()
        for name, tensor in state.items()
        if id(tensor) not in new and not name.endswith(tuple(leave_out))
    }


def way(one, other):
    return math.sqrt(sum(float((one[k] - other[k]).square().sum()) for k in one))


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("architecture", BACKBONES)
def test_the_limits_of_lambda_are_the_start_and_plain_fine_tuning(
    architecture, seed, pretrained, source, task, tmp_path
):
    model = pretrained[architecture]
    start = backbone(model)

    nothing, untouched = tune(model, task, tmp_path / "0", source, seed, task_weight=0.0)
    plain, by_itself = tune(model, task, tmp_path / "plain", seed=seed)
    much, heavy = tune(model, task, tmp_path / "1e3", source, seed, task_weight=1e3)

    assert all(torch.equal(value, start[name]) for name, value in backbone(untouched).items())
    assert nothing.retained.before == nothing.retained.after
    assert nothing.records["task_loss"].iloc[-1] == nothing.start.task
    reached = backbone(by_itself, STATISTICS)
    assert way(reached, start) > 0
    assert way(backbone(heavy, STATISTICS), reached) <= 0.05 * way(reached, start)
    assert much.last_validation_accuracy == plain.last_validation_accuracy


@pytest.mark.parametrize("architecture", BACKBONES)
def test_a_small_lambda_stays_near_the_start(architecture, pretrained, source, task, tmp_path):
    model = pretrained[architecture]
    start = backbone(model, STATISTICS)
    ways = {}
    for weight in (0.002, 1e3):
        _, tuned = tune(model, task, tmp_path / str(weight), source, task_weight=weight)
        ways[weight] = way(backbone(tuned, STATISTICS), start)

    assert ways[0.002] < 0.05 * ways[1e3]


def test_the_losses_are_weighed_in_units_of_their_start():
    start = Start(task=2.0, source=0.5)
    for weight in (0.01, 1.0, 30.0):
        found = Balance(weight, 10).weights(start)

        assert found.task + found.source == pytest.approx(1)
        # λ·L_fine / L_fine⁰ against L_pre / L_pre⁰
        assert found.task / found.source == pytest.approx(weight * 0.5 / 2.0)


def test_a_source_loss_near_0_is_no_unit():
    found = Balance(1.0, 10).weights(Start(task=2.0, source=1e-9))

    assert found.task == pytest.approx(0.01 * math.log(10) / (2.0 + 0.01 * math.log(10)))


def test_the_starting_losses_are_those_of_the_untouched_network(pretrained, source, task, tmp_path):
    model = pretrained["small_resnet"]
    result, _ = tune(model, task, tmp_path, source, augmentation="none", task_weight=0.5)
    again, _ = tune(model, task, tmp_path, source, augmentation="none", task_weight=8.0)

    assert result.start == again.start
    network = model_in(tmp_path).network  # only its shape; the start is made anew
    torch.manual_seed(0)
    fresh = torch.nn.Linear(head(network).in_features, 3)
    start = {k: v.clone() for k, v in model.network.state_dict().items()}
    network.load_state_dict(start | {f"head.{k}": v for k, v in fresh.state_dict().items()})
    train = task.split("train").sample(TASK.limit, seed=0)
    pixels = [model.preprocessing.geometry(train[i][0]) for i in range(len(train))]
    y = torch.tensor(train.targets)
    order = torch.randperm(len(y), generator=generator(0, "start"))
    network.train()
    losses = [
        F.cross_entropy(
            network(model.preprocessing.normalise(torch.stack([pixels[i] for i in rows]))), y[rows]
        )
        * len(rows)
        for rows in order.split(16)
    ]
    assert result.start.task == pytest.approx(float(sum(losses)) / len(y), rel=1e-4)


def test_what_is_retained_is_what_the_kept_source_model_says(pretrained, source, task, tmp_path):
    model = pretrained["small_resnet"]

    result, _ = tune(model, task, tmp_path, source, task_weight=1e3)

    kept, rest = model_in(tmp_path / "source"), source.split("validation")
    rest = rest.sample(SOURCE.limit, seed=0)
    x = torch.stack([model.preprocessing.geometry(rest[i][0]) for i in range(len(rest))])
    for measured, one in ((result.retained.before, model), (result.retained.after, kept)):
        accuracy = (one(x).argmax(1).numpy() == rest.targets).mean()
        assert measured.value == pytest.approx(accuracy)
        assert measured.n == len(rest)
        assert measured.low < measured.value or measured.value == 0
    assert kept.labels == model.labels
    gone = result.retained.after.value - result.retained.before.value
    assert result.retained.difference.value == pytest.approx(gone)
    assert not torch.equal(head(kept.network).weight, head(model_in(tmp_path).network).weight)


def test_a_source_that_is_the_task_never_measures_by_what_was_trained_on(
    pretrained, source, tmp_path
):
    model = pretrained["small_vgg"]
    seen = DatasetSpec("source", "all")  # its training images hold the source's validation images
    schedule = Schedule(epochs=1, batch_size=16, precision="float32")
    config = FineTuningConfig(ModelSpec("m"), seen, schedule=schedule, source=SOURCE)

    result = fine_tune(
        model=model, dataset=source, config=config, report=silent, folder=tmp_path, source=source
    )

    # 96 % of all images are the task's: hardly one of the source's is left to measure by.
    rest = source.split("validation").sample(SOURCE.limit, seed=0)
    assert result.retained.after.n < 0.25 * len(rest)


@pytest.mark.parametrize("proxy", ["distillation", "distance"])
def test_a_proxy_is_called_one_and_has_the_same_limits(proxy, pretrained, task, tmp_path):
    model = pretrained["small_vit"]
    start = backbone(model, STATISTICS)

    _, untouched = tune(model, task, tmp_path / "0", proxy=proxy, task_weight=0.0)
    little, near = tune(model, task, tmp_path / "1", proxy=proxy, task_weight=0.01)
    _, plain = tune(model, task, tmp_path / "2")
    _, heavy = tune(model, task, tmp_path / "3", proxy=proxy, task_weight=1e6)

    assert way(backbone(untouched, STATISTICS), start) == 0
    assert way(backbone(plain, STATISTICS), backbone(heavy, STATISTICS)) == 0
    assert way(backbone(near, STATISTICS), start) < 0.5 * way(backbone(plain, STATISTICS), start)
    said = " ".join(little.provenance.warnings)
    assert "L_pre is a proxy" in said
    assert proxy in said
    assert "not measured" in said
    assert little.retained is None


def test_a_head_that_is_not_linear_is_refused(task, tmp_path):
    network = torchvision_models.build("squeezenet1_1", {"num_classes": "3"})
    card = {"architecture": "torchvision/squeezenet1_1"}
    labels = LabelSpace(("0", "1", "2"), False)
    squeezenet = Model(
        "test/squeezenet", network, Preprocessing(resize=32, crop=(32, 32)), labels, card
    )

    with pytest.raises(UsableError, match="L_pre needs"):
        tune(squeezenet, task, tmp_path, digits(range(3)))


def test_the_command_line_says_what_is_retained(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("USABLE_HOME", str(tmp_path))
    words = ["finetune", "--model", "bundled/vgg", "--dataset", "digits", "--limit", "40"]
    words += ["--epochs", "1", "--method", "full", "--precision", "float32", "--batch-size", "16"]
    assert cli.main([*words, "--json", "-"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["retained"], first["start"]["source"]) == (None, None)

    again = [*words, "--source", "digits", "--lambda", "2", "--json", "-"]
    again[2] = first["reference"]
    assert cli.main(again) == 0
    found = json.loads(capsys.readouterr().out)

    assert found["retained"]["before"]["n"] == found["retained"]["after"]["n"] > 0
    assert found["start"]["source"] > 0
    assert cli.main(again[:-2]) == 0
    said, notes = capsys.readouterr()
    assert "Source accuracy (digits, n = " in said
    assert "before, " in said
    assert "points (" in said
    assert Retained.__name__ not in said + notes
