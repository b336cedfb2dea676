"""Pre-training beyond labels on clean pictures: PGD, TRADES, and telling pictures apart."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from usable_core.catalog.architectures import ARCHITECTURES
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.errors import ConfigError, DatasetRefused
from usable_core.evaluations import in_short
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.evaluations.training_words import in_words
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models.sources.from_card import model_in
from usable_core.training import adversarial
from usable_core.training.adversarial import BETA, Adversary
from usable_core.training.contrastive import contrast
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.pretraining import pretrain
from usable_core.training.trained import command
from usable_core.training.views import view

TASK = DatasetSpec("task", "train", 40)
QUICK = Schedule(epochs=1, batch_size=20, precision="float32")
EPSILON = 0.1


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    return dataset_from_arrays((found.images[:200] * 15.9).astype(np.uint8), found.target[:200])


@pytest.fixture(scope="module")
def start(digits, tmp_path_factory):
    """A contrastive start, its result and its folder."""
    folder = tmp_path_factory.mktemp("start")
    config = PretrainingConfig("small_resnet", TASK, QUICK, objective="contrastive")
    result = pretrain(dataset=digits, config=config, report=silent, folder=folder)
    return result, model_in(folder, "run/start")


def adversary_of(kind, steps):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.BatchNorm1d(8), nn.Linear(8, 3))
    config = PretrainingConfig(
        "small_resnet", TASK, epsilon=EPSILON, adversarial=kind, attack_steps=steps
    )
    return Adversary(network, Preprocessing(resize=4, crop=(4, 4)), config)


def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.rand(6, 3, 4, 4, generator=generator), torch.arange(6) % 3


def answers(one, x):
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    return one.network((x - mean) / std)


MEAN, STD = Preprocessing(resize=4, crop=(4, 4)).mean, Preprocessing(resize=4, crop=(4, 4)).std


def written_pgd(loss, x, x_adv, step, steps):
    """Madry et al. 2018, section 2.1, pixel by pixel."""
    low, high = (x - EPSILON).clamp(min=0), (x + EPSILON).clamp(max=1)
    for _ in range(steps):
        x_adv = x_adv.detach().requires_grad_()
        loss(x_adv).backward()
        x_adv = torch.min(torch.max(x_adv.detach() + step * x_adv.grad.sign(), low), high)
    return x_adv


def test_pgd_takes_the_steps_that_a_second_writing_takes():
    one, (x, y) = adversary_of("pgd", 5), batch()
    torch.manual_seed(3)
    found = one.pgd(x, y)

    one.network.eval()
    torch.manual_seed(3)
    start = (x + torch.empty_like(x).uniform_(-EPSILON, EPSILON)).clamp(0, 1)
    expected = written_pgd(
        lambda x_adv: F.cross_entropy(answers(one, x_adv), y, reduction="sum"),
        x,
        start,
        1.75 * EPSILON / 5,
        5,
    )

    torch.testing.assert_close(found, expected)
    assert all(p.requires_grad for p in one.network.parameters())


def test_the_loss_of_trades_is_that_of_a_second_writing(monkeypatch):
    assert (BETA, adversarial.NEAR) == (6, 0.001)
    monkeypatch.setattr(adversarial, "NEAR", 0.1)  # nearer, rounding decides signs of the gradient
    one, (x, y) = adversary_of("trades", 4), batch()
    one.network.train()
    torch.manual_seed(3)
    found, logits = one.loss(x, y)

    again = adversary_of("trades", 4)
    network = again.network.eval()
    torch.manual_seed(3)
    start = (x + 0.1 * torch.randn_like(x)).clamp(0, 1)
    clean = answers(again, x).softmax(1).detach()

    def kl(x_adv):
        other = answers(again, x_adv).softmax(1)
        return (clean * (clean / other).log()).sum()

    x_adv = written_pgd(kl, x, start, 10 * 0.007 / 0.031 * EPSILON / 4, 4)
    network.train()
    first, second = answers(again, x).softmax(1), answers(again, x_adv).softmax(1)
    natural = -first[torch.arange(6), y].log().mean()
    steady = (first * (first / second).log()).sum(1).mean()

    torch.testing.assert_close(found, natural + 6 * steady)
    torch.testing.assert_close(logits.softmax(1), second)
    found.backward()
    assert all(p.grad is not None for p in one.network.parameters())


def test_nt_xent_is_what_its_equation_says():
    first, second = torch.randn(2, 5, 7, generator=torch.Generator().manual_seed(0)).unbind()
    z = torch.cat([first, second]).numpy().astype(float)
    total, right = 0.0, 0
    for i in range(10):
        j = (i + 5) % 10
        likeness = {
            k: z[i] @ z[k] / np.linalg.norm(z[i]) / np.linalg.norm(z[k])
            for k in range(10)
            if k != i
        }
        total -= math.log(
            math.exp(likeness[j] / 0.5) / sum(math.exp(s / 0.5) for s in likeness.values())
        )
        right += max(likeness, key=likeness.get) == j

    found = contrast(first, second)

    assert float(found.task) == pytest.approx(total / 10, rel=1e-5)
    assert float(found.correct) == pytest.approx(right / 2)


@pytest.mark.parametrize("kind", ["shift", "shift_flip", "rand_augment"])
def test_views_are_pictures_that_a_generator_draws(kind):
    x = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    first, again, other = (view(x, kind, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1))

    assert first.shape == x.shape
    assert first.min() >= 0
    assert first.max() <= 1
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_a_contrastive_start_says_what_its_figures_are(start):
    result, model = start

    assert result.is_start
    assert result.perplexity is None
    assert in_short.training(result.summary()).endswith("no labels")
    assert "perplexity" not in result.to_frame()
    assert model.card["objective"] == "contrastive"
    assert len(model.labels) == 0
    assert 0 <= model.card["measured"]["nearest_neighbour_accuracy"] <= 1
    (said,) = in_words(result)
    assert "no accuracy on classes" in said
    assert "by chance" in said
    with pytest.raises(ConfigError, match="takes pictures and no head"):
        model.require_classes()


@pytest.mark.parametrize("method", ["full", "linear_probe"])
def test_a_contrastive_start_is_tuned_and_probed(method, start, digits, tmp_path):
    config = FineTuningConfig(ModelSpec("run/start"), TASK, method, QUICK)
    fine_tune(model=start[1], dataset=digits, config=config, report=silent, folder=tmp_path)

    assert len(model_in(tmp_path).labels) == 10


def test_a_contrastive_start_has_no_classes_that_a_source_could_keep(start, digits, tmp_path):
    config = FineTuningConfig(ModelSpec("run/start"), TASK, "full", QUICK, source=TASK)
    with pytest.raises(ConfigError, match="--proxy distance"):
        fine_tune(
            model=start[1],
            dataset=digits,
            config=config,
            report=silent,
            folder=tmp_path,
            source=digits,
        )


def test_pictures_of_one_class_are_taken_which_nobody_need_have_labelled(start, tmp_path):
    pictures = (load_digits().images[:40] * 15.9).astype(np.uint8)
    lone = dataset_from_arrays(pictures, np.zeros(40, dtype=np.int64))
    config = replace(start[0].config, dataset=DatasetSpec("task", "train", 10))

    result = pretrain(dataset=lone, config=config, report=silent, folder=tmp_path)

    assert "nearest_neighbour_accuracy" not in result.card["measured"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"adversarial": "trades"}, "epsilon must be above 0 for trades"),
        ({"adversarial": "pgd", "epsilon": 0.0}, "epsilon must be above 0 for pgd"),
        ({"attack_steps": 3, "epsilon": 0.1}, "attack_steps must be left out"),
        ({"attack_steps": 0, "epsilon": 0.1, "adversarial": "pgd"}, "attack_steps"),
        ({"objective": "contrastive", "epsilon": 0.1}, "epsilon must be 0"),
        ({"objective": "contrastive", "schedule": Schedule(mixup=0.2)}, "mixup must be 0"),
        ({"objective": "contrastive", "schedule": Schedule(label_smoothing=0.1)}, "smoothing"),
        ({"objective": "contrastive", "schedule": Schedule(sampling="balanced")}, "uniform"),
        ({"objective": "contrastive", "schedule": Schedule(augmentation="none")}, "two views"),
        ({"objective": "guessing"}, "objective"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, said):
    with pytest.raises(ConfigError, match=said):
        PretrainingConfig("small_vgg", TASK, **settings)


def test_a_single_validation_picture_is_refused(digits, tmp_path):
    few = DatasetSpec("task", "all", 20)
    pictures = (load_digits().images[:20] * 15.9).astype(np.uint8)
    lone = dataset_from_arrays(pictures, np.zeros(20, dtype=np.int64))
    config = PretrainingConfig("small_vgg", few, QUICK, objective="contrastive")
    with pytest.raises(DatasetRefused, match="single one"):
        pretrain(dataset=lone, config=config, report=silent, folder=tmp_path)


def test_the_command_says_how():
    config = PretrainingConfig(
        "small_vgg", TASK, epsilon=8 / 255, adversarial="pgd", attack_steps=3
    )
    assert "--epsilon 8/255 --adversarial pgd --attack-steps 3" in command(config)
    contrastive = PretrainingConfig("small_vgg", TASK, objective="contrastive")
    assert "--objective contrastive" in command(contrastive)
    plain = command(PretrainingConfig("small_vgg", TASK, epsilon=8 / 255))
    assert not {"--adversarial", "--attack-steps", "--objective"} & set(plain.split())
    assert set(ARCHITECTURES) >= {"small_vgg"}


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["pgd", "trades"])
def test_adversarial_training_says_how_often_it_was_right_under_attack(kind, digits, tmp_path):
    config = PretrainingConfig(
        "small_vgg", TASK, QUICK, epsilon=0.03, adversarial=kind, attack_steps=2
    )
    result = pretrain(dataset=digits, config=config, report=silent, folder=tmp_path)

    assert 0 <= result.card["measured"]["validation_accuracy_under_pgd"] <= 1
    assert any("Under PGD of 10 steps within 7.65/255" in line for line in in_words(result))
