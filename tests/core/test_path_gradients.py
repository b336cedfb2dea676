"""Gradients along a path: where they are taken, how far they are off, when there are enough."""

import numpy as np
import pytest
import torch
from explained import attributed
from torch import nn
from toy_models import images, linear_model, model_of

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.path_gradients import mean_gradients, replicated_positions

SEGMENTS = (np.arange(8)[:, None] // 2 * 4 + np.arange(8) // 2).astype(np.int32)


class Kinked(nn.Module):
    """Its gradient jumps at many places of any path, as that of networks with ReLU does."""

    def __init__(self, kinks=200):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(kinks, 192, generator=generator) / 8)
        self.turn = nn.Parameter(torch.rand(kinks, generator=generator))
        self.out = nn.Parameter(torch.randn(2, kinks, generator=generator) / 4)

    def forward(self, x):
        heights = x.flatten(1) @ self.weight.T
        turns = self.turn * (images(1)[0].flatten() @ self.weight.T)
        return (heights - turns).relu() @ self.out.T


class Step(nn.Module):
    """Rises within 0.07 of the path from black: 50 and 100 steps miss it by 33 % and 11 %."""

    def forward(self, x):
        position = x.mean((1, 2, 3)) / images(1)[0].mean()
        rise = ((position - 0.48) / 0.07).clamp(0, 1)
        return torch.stack([rise, -rise], 1)


def gradient_shap(model, x, options):
    return attributed("gradient_shap", model, x, 1, options, segments=SEGMENTS)


def options(evaluations=66, **more):
    return ExplainerOptions(evaluations=evaluations, background="black", **more)


@pytest.mark.parametrize("points", [14, 64, 126, 500])
@pytest.mark.parametrize("seed", [0, 1])
def test_positions_and_each_replicates_share_of_them_cover_the_path_evenly(points, seed):
    found = replicated_positions(points, seed)

    _, each = found.shape
    assert points - 8 < found.size <= points
    assert sorted((found.ravel() * found.size).astype(int)) == list(range(found.size))
    for replicate in found:
        assert (replicate * each).astype(int).tolist() == list(range(each))
    assert not np.array_equal(found, replicated_positions(points, seed + 1))


def test_each_replicate_draws_uniformly():
    drawn = np.concatenate([replicated_positions(64, seed)[3, :1] * 8 for seed in range(400)])

    assert abs(drawn.mean() - 0.5) < 4 * np.sqrt(1 / 12 / 400)
    assert abs(drawn.var() - 1 / 12) < 0.015


def test_intervals_of_gradient_shap_hold_the_true_credit_and_are_not_much_too_wide():
    model, x = model_of(Kinked(), classes=2), images(1)[0]
    points = (np.arange(5000) + 0.5) / 5000
    exact = mean_gradients(
        Oracle(model), x, torch.zeros_like(x), points, np.full(5000, 1 / 5000), [1]
    )[0]
    truth = np.bincount(SEGMENTS.ravel(), exact.ravel())

    held, ratios = [], []
    for seed in range(60):
        found = gradient_shap(model, x, options(seed=seed)).stability
        low, high, values = (np.array(v) for v in (found.low, found.high, found.values))
        held.append((low <= truth) & (truth <= high))
        ratios.append(np.abs(values - truth).max() / (high - low).max())

    assert np.mean(held) >= 0.95
    assert np.median(ratios) > 0.02


def test_the_map_is_what_its_stability_and_convergence_speak_of():
    model, x = model_of(Kinked(), classes=2), images(1)[0]

    found = gradient_shap(model, x, options(130))

    sums = np.bincount(SEGMENTS.ravel(), found.values.ravel().astype(float))
    assert np.allclose(found.stability.values, sums, atol=1e-5)
    assert found.stability.seeds == 8
    assert found.stability.error_share > 0
    assert not found.stability.is_stable
    assert 0.5 < found.convergence < 1


def test_a_tolerance_ends_gradient_shap_as_soon_as_the_map_is_stable():
    model, x = linear_model(), images(1)[0]

    stable = gradient_shap(model, x, options(2050, tolerance=0.1))
    whole = gradient_shap(model, x, options(2050))

    assert stable.stability.is_stable
    assert stable.stability.seeds >= 4
    assert stable.evaluations < whole.evaluations == 2050
    assert stable.values == pytest.approx(whole.values, abs=1e-6)


@pytest.mark.parametrize(
    ("network", "evaluations", "spent"), [("linear", 500, 52), ("step", 500, 352), ("step", 60, 52)]
)
def test_integrated_gradients_double_their_steps_until_complete(network, evaluations, spent):
    model = linear_model() if network == "linear" else model_of(Step(), classes=2)
    told = []

    found = attributed(
        "integrated_gradients",
        model,
        images(1)[0],
        0,
        options(evaluations),
        report=lambda done, total, message, **_: told.append((done, total)),
    )

    assert found.evaluations == spent
    assert told[-1] == (evaluations, evaluations)
    if evaluations == 500:
        assert found.additivity_gap <= 0.05 * abs(found.output - found.base)
    else:
        assert found.additivity_gap > 0.05 * abs(found.output - found.base)
