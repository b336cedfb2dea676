"""Training learns, keeps its promises about what moves, and leaves the given model alone."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from usable_core.asking import precision as timing
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import training_splits
from usable_core.errors import Cancelled, CheckpointError, ConfigError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig, PretrainingConfig
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.architectures import small_resnet
from usable_core.models.model import Model
from usable_core.models.weights.checkpoints import load_weights, read_card
from usable_core.training import meter
from usable_core.training.adversarial import perturb
from usable_core.training.augmentation import augment
from usable_core.training.descent import parameter_groups
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain
from usable_core.training.rates import learning_rate_factor

TASK = DatasetSpec("colours", split="train")
QUICK = Schedule(epochs=3, batch_size=16, learning_rate=0.05, augmentation="none")


@pytest.fixture
def colours() -> Dataset:
    """Red, green and blue squares with noise: a task that any network learns in a few steps."""
    generator = np.random.default_rng(0)
    targets = np.arange(90) % 3
    pixels = generator.integers(0, 120, (90, 32, 32, 3))
    pixels[np.arange(90), :, :, targets] += 120
    pictures = [Image.fromarray(p.astype(np.uint8)) for p in pixels]
    return Dataset(
        name="colours",
        labels=LabelSpace(("red", "green", "blue")),
        targets=targets.astype(np.int64),
        ids=tuple(f"{i:04d}" for i in range(90)),
        open=lambda i: pictures[i],
        fingerprint="colours",
    )


@pytest.fixture
def model() -> Model:
    torch.manual_seed(0)
    return Model(
        "test/resnet",
        small_resnet(4),
        Preprocessing(resize=32, crop=(32, 32), mean=(0.5,) * 3, std=(0.25,) * 3),
        LabelSpace(("red", "green", "blue", "grey")),
        card={"architecture": "small_resnet"},
    )


def tune(model, dataset, folder, report=silent, **settings):
    settings = {"schedule": QUICK, **settings}
    config = FineTuningConfig(ModelSpec("test/resnet"), TASK, **settings)
    return fine_tune(model=model, dataset=dataset, config=config, report=report, folder=folder)


def test_fine_tuning_learns_the_task_and_saves_what_it_learned(model, colours, tmp_path):
    result = tune(model, colours, tmp_path)

    network = small_resnet(3)
    load_weights(network, tmp_path / "model.safetensors")
    tuned = Model("run/x", network, model.preprocessing, colours.labels)
    test = colours.split("test")
    x = torch.stack([model.preprocessing.geometry(test[i][0]) for i in range(len(test))])
    accuracy = (tuned(x).argmax(1).numpy() == test.targets).mean()
    assert accuracy > 0.9
    assert result.records["validation_accuracy"].iloc[-1] > 0.9
    assert result.records["task_loss"].iloc[-1] < result.records["task_loss"].iloc[0]
    assert read_card(tmp_path)["labels"] == ["red", "green", "blue"]
    assert read_card(tmp_path)["data"]["fingerprint"] == colours.fingerprint


def test_fine_tuning_leaves_the_given_model_unchanged(model, colours, tmp_path):
    before = model.fingerprint

    tune(model, colours, tmp_path)

    assert model._fingerprint() == before
    assert not any(p.requires_grad for p in model.network.parameters())


def test_the_same_seed_gives_the_same_weights(model, colours, tmp_path):
    for folder in ("a", "b"):
        tune(model, colours, tmp_path / folder, schedule=replace(QUICK, precision="float32"))

    one, two = ((tmp_path / k / "model.safetensors").read_bytes() for k in "ab")
    assert one == two


def test_a_linear_probe_moves_the_head_only(model, colours, tmp_path):
    result = tune(model, colours, tmp_path, method="linear_probe")

    network = small_resnet(3)
    load_weights(network, tmp_path / "model.safetensors")
    for (name, old), new in zip(
        model.network.features.state_dict().items(),
        network.features.state_dict().values(),
        strict=True,
    ):
        assert torch.equal(old, new), name
    assert result.records["validation_accuracy"].iloc[-1] > 0.9
    tuned = Model("run/x", network, model.preprocessing, colours.labels)
    held_out = colours.split("validation")
    x = torch.stack([model.preprocessing.geometry(held_out[i][0]) for i in range(len(held_out))])
    # The folded head on raw features must be what was validated on standardised ones.
    accuracy = (tuned(x).argmax(1).numpy() == held_out.targets).mean()
    assert accuracy == pytest.approx(result.records["validation_accuracy"].iloc[-1])


def test_from_scratch_forgets_the_pretrained_weights(model, colours, tmp_path):
    frozen = Schedule(epochs=1, batch_size=16, learning_rate=1e-9, augmentation="none")

    tune(model, colours, tmp_path / "kept", schedule=frozen)
    tune(model, colours, tmp_path / "new", schedule=frozen, from_scratch=True)

    old = model.network.features[0][0].weight
    kept, new = small_resnet(3), small_resnet(3)
    load_weights(kept, tmp_path / "kept" / "model.safetensors")
    load_weights(new, tmp_path / "new" / "model.safetensors")
    assert torch.allclose(kept.features[0][0].weight, old, atol=1e-5)
    assert not torch.allclose(new.features[0][0].weight, old, atol=1e-2)


def test_cancelling_stops_the_training_and_saves_no_model(model, colours, tmp_path):
    def cancel(done, total, message, **metrics):
        if message.startswith("Epoch"):
            raise Cancelled

    with pytest.raises(Cancelled):
        tune(model, colours, tmp_path, report=cancel)

    assert [path.name for path in tmp_path.iterdir()] == ["shards"]


def test_pretraining_measures_the_passport_on_the_training_split(colours, tmp_path):
    config = PretrainingConfig("small_resnet", TASK, QUICK)

    result = pretrain(dataset=colours, config=config, report=silent, folder=tmp_path)

    train = colours.split("train")
    pixels = np.stack([np.asarray(train[i][0]) for i in range(len(train))]) / 255
    assert result.card["preprocessing"]["mean"] == pytest.approx(pixels.mean((0, 1, 2)), abs=1e-3)
    assert result.records["validation_accuracy"].iloc[-1] > 0.9
    assert "--architecture small_resnet" in result.card["command"]


def test_splits_for_training_never_share_an_example(colours):
    for split in ("train", "all"):
        train, validation = training_splits(colours, DatasetSpec("colours", split=split))
        assert not set(train.ids) & set(validation.ids)
        assert len(train) > 0
        assert len(validation) > 0
    assert not set(training_splits(colours, TASK)[0].ids) & set(colours.split("test").ids)


@pytest.mark.parametrize("kind", ["none", "shift", "shift_flip"])
def test_augmentation_keeps_shape_and_values(kind):
    x = torch.rand(8, 3, 32, 32)

    out = augment(x, kind, torch.Generator().manual_seed(0))

    assert out.shape == x.shape
    assert torch.equal(out, x) == (kind == "none")
    for before, after in zip(x, out, strict=True):
        centre = after[:, 12:20, 12:20]
        windows = [
            w[:, r : r + 8, c : c + 8]
            for w in ((before, before.flip(2)) if kind == "shift_flip" else (before,))
            for r in range(8, 17)
            for c in range(8, 17)
        ]
        assert any(torch.equal(centre, w) for w in windows)


def test_the_learning_rate_rises_linearly_and_falls_by_a_cosine():
    factors = [learning_rate_factor(Schedule(), step, 100) for step in range(101)]

    assert factors[:20] == pytest.approx([(s + 1) / 20 for s in range(20)])
    assert factors[60] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.5)))
    assert factors[100] == pytest.approx(0, abs=1e-9)


def test_weight_decay_spares_vectors_and_no_parameter_is_twice():
    network = small_resnet(3)

    groups = parameter_groups(
        [(network.head, 1.0), (network, 0.5)], replace(QUICK, weight_decay=5e-4)
    )

    ids = [id(p) for g in groups for p in g["params"]]
    assert len(ids) == len(set(ids)) == len(list(network.parameters()))
    for group in groups:
        is_decayed = group["weight_decay"] > 0
        assert all((p.ndim > 1) == is_decayed for p in group["params"])
    rates = {id(p): g["lr"] for g in groups for p in g["params"]}
    assert rates[id(network.head.weight)] == 2 * rates[id(network.features[0][0].weight)]


def test_adversarial_images_stay_in_the_ball_and_raise_the_loss(model):
    torch.manual_seed(0)
    x, y = torch.rand(16, 3, 32, 32), torch.randint(0, 4, (16,))

    x_adv = perturb(model.network, model.preprocessing, x, y, 8 / 255)

    assert float((x_adv - x).abs().max()) <= 8 / 255 + 1e-6
    assert float(x_adv.min()) >= 0
    assert float(x_adv.max()) <= 1
    loss = nn.CrossEntropyLoss()
    assert loss(model(x_adv), y) > loss(model(x), y)


def test_a_fixed_program_cannot_be_fine_tuned(model, colours, tmp_path):
    program = torch.export.export(model.network, (torch.rand(2, 3, 32, 32),)).module()
    fixed = Model("file/x.pt2", program, model.preprocessing, model.labels)

    with pytest.raises(CheckpointError, match="program"):
        tune(fixed, colours, tmp_path)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"task_weight": -1}, "λ"),
        ({"task_weight": math.nan}, "λ"),
        ({"task_weight": math.inf, "source": TASK}, "λ"),
        ({"task_weight": 2.0}, "no L_pre"),
        ({"source": TASK, "proxy": "distance"}, "proxy"),
        ({"proxy": "distance", "method": "linear_probe"}, "linear probe"),
        ({"source": TASK, "from_scratch": True}, "random weights"),
        ({"method": "half"}, "method"),
    ],
)
def test_settings_out_of_range_are_refused(settings, name):
    with pytest.raises(ConfigError, match=name):
        FineTuningConfig(ModelSpec("bundled/resnet"), TASK, **settings)


def test_live_figures_are_of_the_newest_steps_and_records_of_whole_epochs(
    model, colours, tmp_path, monkeypatch
):
    monkeypatch.setattr(meter, "SECONDS_BETWEEN_REPORTS", 0.0)
    told = []

    def report(done, total, message, **metrics):
        if message == "Epoch 1 of 3":
            told.append(metrics["train_loss"])

    result = tune(model, colours, tmp_path, report=report)

    sizes = [len(part) for part in torch.arange(len(colours.split("train"))).split(16)]
    assert len(told) == len(sizes)  # one report a step, each of that step alone
    whole = result.records["train_loss"].iloc[0]
    assert np.average(told, weights=sizes) == pytest.approx(whole)


def test_a_model_that_could_not_be_loaded_again_is_refused_before_any_training(
    model, colours, tmp_path
):
    model.card = {}
    told = []

    with pytest.raises(CheckpointError, match="architecture"):
        tune(model, colours, tmp_path, report=lambda *told_now, **_: told.append(told_now))

    assert told == []


@pytest.fixture
def clock(monkeypatch):
    """A clock that every pass through a convolution moves on, by its cost in that format."""
    clock = SimpleNamespace(now=0.0, cost={False: 1.0, True: 1.0})

    def convolve(*arguments):
        clock.now += clock.cost[torch.is_autocast_enabled("cpu")]
        return convolution(*arguments)

    convolution = F.conv2d
    monkeypatch.setattr(F, "conv2d", convolve)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: clock.now)
    return clock


@pytest.mark.parametrize(("cost", "expected"), [(0.5, "bfloat16"), (2.0, "float32")])
def test_auto_trains_in_the_number_format_that_is_faster_and_the_card_says_which(
    model, colours, tmp_path, clock, cost, expected
):
    clock.cost[True] = cost

    result = tune(model, colours, tmp_path / "auto")
    asked = replace(QUICK, precision=expected)
    told = tune(model, colours, tmp_path / "told", schedule=asked)

    assert result.card["precision"] == told.card["precision"] == expected
    auto, by_name = (tmp_path / k / "model.safetensors" for k in ("auto", "told"))
    assert auto.read_bytes() == by_name.read_bytes(), "timing left a trace"


def test_timing_leaves_adversarial_training_as_it_was(colours, tmp_path, clock):
    """Its steps draw from the global generator and from their own."""
    schedule = replace(QUICK, epochs=1, augmentation="shift_flip")

    for folder, precision in (("auto", "auto"), ("told", "float32")):
        config = PretrainingConfig(
            "small_resnet", TASK, replace(schedule, precision=precision), 0.02
        )
        pretrain(dataset=colours, config=config, report=silent, folder=tmp_path / folder)

    auto, by_name = (tmp_path / k / "model.safetensors" for k in ("auto", "told"))
    assert auto.read_bytes() == by_name.read_bytes()
