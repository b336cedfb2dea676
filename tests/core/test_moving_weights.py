"""Averages, early stopping, layer decay, last blocks, probe first: each against a reference."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from toy_models import small_network

from usable_core import answering, load_model
from usable_core.catalog.recipes import RECIPES
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.datasets.splits import training_splits
from usable_core.errors import ConfigError
from usable_core.evaluations.in_short import training as in_short
from usable_core.evaluations.rate import RateConfig
from usable_core.evaluations.schedule import Schedule, kept_record
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig
from usable_core.evaluations.training_words import in_words
from usable_core.models.blocks import multiples
from usable_core.models.sources.from_card import model_in
from usable_core.training.averaging import Average
from usable_core.training.command_line import command
from usable_core.training.descent import Descent
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.rate_finding import find_rate
from usable_core.training.stopping import BestEpoch

MODEL, TASK = ModelSpec("bundled/resnet"), DatasetSpec("task", "train", 40)
STILL = {"batch_size": 16, "precision": "float32", "augmentation": "none", "warmup": 0.0}
RESTLESS = {**STILL, "decay": "constant", "learning_rate": 0.3}  # epoch 1 is the best


@pytest.fixture(scope="module")
def data():
    found = load_digits()
    return dataset_from_arrays((found.images * 15.9).astype(np.uint8), found.target)


@pytest.fixture
def tune(data, tmp_path):
    """Fine-tune on 40 digits by a schedule and fields of the config; the weights and the result."""

    def tuned(name="tuned", reference="bundled/resnet", *, schedule, **settings):
        config = FineTuningConfig(
            ModelSpec(reference), TASK, schedule=Schedule(**schedule), **settings
        )
        source = data if config.source is not None else None
        folder = tmp_path / name
        result = fine_tune(
            model=load_model(reference),
            dataset=data,
            config=config,
            report=silent,
            folder=folder,
            source=source,
        )
        return load_file(folder / "model.safetensors"), result

    return tuned


def test_the_average_is_torchs_averaged_model_with_its_buffers():
    network = small_network()
    theirs = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.8), use_buffers=True)
    ours = Average([network[0], network], 0.8)  # a tensor in several modules counts once
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    optimizer.register_step_post_hook(lambda *_: ours.update())
    for step in range(7):
        x = torch.rand(8, 3, 8, 8, generator=torch.Generator().manual_seed(step))
        optimizer.zero_grad()
        network(x).square().mean().backward()
        optimizer.step()
        theirs.update_parameters(network)
    newest = {name: value.clone() for name, value in network.state_dict().items()}

    with ours.shown():
        shown = {name: value.clone() for name, value in network.state_dict().items()}

    for name, value in theirs.module.state_dict().items():
        is_count = name.endswith("num_batches_tracked")  # torch averages even these
        assert torch.equal(shown[name], newest[name] if is_count else value), name
    assert not torch.equal(shown["1.running_mean"], newest["1.running_mean"])
    assert all(torch.equal(newest[n], value) for n, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("stopping", "said"),
    [
        ({"epochs": 2}, "of the last"),
        pytest.param(
            {"epochs": 3, "patience": 1}, "of epoch 2, of the lowest", marks=pytest.mark.reference
        ),
    ],
)
def test_the_average_is_what_is_validated_and_saved(
    stopping, said, tune, data, monkeypatch, tmp_path
):
    taken, take = [], Descent._take_step

    def followed(self, indices):
        take(self, indices)
        network = self._objective.modules[1]
        taken.append({name: value.clone() for name, value in network.state_dict().items()})

    monkeypatch.setattr(Descent, "_take_step", followed)

    saved, result = tune(schedule={**RESTLESS, "ema": 0.5, **stopping})

    assert result.kept["epoch"] == 2
    for name in ("head.weight", "features.0.1.running_var", "features.0.0.weight"):
        expected = taken[0][name]
        for step in taken[1:6]:  # 3 an epoch
            expected = 0.5 * expected + 0.5 * step[name]
        assert torch.allclose(saved[name], expected, atol=1e-6), name
        assert not torch.allclose(saved[name], taken[5][name], atol=1e-6)
    model, (_, held_out) = model_in(tmp_path / "tuned"), training_splits(data, TASK)
    pictures, labels = zip(*(held_out[i] for i in range(len(held_out))), strict=True)
    x = torch.stack([model.preprocessing.geometry(picture) for picture in pictures])
    with torch.inference_mode():
        logits = model.network.eval()(model.preprocessing.normalise(x))
    loss = float(F.cross_entropy(logits, torch.tensor(labels)))
    assert loss == pytest.approx(result.kept["validation_loss"], rel=1e-4)
    assert result.card["measured"]["validation_loss"] == result.kept["validation_loss"]
    assert f"Kept are the weights, averaged with a decay of 0.5, {said}" in in_words(result)[0]


def test_an_average_over_more_steps_than_there_are_is_a_sentence(tune):
    with pytest.raises(ConfigError, match=r"ema must be at most 0\.8333 for a training of 6 steps"):
        tune(schedule={**STILL, "epochs": 2, "ema": 0.9})


def test_early_stopping_keeps_the_best_epoch_to_the_bit(tune):
    stopped, result = tune("stopped", schedule={**RESTLESS, "epochs": 9, "patience": 1})
    best, _ = tune("best", schedule={**RESTLESS, "epochs": 1})

    losses = result.records["validation_loss"]
    assert result.records["epoch"].tolist() == [1, 2]
    assert losses.idxmin() == 0
    assert all(torch.equal(value, best[name]) for name, value in stopped.items())
    assert result.card["measured"]["validation_loss"] == losses[0]
    summary = result.summary()
    assert (summary["kept"], summary["kept_epoch"]) == ("best epoch", 1)
    assert summary["last_epoch"]["epoch"] == 2
    accuracy = result.records["validation_accuracy"][0]
    assert in_short(summary) == f"{100 * accuracy:.1f} %"
    (said,) = in_words(result)
    assert said.startswith("2 of 9 epochs (stopped early) in ")
    assert "Kept are the weights of epoch 1, of the lowest validation loss" in said


def test_patience_begins_again_at_each_lower_loss():
    rule, over = BestEpoch([], 2), []
    for loss in (2.0, 2.1, 1.9, float("nan"), 1.9):
        rule.end_epoch(loss)
        over.append(rule.is_over)

    assert over == [False, False, False, False, True]
    assert rule.loss == 1.9
    records = pd.DataFrame({"epoch": [0.0, 1.0, 2.0, 3.0], "validation_loss": [0.1, 2.0, 1.9, 1.9]})
    assert kept_record(records, Schedule(patience=2))["epoch"] == 2
    assert kept_record(records, Schedule())["epoch"] == 3


def test_the_first_step_of_each_weight_is_as_long_as_its_depth_says(tune):
    """Five blocks: a first step of SGD is decay^(depth from the head) times as long as without."""
    one = {**STILL, "epochs": 1, "batch_size": 64, "decay": "constant", "learning_rate": 0.1}
    before = load_model("bundled/vit").network
    plain, _ = tune("plain", "bundled/vit", schedule=one)
    decayed, result = tune(
        "decayed", "bundled/vit", schedule=one, layer_decay=0.5, backbone_rate=0.5
    )

    expected, shares = dict(before.named_parameters()), multiples(before, 0.5)
    of_depth = {name: shares[p] for name, p in expected.items()}
    for name in ("features.positions", "features.blocks.0.norm1.weight", "features.norm.weight"):
        start = expected[name].detach()
        ratio = (decayed[name] - start).norm() / (plain[name] - start).norm()
        assert float(ratio) == pytest.approx(0.5 * of_depth[name], rel=0.02), name
    assert torch.equal(decayed["head.weight"], plain["head.weight"])
    assert of_depth["features.positions"] == 0.5**6
    assert "--layer-decay 0.5" in command(result.config)


@pytest.mark.parametrize("kept", [{}, {"source": DatasetSpec("source", "train", 40)}])
def test_below_the_last_blocks_weights_and_statistics_stay_to_the_bit(kept, tune, tmp_path):
    before = load_model("bundled/resnet").network.state_dict()

    after, result = tune(schedule={**STILL, "epochs": 1}, last_blocks=1, **kept)

    # features 0 to 6: two convolutions, a unit, a convolution, a unit, a convolution, a unit.
    moving = ("features.5", "features.6", "head")
    for name, value in before.items():
        if not name.startswith("head"):
            assert torch.equal(after[name], value) is not name.startswith(moving), name
    if kept:
        source = load_file(tmp_path / "tuned" / "source" / "model.safetensors")
        still = [name for name in before if not name.startswith(moving)]
        assert all(torch.equal(source[name], before[name]) for name in still)
        name = "features.6.body.0.1.running_mean"
        assert not torch.equal(source[name], before[name])
    assert "--last-blocks 1" in command(result.config)


def test_a_probe_first_is_the_linear_probe_and_the_rest_begins_with_its_head(tune):
    schedule = {**STILL, "epochs": 2}
    probed, probe = tune("probe", schedule=schedule, method="linear_probe")
    still, result = tune(
        "still", schedule={**schedule, "learning_rate": 1e-9}, method="probe_then_full"
    )

    first = result.records.iloc[0]
    of_probe = probe.records.iloc[-1]
    assert result.records["epoch"].tolist() == [0, 1, 2]
    shared = ["train_loss", "train_accuracy", "validation_loss", "validation_accuracy"]
    assert first[shared].tolist() == of_probe[shared].tolist()
    for name, value in probed.items():
        assert torch.allclose(still[name], value, atol=1e-5), name
    assert result.kept["validation_loss"] == pytest.approx(first["validation_loss"], rel=1e-3)
    assert first["train_loss"] < 2 < result.start.task, "the start is before the probe"
    (said,) = in_words(result)
    assert said.startswith("A probe, then 2 epochs in ")


def test_features_that_are_off_in_training_do_not_drive_a_probe_off(tune):
    """63 of the network's features are 0 for all training digits, and not for all others."""
    weights, result = tune(
        reference="bundled/vgg", schedule={**STILL, "epochs": 5}, method="linear_probe"
    )

    assert result.records["validation_loss"].max() < 2.3
    last = [value for name, value in weights.items() if name.endswith("weight")][-1]
    assert last.shape[0] == 10
    assert last.eq(0).all(0).sum() >= 63, "what never varied says nothing"


