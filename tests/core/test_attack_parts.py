"""The parts that attacks are made of, against numpy and formulas."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from toy_models import LinearNetwork, images, linear_model, model_of, small_network

from usable_core.attacks.checks import are_probabilities
from usable_core.attacks.gradient import fgsm, log_odds_loss, pgd
from usable_core.attacks.norms import project, random_edge, random_start, size, steepest
from usable_core.attacks.sweep import sweep
from usable_core.errors import AttackError

SETTINGS = {"norm": "linf", "steps": 5, "restarts": 1, "step_size": None}


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("epsilon", [0.001, 0.1, 1.0])
def test_projection_lands_inside_and_leaves_alone_what_is_inside(norm, epsilon):
    x = images(10, low=0, high=1)
    far = x + torch.randn(x.shape, generator=torch.Generator().manual_seed(0))

    once = project(far, x, epsilon, norm)
    twice = project(once, x, epsilon, norm)

    distance = (once - x).double().numpy().reshape(len(x), -1)
    assert np.linalg.norm(distance, np.inf if norm == "linf" else 2, axis=1).max() <= epsilon + 1e-6
    assert torch.allclose(once, twice, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_steepest_direction_has_size_one_and_none_where_there_is_no_gradient(norm):
    gradient = images(3) * 1e-30  # its squares underflow
    gradient[2] = 0

    direction = steepest(gradient, norm)

    assert torch.allclose(size(direction, norm), torch.tensor([1.0, 1.0, 0.0]))


def test_random_starts_fill_the_ball_and_edges_lie_on_its_rim():
    x = torch.full((300, 3, 2, 2), 0.5)
    seeds = torch.arange(300)

    inside = size(random_start(x, 0.4, "l2", seeds) - x, "l2") / 0.4
    rim = size(random_edge(x, 0.4, "l2", seeds) - x, "l2") / 0.4
    corners = (random_edge(x, 0.1, "linf", seeds) - x).abs()

    # Uniform in a ball of 12 dimensions: the mean of r is 12/13.
    assert inside.max() <= 1
    assert inside.mean() == pytest.approx(12 / 13, abs=0.02)
    assert torch.allclose(rim, torch.ones(300), atol=1e-5)
    assert torch.allclose(corners, torch.full_like(corners, 0.1), atol=1e-6)


def test_restarts_begin_in_different_places():
    x, seeds = images(2), torch.tensor([5, 6])

    first, second = (random_start(x, 0.1, "linf", seeds, restart) for restart in (0, 1))

    assert not torch.equal(first, second)


def test_the_loss_is_cross_entropy_without_its_saturation():
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 3, 4, 0])

    assert torch.allclose(
        F.softplus(log_odds_loss(logits, y)), F.cross_entropy(logits, y, reduction="none")
    )


def test_pgd_breaks_a_confident_model_whose_cross_entropy_has_no_gradient():
    model = linear_model(classes=2)
    network = model.network
    loud = model_of(LinearNetwork(network.linear.weight * 1e4, network.linear.bias * 1e4))
    x = images(30)
    y = model(x).argmax(1)
    probe = x.clone().requires_grad_()
    saturated = torch.autograd.grad(F.cross_entropy(loud(probe), y), probe)[0]
    assert (saturated.flatten(1).abs().amax(1) == 0).float().mean() > 0.9, "the scene is not set"

    x_adv = pgd(loud, x, y, 0.3, **SETTINGS, seeds=torch.arange(30))

    assert (loud(x_adv).argmax(1) != y).all()


def test_more_restarts_never_break_fewer():
    model = model_of(small_network())
    x = images(60, low=0, high=1)
    y = model(x).argmax(1)

    broken = []
    for restarts in (1, 4):
        settings = SETTINGS | {"restarts": restarts, "steps": 2}
        x_adv = pgd(model, x, y, 0.01, **settings, seeds=torch.arange(60))
        broken.append(model(x_adv).argmax(1) != y)

    assert (broken[1] | ~broken[0]).all()


def test_an_example_that_a_passing_iterate_fooled_stays_fooled():
    class Stripe(nn.Module):
        """Wrong only where the mean pixel is in a narrow stripe that long steps jump over."""

        def forward(self, x):
            mean = x.mean((1, 2, 3))
            wrong = 0.05 - (mean - 0.6).abs()
            return torch.stack([torch.zeros_like(wrong), wrong * 10], 1)

    model = model_of(Stripe(), classes=2)
    x = torch.full((1, 3, 8, 8), 0.5)
    y = torch.tensor([0])
    settings = SETTINGS | {"steps": 9, "step_size": 0.3}

    x_adv = pgd(model, x, y, 0.3, **settings, seeds=torch.tensor([0]))

    assert model(x_adv).argmax(1).item() == 1


def test_fooled_examples_leave_the_batch():
    counts = []
    network = linear_model(classes=2).network
    network.register_forward_pre_hook(lambda module, inputs: counts.append(len(inputs[0])))
    model = model_of(network, classes=2)
    x = images(40)
    y = model(x).argmax(1)
    counts.clear()

    pgd(model, x, y, 0.02, **SETTINGS | {"steps": 20}, seeds=torch.arange(40))

    assert counts[0] == 40
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < 40


def test_a_model_without_gradient_is_refused_with_a_sentence():
    class Rounding(nn.Module):
        def forward(self, x):
            return x.detach().flatten(1)[:, :3]

    with pytest.raises(AttackError, match="carry no gradient"):
        fgsm(
            model_of(Rounding()),
            images(2),
            torch.tensor([0, 1]),
            0.1,
            **SETTINGS,
            seeds=torch.arange(2),
        )


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 1)), "2 or more classes"),
        (LinearNetwork(torch.full((3, 192), math.nan), torch.zeros(3)), "not finite numbers"),
        (LinearNetwork(torch.zeros(3, 192), torch.tensor([0, 0, math.inf])), "not finite numbers"),
    ],
)
def test_outputs_that_are_no_logits_are_refused(network, sentence):
    with pytest.raises(AttackError, match=sentence):
        pgd(
            model_of(network),
            images(2),
            torch.tensor([0, 0]),
            0.1,
            **SETTINGS,
            seeds=torch.arange(2),
        )


def test_probabilities_are_told_from_logits():
    logits = torch.randn(20, 5)

    assert are_probabilities(logits.softmax(1))
    assert not are_probabilities(logits)
    assert not are_probabilities(logits.log_softmax(1))
    assert not are_probabilities(logits.sigmoid())


def scripted_sweep(breaks_at, epsilons):
    """Sweep examples of class 0, of which i is broken at the budget breaks_at[i] alone."""
    asked = []

    def attack(x, y, epsilon, seeds):
        asked.append((epsilon, seeds.tolist()))
        return torch.full_like(x, epsilon)

    def classify(x):
        return (x.flatten(1)[:, 0] == torch.tensor([breaks_at[i] for i in asked[-1][1]])).long()

    n = len(breaks_at)
    x, y = torch.zeros(n, 1, 1, 1), torch.zeros(n, dtype=torch.int64)
    clean = torch.tensor([int(b == 0) for b in breaks_at])
    return list(sweep(attack, classify, x, y, clean, epsilons, torch.arange(n))), asked


def test_what_broke_at_a_smaller_budget_is_carried_up_and_not_attacked_again():
    levels, asked = scripted_sweep([0, 0.5, 0.25, 9], (0.0, 0.25, 0.5, 0.75))

    assert asked == [(0.25, [1, 2, 3]), (0.5, [1, 3]), (0.75, [3])]
    assert [level.prediction.tolist() for level in levels] == [
        [1, 0, 0, 0], [1, 0, 1, 0], [1, 1, 1, 0], [1, 1, 1, 0],
    ]  # fmt: skip
    assert levels[-1].found_epsilon[1:3].tolist() == [0.5, 0.25]
    assert levels[-1].found_epsilon.isnan().tolist() == [True, False, False, True]
    assert levels[-1].x_adv.flatten().tolist() == [0, 0.5, 0.25, 0.75]
