"""What every attack of the catalog promises, and how the attacks rank where the answer is known."""

import math

import pytest
import torch
from toy_models import images, linear_model, model_of, small_network

from usable_core.attacks.norms import size
from usable_core.catalog import implementation
from usable_core.catalog.attacks import ATTACKS
from usable_core.errors import AttackError, ImageRefused

CASES = [(name, norm) for name, row in ATTACKS.items() for norm in row.norms]
EPSILONS = {"linf": 8 / 255, "l2": 0.5}


def run(
    name, model, x, y, epsilon, *, norm="linf", steps=5, restarts=2, step_size=None, seeds=None
):
    seeds = torch.arange(len(x)) if seeds is None else seeds
    return implementation(ATTACKS[name].function)(
        model, x, y, epsilon, norm=norm, steps=steps, restarts=restarts, step_size=step_size,
        seeds=seeds,
    )  # fmt: skip


def scene(count=12, low=0.0, high=1.0):
    model = model_of(small_network())
    x = images(count, low=low, high=high)
    with torch.no_grad():
        return model, x, model(x).argmax(1)


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_every_attack_stays_in_the_pixel_range_and_in_the_ball(name, norm):
    model, x, y = scene()
    epsilon = EPSILONS[norm]

    x_adv = run(name, model, x, y, epsilon, norm=norm)

    assert x_adv.shape == x.shape
    assert x_adv.dtype == torch.float32
    assert x_adv.min() >= 0
    assert x_adv.max() <= 1
    assert size((x_adv.double() - x.double()), norm).max() <= epsilon + 1e-6
    assert (x_adv != x).any(), "nothing was perturbed"


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_a_budget_of_zero_returns_the_same_images(name, norm):
    model, x, y = scene(4)

    assert torch.equal(run(name, model, x, y, 0.0, norm=norm), x)


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_the_same_seed_gives_the_same_images_in_any_order_and_batch(name, norm):
    model, x, y = scene()
    seeds = torch.arange(len(x)) * 7 + 3
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(0))
    together = run(name, model, x, y, EPSILONS[norm], norm=norm, seeds=seeds)

    again = run(name, model, x, y, EPSILONS[norm], norm=norm, seeds=seeds)
    shuffled = run(name, model, x[order], y[order], EPSILONS[norm], norm=norm, seeds=seeds[order])
    alone = torch.cat(
        [
            run(name, model, x[[i]], y[[i]], EPSILONS[norm], norm=norm, seeds=seeds[[i]])
            for i in range(len(x))
        ]
    )

    assert torch.equal(together, again)
    # Convolutions round differently per batch size, so paths may part by a rounding error.
    assert torch.allclose(together[order], shuffled, atol=1e-4)
    assert torch.allclose(together, alone, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in ATTACKS if n != "fgsm"])
def test_another_seed_gives_other_images(name):
    model, x, y = scene(4)

    one = run(name, model, x, y, 0.1, seeds=torch.zeros(4, dtype=torch.int64))
    other = run(name, model, x, y, 0.1, seeds=torch.ones(4, dtype=torch.int64))

    assert not torch.equal(one, other)


@pytest.mark.parametrize("is_training", [False, True])
@pytest.mark.parametrize(("name", "norm"), CASES)
def test_the_model_is_left_as_it_was(name, norm, is_training):
    model, x, y = scene(4)
    network = model.network.train(is_training).requires_grad_(is_training)
    before = {key: value.clone() for key, value in network.state_dict().items()}

    run(name, model, x, y, EPSILONS[norm], norm=norm)

    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert all(module.training is is_training for module in network.modules())
    assert all(p.requires_grad is is_training and p.grad is None for p in network.parameters())


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_images_and_labels_are_left_as_they_were(name, norm):
    model, x, y = scene(4)
    before = x.clone(), y.clone()

    run(name, model, x, y, EPSILONS[norm], norm=norm)

    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])
    assert not x.requires_grad


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_attacks_work_inside_inference_mode(name, norm):
    model, x, y = scene(4)
    outside = run(name, model, x, y, EPSILONS[norm], norm=norm)

    with torch.inference_mode():
        inside = run(name, model, x.clone(), y.clone(), EPSILONS[norm], norm=norm)

    assert torch.equal(inside, outside)