def test_after_a_probe_all_weights_move_and_batch_statistics_stay(tune):
    before = load_model("bundled/resnet").network.state_dict()

    after, result = tune(schedule={**STILL, "epochs": 1}, method="probe_then_full")

    assert result.config.schedule.learning_rate == 0.005
    for name, value in before.items():
        if not name.startswith("head"):
            is_statistic = name.rpartition(".")[2] in ("running_mean", "running_var")
            is_statistic |= name.endswith("num_batches_tracked")
            assert torch.equal(after[name], value) is is_statistic, name


@pytest.mark.reference
def test_a_rate_after_a_probe_is_looked_for_with_its_head(data):
    schedule = Schedule(**STILL, epochs=5)
    config = RateConfig(MODEL, TASK, "probe_then_full", schedule, steps=20)

    found = find_rate(
        model=load_model("bundled/resnet"), dataset=data, config=config, report=silent
    )

    assert found.records["loss"][0] < 1.5 < np.log(10), "which a random head has"


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "linear_probe", "last_blocks": 1}, "last_blocks must be absent for a linear"),
        ({"method": "linear_probe", "layer_decay": 0.5}, "layer_decay must be 1 for a linear"),
        ({"from_scratch": True, "last_blocks": 1}, "last_blocks must be absent from random"),
        ({"from_scratch": True, "layer_decay": 0.5}, "layer_decay must be 1 from random"),
        ({"from_scratch": True, "method": "probe_then_full"}, "method must be full or linear"),
    ],
)
def test_what_does_not_go_together_is_a_sentence(settings, said):
    with pytest.raises(ConfigError, match=said):
        FineTuningConfig(MODEL, TASK, **settings)


