"""Recipes are settings by name; each part of one does what its paper or torch's own class does."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from made_texts import save_classifier
from sklearn.datasets import load_digits
from torch import nn
from torchvision.transforms import v2

from usable_core import cli, fine_tune, load_model
from usable_core.catalog.recipes import RECIPES
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.errors import ConfigError, UsableError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig
from usable_core.runs import RunStore
from usable_core.training import random_changes
from usable_core.training.augmentation import augment
from usable_core.training.batches import balanced
from usable_core.training.mixing import mixed
from usable_core.training.random_changes import randomly_changed
from usable_core.training.rates import learning_rate_factor

STEPS = 200


def factors(**settings):
    schedule = Schedule(**settings)
    return [learning_rate_factor(schedule, step, STEPS) for step in range(STEPS)]


def of_torch(make):
    """Return the rates of one of torch's schedulers around a peak of 1."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0, momentum=0.9)
    scheduler, found = make(optimizer), []
    for _ in range(STEPS):
        found.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return found


def test_rates_are_those_of_torchs_own_schedulers():
    rates = torch.optim.lr_scheduler

    assert factors(decay="one_cycle", warmup=0.3) == pytest.approx(
        of_torch(lambda o: rates.OneCycleLR(o, 1.0, STEPS, pct_start=0.3, cycle_momentum=False))
    )
    assert factors(decay="cosine", warmup=0.0) == pytest.approx(
        of_torch(lambda o: rates.CosineAnnealingLR(o, STEPS))
    )
    assert factors(decay="step", warmup=0.0) == pytest.approx(
        of_torch(lambda o: rates.MultiStepLR(o, [STEPS // 2, STEPS * 3 // 4], 0.1))
    )
    assert factors(decay="constant", warmup=0.0) == [1.0] * STEPS
    assert factors(decay="constant", warmup=0.1)[:20] == [(step + 1) / 20 for step in range(20)]


def test_a_balanced_epoch_draws_every_class_equally_often():
    labels = torch.cat([torch.zeros(960), torch.ones(30), torch.full((10,), 2)]).long()

    found = labels[balanced(labels, torch.Generator().manual_seed(0))].bincount()

    assert int(found.sum()) == 1000
    assert all(abs(int(count) - 333) < 60 for count in found)


def test_mixed_pictures_have_the_targets_of_what_they_hold():
    torch.manual_seed(0)
    y = torch.arange(8) % 4
    x = y[:, None, None, None].float().expand(8, 3, 32, 32) / 4  # a class is a grey level

    same, plain = mixed(x, y, 4, Schedule())
    blended, shares = mixed(x, y, 4, Schedule(mixup=1.0))
    pasted, parts = mixed(x, y, 4, Schedule(cutmix=1.0))

    assert torch.equal(same, x)
    assert torch.equal(plain, y)
    levels = torch.arange(4) / 4
    assert torch.allclose(blended.mean((1, 2, 3)), shares @ levels, atol=1e-5)
    assert torch.allclose(pasted.mean((1, 2, 3)), parts @ levels, atol=1e-5)
    assert len(blended[0].unique()) == 1
    assert len(pasted[0].unique()) == 2
    assert torch.allclose(shares.sum(1), torch.ones(8))


def test_random_changes_are_of_each_picture_and_leave_the_global_generator_alone():
    x = torch.rand(1, 3, 32, 32).expand(16, 3, 32, 32)
    before = torch.get_rng_state()

    one = augment(x, "rand_augment", torch.Generator().manual_seed(3))
    again = augment(x, "rand_augment", torch.Generator().manual_seed(3))
    other = augment(x, "rand_augment", torch.Generator().manual_seed(4))

    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
    shifted = augment(x, "shift_flip", torch.Generator().manual_seed(3))
    assert sum(not torch.allclose(a, b, atol=0.01) for a, b in zip(one, shifted, strict=True)) > 8
    assert one.shape == x.shape
    assert 0 <= float(one.min()) <= float(one.max()) <= 1


@pytest.mark.parametrize("shape", [(24, 3, 32, 32), (12, 3, 20, 28)])
def test_random_changes_are_those_of_torchvision(shape):
    wide = torch.randint(0, 256, shape, dtype=torch.uint8)
    x = torch.cat([wide, wide // 3 + 40])  # of little contrast: there is something to stretch
    seen = set()

    for seed in range(6):
        found = randomly_changed(x, torch.Generator().manual_seed(seed))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            expected = torch.stack([v2.RandAugment()(image) for image in x])
        assert torch.equal(found, expected)
        drawn = torch.Generator().manual_seed(seed)
        seen |= {random_changes._draw(drawn) for _ in range(2 * len(x))}
    assert len(seen) == 14 + 9, "some have two directions"


def test_a_shift_is_a_crop_of_the_picture_with_its_edges_drawn_out():
    x = torch.rand(64, 3, 32, 16)

    found = augment(x, "shift_flip", torch.Generator().manual_seed(0))

    drawn = torch.Generator().manual_seed(0)
    tops = torch.randint(0, 9, (64,), generator=drawn).tolist()
    lefts = torch.randint(0, 5, (64,), generator=drawn).tolist()
    flips = (torch.rand(64, generator=drawn) < 0.5).tolist()
    padded = F.pad(x, (2, 2, 4, 4), mode="replicate")
    for picture, whole, top, left, is_flipped in zip(
        found, padded, tops, lefts, flips, strict=True
    ):
        crop = whole[:, top : top + 32, left : left + 16]
        assert torch.equal(picture, crop.flip(2) if is_flipped else crop)


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    return dataset_from_arrays((found.images * 15.9).astype(np.uint8)[:300], found.target[:300])


def tuned(digits, **schedule):
    usual = {"epochs": 2, "batch_size": 32, "precision": "float32", "augmentation": "none"}
    return fine_tune("bundled/resnet", digits, schedule=Schedule(**(usual | schedule)))


SETTINGS = {
    "momentum": {"momentum": 0.5},
    "momentum's form": {"momentum_form": "classical"},
    "decay": {"decay": "constant"},
    "clip": {"clip": 1e-3},
    "mixup": {"mixup": 0.4},
    "cutmix": {"cutmix": 1.0},
    "sampling": {"sampling": "balanced"},
    "augmentation": {"augmentation": "rand_augment"},
}


@pytest.fixture(scope="module")
def plain(digits):
    return tuned(digits)[0].fingerprint


@pytest.mark.parametrize("setting", SETTINGS)
def test_each_setting_changes_the_training(setting, digits, plain):
    assert tuned(digits, **SETTINGS[setting])[0].fingerprint != plain


def test_the_tutorials_recipe_is_a_plain_loop_of_torch(digits):
    """torchvision's layers, SGD at a constant rate, nothing else: written out here."""
    values = {**RECIPES["seed-recipe"].schedule, "epochs": 2, "precision": "float32"}
    model = load_model("bundled/resnet")
    network, result = fine_tune("bundled/resnet", digits, schedule=Schedule(**values))

    from usable_core.datasets.splits import training_splits
    from usable_core.models.heads import replace_head
    from usable_core.randomness import generator

    spec = DatasetSpec("")
    train, _ = training_splits(digits, spec)
    torch.manual_seed(0)
    expected = replace_head(model.network, 10).train().requires_grad_(True)
    x = torch.stack([model.preprocessing.geometry(train[i][0]) for i in range(len(train))])
    x, y = model.preprocessing.normalise(x), torch.tensor(train.targets)
    optimizer = torch.optim.SGD(expected.parameters(), lr=0.001, momentum=0.9)
    for epoch in (1, 2):
        for rows in torch.randperm(len(y), generator=generator(0, "order", epoch)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(expected(x[rows]), y[rows]).backward()
            optimizer.step()
    ours = dict(network.network.named_parameters())
    assert result.records["learning_rate"].tolist() == [0.001, 0.001]
    for name, value in expected.named_parameters():
        assert torch.allclose(ours[name], value, atol=1e-4), name


def test_a_recipe_fills_what_was_not_said_and_its_faults_stand_beside_the_answer(tmp_path):
    command = [
        *("finetune", "--model", "bundled/resnet", "--dataset", "digits", "--limit", "40"),
        *("--recipe", "seed-recipe", "--epochs", "1", "--json", str(tmp_path / "answer.json")),
    ]

    assert cli.main(command) == 0

    (run,) = RunStore().list()
    config = RunStore().get(run.id).config
    expected = Schedule(**{**RECIPES["seed-recipe"].schedule, "epochs": 1})
    assert config.schedule == expected
    assert dict(config.model.preprocessing)["mean"] == "0.5,0.5,0.5"
    answer = json.loads((tmp_path / "answer.json").read_text(encoding="utf-8"))
    assert set(RECIPES["seed-recipe"].faults) <= set(answer["warnings"])
    assert answer["schedule"]["learning_rate"] == 0.001


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_a_question(name):
    row = RECIPES[name]
    schedule = Schedule(**row.schedule)
    config = FineTuningConfig(
        ModelSpec("bundled/resnet"), DatasetSpec("digits"), schedule=schedule, **row.settings
    )
    named = FineTuningConfig(ModelSpec("bundled/resnet"), DatasetSpec("digits"), recipe=name)

    assert named.schedule == config.schedule
    assert row.better in ("", *RECIPES)
    assert bool(row.faults) == bool(row.better)


def test_python_takes_all_of_a_recipe_but_what_is_said(digits):
    _, probed = fine_tune("bundled/resnet", digits, recipe="probe", schedule=Schedule(epochs=1))
    _, full = fine_tune(
        "bundled/resnet", digits, recipe="probe", method="full", schedule=Schedule(epochs=1)
    )
    _, tutorial = fine_tune(
        "bundled/resnet", digits, recipe="seed-recipe", schedule=Schedule(epochs=1)
    )

    assert probed.config.method == "linear_probe"
    assert full.config.method == "full"
    assert tuple(tutorial.card["preprocessing"]["mean"]) == (0.5, 0.5, 0.5)


def test_a_schedule_that_is_said_goes_before_the_recipes():
    said = Schedule(epochs=3, learning_rate=0.02)
    config = FineTuningConfig(ModelSpec("m"), DatasetSpec("d"), schedule=said, recipe="seed-recipe")
    assert config.schedule == said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"recipe": "sead-recipe"}, "seed-recipe"),
        ({"schedule": Schedule(mixup=0.2), "method": "linear_probe"}, "mixup must be 0"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(settings, said):
    with pytest.raises(UsableError, match=said):
        FineTuningConfig(ModelSpec("m"), DatasetSpec("d"), **settings)


def test_momentum_and_mixtures_out_of_their_range_are_refused():
    for settings in ({"momentum": 0.0}, {"momentum": 1.0}, {"mixup": -1.0}, {"clip": -1.0}):
        with pytest.raises(ConfigError):
            Schedule(**settings)
    assert replace(Schedule(), momentum=0.0, momentum_form="classical").momentum == 0


def test_texts_are_not_mixed(tmp_path):
    pytest.importorskip("transformers")
    save_classifier(tmp_path / "model", "bert")
    rows = "".join(f"good {n},1\nbad {n},0\n" for n in range(40))
    (tmp_path / "texts.csv").write_text("text,label\n" + rows, encoding="utf-8")

    with pytest.raises(ConfigError, match="cannot be blended"):
        fine_tune(
            str(tmp_path / "model"), str(tmp_path / "texts.csv"), schedule=Schedule(cutmix=1.0)
        )