@pytest.mark.parametrize(("name", "norm"), CASES)
@pytest.mark.parametrize("epsilon", [-0.1, math.nan, math.inf, 1e5])
def test_impossible_budgets_are_refused(name, norm, epsilon):
    model, x, y = scene(2)

    with pytest.raises(AttackError, match="epsilon must be between 0 and"):
        run(name, model, x, y, epsilon, norm=norm)


@pytest.mark.parametrize("name", ATTACKS)
def test_normalised_images_are_refused(name):
    model, x, y = scene(2)

    with pytest.raises(ImageRefused, match=r"Pixels must be in \[0, 1\]"):
        run(name, model, x * 4 - 2, y, 0.1)


@pytest.mark.parametrize("name", ATTACKS)
def test_no_examples_give_no_images(name):
    model, x, y = scene(2)

    assert run(name, model, x[:0], y[:0], 0.1).shape == (0, 3, 8, 8)


def linear_margins(model, x, norm):
    """Each example's exact distance to the nearest other class of a linear model."""
    weight, bias = model.network.linear.weight.double(), model.network.linear.bias.double()
    logits = x.flatten(1).double() @ weight.T + bias
    y = logits.argmax(1)
    gaps = logits.gather(1, y[:, None]) - logits
    differences = weight[y][:, None] - weight[None]
    dual = differences.abs().sum(2) if norm == "linf" else differences.norm(dim=2)
    distances = (gaps / dual).scatter(1, y[:, None], torch.inf)
    return distances.amin(1), y


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_pgd_breaks_exactly_what_can_be_broken_in_a_linear_model(norm, share):
    # Two classes: the gradient points straight at the boundary.
    model = linear_model(classes=2)
    x = images(80)
    margin, y = linear_margins(model, x, norm)
    # Between two neighbouring distances, so that rounding cannot decide.
    ordered = margin.sort().values
    place = int(share * len(x))
    gaps = ordered[place : place + 8].diff()
    place += int(gaps.argmax())
    epsilon = float((ordered[place] + ordered[place + 1]) / 2)
    can_break = margin < epsilon

    x_adv = run("pgd", model, x, y, epsilon, norm=norm, steps=100, restarts=1, step_size=0.1)

    assert torch.equal(model(x_adv).argmax(1) != y, can_break)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_fgsm_takes_the_whole_known_step_in_a_linear_model(norm):
    model = linear_model(classes=2)
    x = images(20)
    _, y = linear_margins(model, x, norm)
    weight = model.network.linear.weight
    away = (weight[1 - y] - weight[y]).view_as(x)
    unit = away.sign() if norm == "linf" else away / away.flatten(1).norm(dim=1).view(-1, 1, 1, 1)

    x_adv = run("fgsm", model, x, y, 0.05, norm=norm)

    assert torch.allclose(x_adv, x + 0.05 * unit, atol=1e-6)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_pgd_is_at_least_as_strong_as_fgsm_and_both_beat_noise(norm):
    model = linear_model(classes=4)
    x = images(200)
    margin, y = linear_margins(model, x, norm)
    epsilon = float(margin.median())
    broken = {
        name: (model(run(name, model, x, y, epsilon, norm=norm, steps=40)).argmax(1) != y).sum()
        for name in ATTACKS
    }

    assert broken["pgd"] >= broken["fgsm"] > broken["noise"]
    assert broken["pgd"] <= (margin < epsilon).sum(), "no attack breaks what cannot be broken"


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_success_does_not_fall_as_the_budget_grows_in_a_linear_model(name, norm):
    model = linear_model(classes=2)
    x = images(60)
    margin, y = linear_margins(model, x, norm)
    budgets = [float(margin.quantile(q)) for q in (0.1, 0.4, 0.7, 1.0)]

    broken = [
        int((model(run(name, model, x, y, e, norm=norm, steps=20)).argmax(1) != y).sum())
        for e in budgets
    ]

    assert broken == sorted(broken)


def test_each_attack_of_the_catalog_is_covered():
    assert {name for name, _ in CASES} == set(ATTACKS)