@pytest.mark.parametrize("name", [n for n, row in RECIPES.items() if not row.preprocessing])
def test_a_recipes_settings_are_in_the_command_that_asks_again(name):
    row = RECIPES[name]
    config = FineTuningConfig(MODEL, TASK, recipe=name, **row.settings)

    said = command(config)

    for field, value in {**row.schedule, **row.settings}.items():
        shown = f"{value:g}" if isinstance(value, float) else value
        assert f"--{field.replace('_', '-')} {shown}" in said


@pytest.mark.parametrize(
    ("config", "key"),
    [
        (PretrainingConfig("small_vit", DatasetSpec("digits")), "0d64150ccd76e22b06fcd477"),
        (
            FineTuningConfig(
                ModelSpec("bundled/vit"), DatasetSpec("digits"), schedule=Schedule(epochs=3)
            ),
            "b989e9a1e96529948f9fda43",
        ),
    ],
)
def test_a_question_of_before_has_the_key_that_it_had(config, key, monkeypatch):
    """Keys of the version before these fields, of objects with the fingerprint "f"."""
    monkeypatch.setattr(answering, "versions", dict)
    names = [name for name in ("model", "dataset") if hasattr(config, name)]
    objects = {name: SimpleNamespace(fingerprint="f") for name in names}

    assert answering.key(config, objects) == key
