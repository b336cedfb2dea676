"""Our PGD and FGSM beside foolbox's and torchattacks', on the same examples and settings."""

import io
import math

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from toy_models import digit_pixels, digits_model

from usable_core.attacks.gradient import fgsm, pgd
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing

pytestmark = pytest.mark.reference
STEPS = 20
# Budgets at which a good part of the examples falls and a good part stands.
BUDGETS = {("digits", "linf"): 16 / 255, ("digits", "l2"): 0.5}
CIFAR = {"linf": 0.5 / 255, "l2": 0.03}


@pytest.fixture(scope="module")
def digits():
    model = digits_model()
    pixels, targets = digit_pixels()
    x = torch.from_numpy(pixels[1297:1497]).permute(0, 3, 1, 2).float() / 255
    return model, *right_ones(model, x, torch.from_numpy(targets[1297:1497]))


@pytest.fixture(scope="module")
def cifar(shared_data):
    network = torch.export.load(shared_data / "cifar10" / "resnet20.pt2").module()
    model = Model("resnet20", network, Preprocessing(None, (32, 32)), LabelSpace.unnamed(10))
    table = pd.read_parquet(shared_data / "cifar10" / "dev.parquet").head(48)
    pictures = [
        np.asarray(Image.open(io.BytesIO(i["bytes"])).convert("RGB")) for i in table["image"]
    ]
    x = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / 255
    return model, *right_ones(model, x, torch.tensor(table["label"].tolist()))


def right_ones(model, x, y):
    with torch.no_grad():
        is_right = model(x).argmax(1) == y
    return x[is_right].contiguous(), y[is_right]  # torchattacks.PGDL2 takes views


def ours(model, x, y, epsilon, norm, restarts=1):
    x_adv = pgd(
        model, x, y, epsilon, norm=norm, steps=STEPS, restarts=restarts, step_size=None,
        seeds=torch.arange(len(x)),
    )  # fmt: skip
    return withstands(model, x_adv, y)


def by_foolbox(model, x, y, epsilon, norm):
    import foolbox

    torch.manual_seed(0)
    attack = {"linf": foolbox.attacks.LinfPGD, "l2": foolbox.attacks.L2PGD}[norm]
    wrapped = foolbox.PyTorchModel(Callable(model), bounds=(0, 1), device="cpu")
    _, x_adv, _ = attack(steps=STEPS, rel_stepsize=2.5 / STEPS)(wrapped, x, y, epsilons=epsilon)
    return withstands(model, x_adv, y)


def by_torchattacks(model, x, y, epsilon, norm):
    import torchattacks

    torch.manual_seed(0)
    kind = {"linf": torchattacks.PGD, "l2": torchattacks.PGDL2}[norm]
    attack = kind(Callable(model), eps=epsilon, alpha=2.5 * epsilon / STEPS, steps=STEPS)
    return withstands(model, attack(x, y), y)


class Callable(torch.nn.Module):
    """A module around our model, for peers insist on one and call `eval()` on it."""

    def __init__(self, model):
        super().__init__()
        self.call = [model]
        self.device_carrier = torch.nn.Parameter(torch.zeros(()))
        self.train(False)

    def forward(self, x):
        return self.call[0](x)


def withstands(model, x_adv, y):
    with torch.no_grad():
        return model(x_adv).argmax(1) == y


def assert_same_robust_accuracy(ours, theirs):
    """Paired: the lost and the gained examples differ by no more than chance (2 standard errors).

    The draws of the random starts differ, so examples on the edge may fall either way; one
    example of difference is always allowed.
    """
    lost, gained = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    assert 0.05 < theirs.float().mean() < 0.95, "the budget tells nothing"
    assert abs(lost - gained) <= max(1, 2 * math.sqrt(lost + gained)), (lost, gained)
    assert lost + gained <= 0.1 * len(ours)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("peer", [by_foolbox, by_torchattacks])
def test_pgd_equals_the_peers_on_digits(digits, norm, peer):
    model, x, y = digits
    epsilon = BUDGETS["digits", norm]

    assert_same_robust_accuracy(ours(model, x, y, epsilon, norm), peer(model, x, y, epsilon, norm))


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("peer", [by_foolbox, by_torchattacks])
def test_pgd_equals_the_peers_on_a_public_cifar_network(cifar, norm, peer):
    model, x, y = cifar

    assert_same_robust_accuracy(
        ours(model, x, y, CIFAR[norm], norm), peer(model, x, y, CIFAR[norm], norm)
    )


def test_fgsm_is_torchattacks_fgsm_pixel_by_pixel(digits):
    import torchattacks

    model, x, y = digits
    theirs = torchattacks.FGSM(Callable(model), eps=0.1)(x, y)

    seeds = torch.arange(len(x))
    found = fgsm(model, x, y, 0.1, norm="linf", steps=1, restarts=1, step_size=None, seeds=seeds)

    # The sign of a gradient that is all rounding noise is nobody's.
    assert (found - theirs).abs().gt(1e-5).float().mean() < 0.001


def test_fgsm_is_foolbox_one_step_in_l2(digits):
    import foolbox

    model, x, y = digits
    wrapped = foolbox.PyTorchModel(Callable(model), bounds=(0, 1), device="cpu")
    _, theirs, _ = foolbox.attacks.L2FastGradientAttack()(wrapped, x, y, epsilons=0.5)

    seeds = torch.arange(len(x))
    found = fgsm(model, x, y, 0.5, norm="l2", steps=1, restarts=1, step_size=None, seeds=seeds)

    assert torch.allclose(found, theirs, atol=1e-3)
