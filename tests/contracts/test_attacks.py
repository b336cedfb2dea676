"""What every attack of the catalog promises, and how the attacks rank where the answer is known."""

import math

import pytest
import torch
from toy_models import LinearNetwork, images, linear_model, model_of, small_network

from usable_core.asking.oracle import Oracle
from usable_core.attacks.campaign import Attacked, run_attack
from usable_core.attacks.losses import LOSSES
from usable_core.attacks.norms import size
from usable_core.catalog.attacks import ATTACKS, AttackSpec
from usable_core.errors import AttackError, ImageRefused

CASES = [(name, norm) for name, row in ATTACKS.items() for norm in row.norms]
EPSILONS = {"linf": 8 / 255, "l2": 0.5, "l1": 8.0}


def attack(
    name, model, x, y, epsilon, *, norm="linf", seeds=None, fixed_size=None, steps=5, **settings
):
    seeds = torch.arange(len(x)) if seeds is None else seeds
    spec = AttackSpec(name, steps=steps, **settings)
    oracle = Oracle(model, fixed_size=fixed_size)
    return run_attack(model, Attacked(x, y, seeds), epsilon, spec, norm=norm, oracle=oracle)


def run(*arguments, **settings):
    """Return only the images of `attack`."""
    return attack(*arguments, **settings).x_adv


def scene(count=12, low=0.0, high=1.0):
    model = model_of(small_network())
    x = images(count, low=low, high=high)
    with torch.no_grad():
        return model, x, model(x).argmax(1)


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_every_attack_stays_in_the_pixel_range_and_in_the_ball(name, norm):
    model, x, y = scene()
    epsilon = EPSILONS[norm]

    x_adv = run(name, model, x, y, epsilon, norm=norm, restarts=2)

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


@pytest.mark.parametrize("name", [name for name, row in ATTACKS.items() if row.is_random])
def test_another_seed_gives_other_images(name):
    model, x, y = scene(4)

    one = run(name, model, x, y, 0.1, seeds=torch.zeros(4, dtype=torch.int64))
    other = run(name, model, x, y, 0.1, seeds=torch.ones(4, dtype=torch.int64))

    assert not torch.equal(one, other)


def test_later_restarts_of_fab_start_where_the_seed_says():
    model = linear_model()
    x = images(4)
    y = model(x).argmax(1)

    # Nothing breaks at this budget, so the worst image is the one nearest to breaking.
    found = [
        run("fab", model, x, y, 1e-4, restarts=2, steps=1, seeds=torch.full((4,), seed))
        for seed in (0, 0, 1)
    ]

    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


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


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_every_reported_success_is_one_and_no_other_is_kept_back(name, norm):
    model, x, y = scene(40)

    outcome = attack(name, model, x, y, EPSILONS[norm] / 4, norm=norm)

    assert torch.equal(model(outcome.x_adv).argmax(1) != y, outcome.is_fooled)
    assert ((outcome.step >= 1) & (outcome.step <= 6)).all()  # 5 steps, and a last look


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_leaving_early_and_refilling_do_not_change_what_breaks(name, norm):
    model, x, y = scene(9)
    settings = {"norm": norm, "restarts": 2, "loss": "targeted_margin", "targets": 2}

    together = attack(name, model, x, y, EPSILONS[norm] / 4, **settings)
    by_three = attack(name, model, x, y, EPSILONS[norm] / 4, **settings, fixed_size=3)

    assert torch.equal(together.is_fooled, by_three.is_fooled)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_and_loss_works_with_few_classes(name, classes, loss):
    model = linear_model(classes=classes)
    x = images(6)
    y = model(x).argmax(1)

    # A budget at which every example can be broken, by far.
    outcome = attack(name, model, x, y, 0.3, loss=loss, targets=9, steps=10)

    assert outcome.x_adv.isfinite().all()
    if ATTACKS[name].is_gradient_based and ATTACKS[name].is_iterative:
        assert outcome.is_fooled.all()


