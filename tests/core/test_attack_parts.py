"""The parts that attacks are made of, against numpy, scipy and formulas."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.optimize import linprog, minimize
from torch import nn
from toy_models import LinearNetwork, images, linear_model, model_of, small_network

from usable_core.asking.oracle import Oracle
from usable_core.attacks.apgd import checkpoints
from usable_core.attacks.campaign import Attacked, Campaign, Trial, build, run_attack
from usable_core.attacks.fab import Fab
from usable_core.attacks.lanes import Lanes, Pool
from usable_core.attacks.losses import LOSSES, fitting_loss, log_odds
from usable_core.attacks.norms import project, random_edge, random_start, size, steepest
from usable_core.attacks.sweep import AttackedBatch, ascend, descend, from_scratch
from usable_core.catalog.attacks import AttackSpec
from usable_core.errors import OutputsRefused
from usable_core.models.outputs import are_probabilities

NORMS = ["linf", "l2", "l1"]
ORDERS = {"linf": np.inf, "l2": 2, "l1": 1}


def attack(model, x, y, epsilon, *, name="pgd", norm="linf", **settings):
    spec = AttackSpec(name, **{"steps": 5} | settings)
    examples = Attacked(x, y, torch.arange(len(x)))
    return run_attack(model, examples, epsilon, spec, norm=norm)


def noise_like(x, seed=0):
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("epsilon", [0.001, 0.1, 1.0])
def test_projection_lands_inside_and_leaves_alone_what_is_inside(norm, epsilon):
    x = images(10, low=0, high=1)

    once = project(x + noise_like(x), x, epsilon, norm)
    twice = project(once, x, epsilon, norm)

    distance = (once - x).double().numpy().reshape(len(x), -1)
    assert np.linalg.norm(distance, ORDERS[norm], axis=1).max() <= epsilon + 1e-6
    assert torch.allclose(once, twice, atol=1e-6)


def test_a_budget_per_image_is_the_budget_of_that_image():
    x = images(3, low=0.4, high=0.6)
    budgets = torch.tensor([0.01, 0.05, 0.1])

    for norm in NORMS:
        found = project(x + noise_like(x), x, budgets, norm)

        alone = [
            project((x + noise_like(x))[[i]], x[[i]], float(b), norm) for i, b in enumerate(budgets)
        ]
        assert torch.allclose(found, torch.cat(alone), atol=1e-6)


def test_the_l1_projection_is_the_nearest_point_of_the_ball():
    # Soft thresholding at the level, found by bisection, where the sizes add up to the radius.
    x = torch.full((20, 3, 4, 4), 0.5)
    change = noise_like(x) * 0.05
    radius = 0.3

    found = project(x + change, x, radius, "l1") - x

    flat = change.flatten(1).double().numpy()
    for row, mine in zip(flat, found.flatten(1).numpy(), strict=True):
        low, high = 0.0, np.abs(row).max()
        for _ in range(60):
            middle = (low + high) / 2
            is_long = np.maximum(np.abs(row) - middle, 0).sum() > radius
            low, high = (middle, high) if is_long else (low, middle)
        expected = np.sign(row) * np.maximum(np.abs(row) - high, 0)
        np.testing.assert_allclose(mine, expected, atol=1e-6)


@pytest.mark.parametrize("norm", NORMS)
def test_the_steepest_direction_has_size_one_and_none_where_there_is_no_gradient(norm):
    gradient = noise_like(images(3)) * 1e-22  # its squares underflow
    gradient[2] = 0

    direction = steepest(gradient, norm)

    assert torch.allclose(size(direction, norm), torch.tensor([1.0, 1.0, 0.0]))
    assert ((direction * gradient).sum((1, 2, 3))[:2] > 0).all()


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


LOGITS = torch.tensor([[1.0, 3.0, 2.0, 0.5], [2.0, -1.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "cross_entropy",
            [
                math.log(math.exp(1) + math.exp(2) + math.exp(0.5)) - 3,
                math.log(math.exp(-1) + math.exp(0) + math.exp(1)) - 2,
            ],
        ),
        ("margin", [2 - 3, 1 - 2]),
        ("dlr", [(2 - 3) / (3 - 1), (1 - 2) / (2 - 0)]),
        ("targeted_margin", [1 - 3, -1 - 2]),
        ("targeted_dlr", [(1 - 3) / (3 - (1 + 0.5) / 2), (-1 - 2) / (2 - (0 - 1) / 2)]),
    ],
)
def test_losses_are_their_formulas(name, expected):
    loss = LOSSES[name](LOGITS, torch.tensor([1, 0]), torch.tensor([0, 1]))

    assert loss.tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_of_losses_are_their_slopes(name):
    y, target = torch.tensor([1, 0]), torch.tensor([0, 1])

    assert torch.autograd.gradcheck(
        lambda logits: LOSSES[name](logits, y, target), LOGITS.double().requires_grad_()
    )


@pytest.mark.parametrize(
    ("name", "classes", "taken"),
    [
        ("dlr", 2, "margin"),
        ("dlr", 3, "dlr"),
        ("targeted_dlr", 3, "targeted_margin"),
        ("targeted_dlr", 4, "targeted_dlr"),
        ("cross_entropy", 2, "cross_entropy"),
    ],
)
def test_losses_that_need_more_classes_are_replaced(name, classes, taken):
    assert fitting_loss(name, classes) is LOSSES[taken]


def test_the_loss_is_cross_entropy_without_its_saturation():
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 3, 4, 0])

    assert torch.allclose(
        F.softplus(log_odds(logits, y, y)), F.cross_entropy(logits, y, reduction="none")
    )


def test_apgd_looks_at_its_step_size_when_autoattack_does():
    assert list(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]


def lanes_of(x, y, epsilon):
    """Return lanes in their first run, aimed at the other one of two classes."""
    rows = torch.arange(len(x))
    return Lanes(
        x=x,
        y=y,
        epsilon=torch.full((len(x),), epsilon),
        seed=rows,
        restart=0 * rows,
        target=1 - y,
        start=x,
        trial=rows,
    )


def begun(attack, model, x, y, epsilon):
    """Return a pool that goes on after a success."""
    pool = Pool(attack, Oracle(model), stops=False)
    pool.add(lanes_of(x, y, epsilon))
    return pool


def test_apgd_halves_its_step_where_the_loss_has_stopped_rising():
    # In a linear model the first step reaches the ball's best corner: nothing rises after it.
    model = linear_model(classes=2)
    x = images(3)
    pool = begun(build(AttackSpec("apgd", steps=100), "linf", 2), model, x, model(x).argmax(1), 0.1)

    sizes = []
    for _ in range(60):
        pool.step()
        sizes.append(pool.lanes.state["step_size"].unique().tolist())

    assert sizes[21] == pytest.approx([0.2])
    assert sizes[22] == pytest.approx([0.1])
    assert sizes[57] < sizes[22]


def test_fab_goes_back_towards_the_image_before_it_goes_on_from_across():
    # A linear model's plane is the boundary itself. From far across it at the side, the way back
    # to x keeps 0.9 of the sideways part, of which the way of α = 0.1 keeps 0.9 again.
    weight = torch.zeros(2, 12)
    weight[1, 0] = 1
    model = model_of(LinearNetwork(weight, torch.tensor([0.5, 0.0])))
    x = torch.full((1, 3, 2, 2), 0.4)
    pool = begun(Fab(AttackSpec("fab", steps=9), "l2", 2), model, x, torch.tensor([0]), 1e-3)
    query = x.clone()
    query[0, 0, 0, 0], query[0, 2, 1, 1] = 0.9, 0.6  # across, and 0.2 to the side
    pool.lanes.query, pool.lanes.distance = query, size(query - x, "l2")

    pool.step()

    after = (pool.lanes.query - x)[0]
    assert after[2, 1, 1].item() == pytest.approx(0.2 * 0.9 * 0.9, rel=1e-4)
    at = 0.9 * 0.5
    assert after[0, 0, 0].item() == pytest.approx(
        0.9 * (at + 1.05 * (0.1 - at)) + 0.1 * 1.05 * 0.1, rel=1e-4
    )


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("is_reachable", [True, False])
def test_the_way_onto_a_plane_is_the_shortest_one_in_the_box(norm, is_reachable):
    x = images(6, size=2, low=0, high=1)
    slope = noise_like(x)
    slope[:, 0, 0, 0] = 0
    # The most that the linear loss can rise by inside the box, and how much of it is asked for.
    room = torch.where(slope > 0, 1 - x, x)
    gap = (slope.abs() * room).sum((1, 2, 3)) * (0.8 if is_reachable else 1.5)

    way = Fab(AttackSpec("fab"), norm, 3)._onto_plane(x, slope, gap)

    assert (x + way).min() >= -1e-6
    assert (x + way).max() <= 1 + 1e-6
    if not is_reachable:
        assert torch.allclose(way, slope.sign() * room, atol=1e-5)
        return
    assert torch.allclose((way * slope).sum((1, 2, 3)), gap, rtol=1e-4)
    for i in range(len(x)):
        shortest = shortest_way(slope[i], x[i], float(gap[i]), norm)
        assert float(size(way[[i]], norm)) == pytest.approx(shortest, rel=1e-3)


def shortest_way(slope, x, gap, norm):
    """Return the size of the shortest change in the box that raises slope · x by gap, by scipy."""
    w, x = slope.flatten().double().numpy(), x.flatten().double().numpy()
    bounds = list(zip(-x, 1 - x, strict=True))
    n = len(x)
    if norm == "l2":
        plane = {"type": "eq", "fun": lambda d: w @ d - gap, "jac": lambda d: w}
        start = np.clip(w * gap / (w @ w), -x, 1 - x)
        found = minimize(
            lambda d: d @ d,
            start,
            jac=lambda d: 2 * d,
            bounds=bounds,
            constraints=[plane],
            options={"ftol": 1e-12, "maxiter": 500},
        )
        return math.sqrt(found.fun)
    # |d| <= t: one t for Linf, one for each pixel for L1.
    sizes = np.ones((n, 1)) if norm == "linf" else np.eye(n)
    columns = sizes.shape[1]
    least = linprog(
        np.r_[np.zeros(n), np.ones(columns)],
        A_ub=np.block([[np.eye(n), -sizes], [-np.eye(n), -sizes]]),
        b_ub=np.zeros(2 * n),
        A_eq=np.r_[w, np.zeros(columns)][None],
        b_eq=[gap],
        bounds=bounds + [(0, None)] * columns,
    )
    return least.fun


def test_fab_turns_back_from_across_the_boundary_and_never_keeps_what_is_too_far():
    model = linear_model(classes=2)
    x = images(20)
    y = model(x).argmax(1)

    outcome = attack(model, x, y, 1e-4, name="fab", steps=20)

    assert not outcome.is_fooled.any()
    assert (size(outcome.x_adv - x, "linf") <= 1e-4).all()


def test_lanes_are_joined_and_taken_by_row():
    first = lanes_of(torch.zeros(2, 3, 1, 1), torch.tensor([0, 1]), 0.1)
    second = lanes_of(torch.ones(1, 3, 1, 1), torch.tensor([2]), 0.2)
    for lanes in (first, second):
        lanes.state["loss"] = lanes.epsilon * 10

    both = first.join(second)
    kept, turned = both.take(torch.tensor([True, False, True])), both.take(torch.tensor([2, 0]))

    assert both.y.tolist() == [0, 1, 2]
    assert both.state["loss"].tolist() == [1, 1, 2]
    assert kept.y.tolist() == [0, 2]
    assert kept.state["loss"].tolist() == [1, 2]
    assert turned.x.flatten(1).tolist() == [[1] * 3, [0] * 3]
    assert (len(first), len(kept), both.distance) == (2, 2, None)


def test_a_pool_keeps_the_worst_image_inside_the_budget():
    class Wanderer:
        """Asks for brighter and brighter images, soon outside the budget."""

        gradient_steps = 0
        runs = ((0, -1),)

        def begin(self, lanes):
            lanes.query, lanes.distance = lanes.x, torch.zeros(len(lanes))

        def loss(self, logits, lanes):
            return logits[:, 1] - logits[:, 0]

        def advance(self, lanes, answer):
            lanes.query = lanes.query + 0.1
            lanes.distance = size(lanes.query - lanes.x, "linf")
            return lanes.step >= 4

    model = model_of(Brightness())
    x = torch.full((1, 3, 2, 2), 0.2)
    pool = Pool(Wanderer(), Oracle(model))
    pool.add(lanes_of(x, torch.tensor([0]), 0.25))

    while not (over := pool.step()):
        pass

    assert not over.is_fooled.any()
    assert torch.allclose(over.lanes.best, torch.full_like(x, 0.4))


class Brightness(nn.Module):
    """Class 1 where the mean pixel is above `limit`, class 0 below."""

    def __init__(self, limit=0.5):
        super().__init__()
        self.limit = limit

    def forward(self, x):
        mean = x.mean((1, 2, 3))
        return torch.stack([torch.full_like(mean, self.limit), mean], 1)


def test_answers_are_the_mean_of_the_draws_and_every_pass_is_counted():
    class Wavering(nn.Module):
        """Adds 1, then 2, then 3, … to the first logit."""

        calls = 0

        def forward(self, x):
            self.calls += 1
            return x.flatten(1)[:, :3] + torch.tensor([float(self.calls), 0, 0])

    network = Wavering()
    oracle = Oracle(model_of(network), draws=4)
    x = images(5)

    logits = oracle.logits(x)
    network.calls = 0
    again, _, gradient = oracle.gradient(x, lambda logits, part: logits[:, 0])

    expected = x.flatten(1)[:, :3] + torch.tensor([2.5, 0, 0])  # (1 + 2 + 3 + 4) / 4
    assert torch.allclose(logits, expected)
    assert torch.allclose(again, expected)
    assert gradient.flatten(1).sum(1).tolist() == pytest.approx([1] * 5)
    assert (oracle.passes.forward, oracle.passes.backward) == (40, 20)


class Scripted:
    """Breaks the examples whose seed and budget are in `breaks`, after `delay` questions."""

    runs = ((0, -1),)
    gradient_steps = 0

    def __init__(self, breaks, delay=1, runs=1):
        self.breaks, self.delay, self.tried = breaks, delay, []
        self.runs = tuple((restart, -1) for restart in range(runs))

    def begin(self, lanes):
        cases = list(zip(lanes.seed.tolist(), lanes.epsilon.tolist(), strict=True))
        self.tried += [(seed, round(epsilon, 4)) for seed, epsilon in cases]
        wins = [(seed, round(epsilon, 4)) in self.breaks for seed, epsilon in cases]
        lanes.state["wins"] = torch.tensor(wins)
        lanes.query = lanes.x

    def loss(self, logits, lanes):
        return logits[:, 1] - logits[:, 0]

    def advance(self, lanes, answer):
        is_time = (lanes.step + 1 >= self.delay) & lanes.state["wins"]
        lanes.query = torch.where(is_time.view(-1, 1, 1, 1), torch.ones_like(lanes.x), lanes.x)
        return lanes.step >= self.delay


def scripted(attacks, count, capacity=100):
    """Return a campaign over dark images of class 0 of a model that calls bright ones class 1."""
    x = torch.full((count, 3, 2, 2), 0.1)
    y, seeds = torch.zeros(count, dtype=torch.int64), torch.arange(count)
    return Campaign(attacks, Oracle(model_of(Brightness()), fixed_size=capacity), x, y, seeds)


@pytest.mark.parametrize("capacity", [1, 2, 100])
def test_later_attacks_see_only_what_the_earlier_ones_left(capacity):
    first, second = Scripted({(0, 0.1), (2, 0.1)}), Scripted({(1, 0.1), (2, 0.1)})
    campaign = scripted([first, second], 4, capacity)
    trials = [Trial(i, 0, 0.1) for i in range(4)]
    for trial in trials:
        campaign.submit(trial)

    over = list(campaign.run())

    assert sorted(trial.row for trial in over) == [0, 1, 2, 3], "each trial ends once"
    assert [trial.is_broken for trial in trials] == [True, True, True, False]
    assert [trial.attack for trial in trials] == [0, 1, 0, 1]
    assert [trial.step for trial in trials[:3]] == [2, 2, 2]
    assert sorted(seed for seed, _ in second.tried) == [1, 3]


def test_a_trial_begins_with_the_attack_it_names_and_then_the_others_in_order():
    attacks = [Scripted(set()), Scripted(set()), Scripted({(0, 0.1)})]
    campaign = scripted(attacks, 2)
    campaign.submit(Trial(0, 0, 0.1, first=2))
    campaign.submit(Trial(1, 0, 0.1, first=1))

    over = list(campaign.run())

    assert [attack.tried for attack in attacks] == [[(1, 0.1)], [(1, 0.1)], [(0, 0.1), (1, 0.1)]]
    assert [(trial.row, trial.is_broken) for trial in over] == [(0, True), (1, False)]


@pytest.mark.parametrize("capacity", [1, 2, 100])
def test_a_success_ends_the_other_runs_of_its_trial(capacity):
    long = Scripted({(0, 0.1)}, delay=3, runs=5)
    campaign = scripted([long], 1, capacity)
    campaign.submit(Trial(0, 0, 0.1))

    over = list(campaign.run())

    assert len(over) == 1
    assert over[0].is_broken
    assert len(long.tried) == min(capacity, 5)


def batch_of(attacks, model, x, y, grid):
    oracle = Oracle(model, fixed_size=7)
    return AttackedBatch(x, y, torch.arange(len(x)), grid, "linf", tuple(attacks), oracle)


def test_sweeps_find_the_known_smallest_budget_of_a_linear_model():
    model = linear_model(classes=2)
    x = images(60)
    y = model(x).argmax(1)
    weight, logits = model.network.linear.weight, model(x).detach()
    gap = (logits.gather(1, y[:, None]) - logits.gather(1, 1 - y[:, None]))[:, 0]
    distance = gap / (weight[0] - weight[1]).abs().sum()
    # A grid across the distances, without those so near to a budget that rounding decides.
    grid = tuple(float(distance.median()) * factor for factor in (0.2, 0.5, 1.0, 1.5))
    is_clear = torch.stack([(distance / epsilon - 1).abs() > 0.02 for epsilon in grid]).all(0)
    x, y, distance = x[is_clear], y[is_clear], distance[is_clear]
    expected = torch.stack([distance >= epsilon for epsilon in grid]).sum(0)
    attacks = [build(AttackSpec("apgd", steps=10), "linf", 2)]
    batch = batch_of(attacks, model, x, y, grid)

    down, up, alone = descend(batch), ascend(batch), from_scratch(batch)

    assert 0 < float((expected < 4).float().mean()) < 1, "the grid tells nothing"
    assert torch.equal(down.index, expected)
    assert torch.equal(up.index, expected)
    assert torch.equal(alone, torch.arange(4)[None] >= expected[:, None])
    assert torch.equal(model(down.x_adv).argmax(1) != y, expected < 4)


def test_an_attack_that_works_at_small_budgets_only_is_caught_by_ascending():
    # Example 0 breaks at the second budget, though not at the third: descent stops too early.
    weak = {(0, 0.05), (0, 0.2), (1, 0.1), (1, 0.2)}
    x = torch.full((3, 3, 2, 2), 0.1)
    y = torch.zeros(3, dtype=torch.int64)
    batch = batch_of([Scripted(weak)], model_of(Brightness()), x, y, (0.02, 0.05, 0.1, 0.2))

    assert descend(batch).index.tolist() == [3, 2, 4]
    assert ascend(batch).index.tolist() == [1, 2, 4]


def test_pgd_breaks_a_confident_model_whose_cross_entropy_has_no_gradient():
    model = linear_model(classes=2)
    network = model.network
    loud = model_of(LinearNetwork(network.linear.weight * 1e4, network.linear.bias * 1e4))
    x = images(30)
    y = model(x).argmax(1)
    probe = x.clone().requires_grad_()
    saturated = torch.autograd.grad(F.cross_entropy(loud(probe), y), probe)[0]
    assert (saturated.flatten(1).abs().amax(1) == 0).float().mean() > 0.9, "the scene is not set"

    x_adv = attack(loud, x, y, 0.3).x_adv

    assert (loud(x_adv).argmax(1) != y).all()


def test_more_restarts_never_break_fewer():
    model = model_of(small_network())
    x = images(60, low=0, high=1)
    y = model(x).argmax(1)

    broken = []
    for restarts in (1, 4):
        outcome = attack(model, x, y, 0.01, restarts=restarts, steps=2)
        broken.append(model(outcome.x_adv).argmax(1) != y)

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

    x_adv = attack(model, x, y, 0.3, steps=9, step_size=0.3).x_adv

    assert model(x_adv).argmax(1).item() == 1


def test_fooled_examples_leave_the_batch():
    counts = []
    network = linear_model(classes=2).network
    network.register_forward_pre_hook(lambda module, inputs: counts.append(len(inputs[0])))
    model = model_of(network, classes=2)
    x = images(40)
    y = model(x).argmax(1)
    counts.clear()

    attack(model, x, y, 0.02, steps=20)

    asked = counts[1:]  # the first tells how many classes there are
    assert asked[0] == 40
    assert asked == sorted(asked, reverse=True)
    assert asked[-1] < 40


def test_a_model_without_gradient_is_attacked_blindly():
    class Rounding(nn.Module):
        def forward(self, x):
            return x.detach().flatten(1)[:, :3]

    x = images(2)

    outcome = attack(model_of(Rounding()), x, torch.tensor([0, 1]), 0.1, name="fgsm")

    assert torch.equal(outcome.x_adv, x)


@pytest.mark.parametrize(
    ("network", "sentence"),
    [
        (nn.Sequential(nn.Flatten(), nn.Unflatten(1, (3, 64))), "2 or more classes"),
        (LinearNetwork(torch.full((3, 192), math.nan), torch.zeros(3)), "NaN or infinity"),
        (LinearNetwork(torch.zeros(3, 192), torch.tensor([0, 0, math.inf])), "NaN or infinity"),
    ],
)
def test_outputs_that_are_no_logits_are_refused(network, sentence):
    with pytest.raises(OutputsRefused, match=sentence):
        attack(model_of(network), images(2), torch.tensor([0, 0]), 0.1)


def test_probabilities_are_told_from_logits():
    logits = torch.randn(20, 5)

    assert are_probabilities(logits.softmax(1))
    assert not are_probabilities(logits)
    assert not are_probabilities(logits.log_softmax(1))
    assert not are_probabilities(logits.sigmoid())


@pytest.mark.parametrize(("norm", "epsilon"), [("linf", 0.06), ("l2", 0.6)])
def test_guessing_ahead_asks_exactly_the_same_path(norm, epsilon, monkeypatch):
    from usable_core.attacks import lanes

    model, x = model_of(small_network()), images(6)
    with torch.no_grad():
        y = model(x).argmax(1)
    found, asked = [], []
    for ahead in (1, 16):
        monkeypatch.setattr(lanes, "_AHEAD", ahead)
        oracle = Oracle(model, fixed_size=64)
        spec = AttackSpec("square", steps=150)
        found.append(
            run_attack(
                model, Attacked(x, y, torch.arange(6)), epsilon, spec, norm=norm, oracle=oracle
            )
        )
        asked.append(oracle.passes.forward)

    one, many = found
    assert torch.equal(one.step, many.step)
    assert torch.equal(one.is_fooled, many.is_fooled)
    assert torch.allclose(one.x_adv, many.x_adv, atol=1e-6)
    assert asked[0] == 1 + int(one.step.sum())
    assert asked[0] < asked[1] < 2 * asked[0], "guesses cost passes, but not many"


def plain_pgd(model, x, y, epsilon, steps):
    """PGD as the paper has it, every example to the last step: the images of the highest loss."""
    x_adv = random_start(x, epsilon, "linf", torch.arange(len(x)))
    best, best_loss = x_adv, torch.full((len(x),), -torch.inf)
    for step in range(steps + 1):
        x_adv = x_adv.detach().requires_grad_()
        logits = model(x_adv)
        loss = (
            torch.logsumexp(logits.scatter(1, y[:, None], -torch.inf), 1) - logits[range(len(x)), y]
        )
        is_better = (loss > best_loss)[:, None, None, None]
        best = torch.where(is_better, x_adv, best).detach()
        best_loss = torch.maximum(loss, best_loss).detach()
        if step < steps:
            (gradient,) = torch.autograd.grad(loss.sum(), x_adv)
            x_adv = x_adv + 2.5 / steps * epsilon * gradient.sign()
            x_adv = torch.clamp(x_adv, x - epsilon, x + epsilon).clamp(0, 1)
    return best


def test_the_engine_walks_the_path_of_the_plain_loop():
    model, x = linear_model(classes=10), images(12, low=0, high=1)
    y = model(x).argmax(1)
    pool = begun(build(AttackSpec("pgd", steps=8), "linf", 10), model, x, y, 0.1)

    while (over := pool.step()) is None:
        pass

    assert len(over.lanes) == 12
    assert torch.allclose(over.lanes.best, plain_pgd(model, x, y, 0.1, 8), atol=1e-6)