@pytest.mark.parametrize(
    ("name", "targets", "expected"),
    [
        ("apgd", 9, [1, 2, 3, 4]),
        ("apgd", 2, [1, 2]),
        ("apgd", 0, [1]),
        ("pgd", 3, [1, 2, 3]),
        ("fab", 9, [1, 2, 3, 4]),
        ("fab", 0, [1]),
    ],
)
def test_targets_are_the_most_probable_wrong_classes_one_each(name, targets, expected, monkeypatch):
    weight = torch.zeros(5, 192)
    model = model_of(LinearNetwork(weight, torch.tensor([5.0, 4, 3, 2, 1])))
    aimed_at = []

    def spy(logits, y, target):
        aimed_at.extend(target.tolist())
        return logits[:, 1] - logits[:, 0]

    monkeypatch.setitem(LOSSES, "targeted_margin", spy)
    monkeypatch.setattr("usable_core.attacks.fab.targeted_margin", spy)

    attack(
        name,
        model,
        images(1),
        torch.tensor([0]),
        0.1,
        loss="targeted_margin",
        targets=targets,
        steps=2,
        fixed_size=1,
    )

    assert list(dict.fromkeys(aimed_at)) == expected


def linear_margins(model, x, norm):
    """Each example's exact distance to the nearest other class of a linear model."""
    weight, bias = model.network.linear.weight.double(), model.network.linear.bias.double()
    logits = x.flatten(1).double() @ weight.T + bias
    y = logits.argmax(1)
    gaps = logits.gather(1, y[:, None]) - logits
    differences = weight[y][:, None] - weight[None]
    order = {"linf": 1, "l2": 2, "l1": math.inf}[norm]
    dual = torch.linalg.vector_norm(differences, ord=order, dim=2)
    distances = (gaps / dual).scatter(1, y[:, None], torch.inf)
    return distances.amin(1), y


def between(margin, share):
    """Return a budget above about `share` of the distances, in a gap that no rounding closes."""
    ordered = margin.sort().values
    place = int(share * len(margin))
    place += int(ordered[place : place + 8].diff().argmax())
    return float((ordered[place] + ordered[place + 1]) / 2)


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
@pytest.mark.parametrize(
    "settings",
    [
        {"name": "pgd", "step_size": 0.1},
        {"name": "apgd"},
        {"name": "apgd", "loss": "margin"},
    ],
)
def test_gradient_attacks_break_exactly_what_can_be_broken_in_a_linear_model(norm, share, settings):
    # Two classes: the gradient points straight at the boundary.
    model = linear_model(classes=2)
    x = images(80)
    margin, y = linear_margins(model, x, norm)
    epsilon = between(margin, share)

    x_adv = run(
        settings["name"],
        model,
        x,
        y,
        epsilon,
        norm=norm,
        steps=100,
        **{k: v for k, v in settings.items() if k != "name"},
    )

    assert torch.equal(model(x_adv).argmax(1) != y, margin < epsilon)


@pytest.mark.parametrize(
    ("name", "norm", "settings"),
    [("fab", norm, {}) for norm in ATTACKS["fab"].norms]
    + [("apgd", norm, {"loss": "targeted_dlr"}) for norm in ATTACKS["apgd"].norms],
)
def test_targeted_attacks_break_what_can_be_broken_towards_any_class(name, norm, settings):
    model = linear_model(classes=4)
    x = images(80)
    margin, y = linear_margins(model, x, norm)
    epsilon = float(margin.median())

    outcome = attack(name, model, x, y, epsilon, norm=norm, targets=3, steps=50, **settings)

    assert not outcome.is_fooled[margin > epsilon * (1 + 1e-4)].any()
    assert outcome.is_fooled[margin < epsilon / 1.005].all()


@pytest.mark.parametrize(("name", "norm"), CASES)
def test_no_attack_breaks_what_cannot_be_broken(name, norm):
    model = linear_model(classes=4)
    x = images(200)
    margin, y = linear_margins(model, x, norm)
    epsilon = float(margin.median())

    x_adv = run(name, model, x, y, epsilon, norm=norm, steps=40)

    assert not (model(x_adv).argmax(1) != y)[margin > epsilon * (1 + 1e-4)].any()


@pytest.mark.parametrize("norm", ATTACKS["square"].norms)
def test_square_finds_a_good_part_of_what_can_be_broken(norm):
    model = linear_model(classes=2)
    x = images(60)
    margin, y = linear_margins(model, x, norm)

    outcome = attack("square", model, x, y, 2 * float(margin.max()), norm=norm, steps=200)

    assert outcome.is_fooled.float().mean() > 0.7


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
        for name, row in ATTACKS.items()
        if norm in row.norms
    }

    noise = max(broken[name] for name in broken if "noise" in name)
    assert broken["pgd"] >= broken["fgsm"] > noise
    assert broken["apgd"] >= broken["pgd"]
    assert broken["square"] > noise


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
