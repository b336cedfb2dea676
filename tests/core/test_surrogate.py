"""The process over masks: its closed forms are averages over all masks; its maps come closer."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest

from usable_core.explainers import kernel_shap, lime_surrogate
from usable_core.explainers.designs import coalitions, halves
from usable_core.explainers.surrogate import (
    local_credits,
    neighbours,
    regression_matrix,
    regression_table,
    shapley_table,
    tuned,
)

PLAYERS = 7
EVERY = np.array([[bool(n >> i & 1) for i in range(PLAYERS)] for n in range(2**PLAYERS)])
GRID = np.arange(36, dtype=np.int32).reshape(6, 6).repeat(4, 0).repeat(4, 1)
ROW = np.arange(PLAYERS, dtype=np.int32)[None].repeat(3, 0)


def part(sample, hood, length):
    """The function that one sample contributes through one neighbourhood, at every mask."""
    return np.exp(-(EVERY[:, hood] != sample[hood]).sum(1) / length)


def shapley(outputs):
    """The definition, over all coalitions."""
    worth = {tuple(mask): value for mask, value in zip(EVERY.tolist(), outputs, strict=True)}
    found = np.zeros(PLAYERS)
    for i in range(PLAYERS):
        others = [j for j in range(PLAYERS) if j != i]
        for size in range(PLAYERS):
            weight = factorial(size) * factorial(PLAYERS - size - 1) / factorial(PLAYERS)
            for chosen in combinations(others, size):
                without = [j in chosen for j in range(PLAYERS)]
                with_it = [j in chosen or j == i for j in range(PLAYERS)]
                found[i] += weight * (worth[tuple(with_it)] - worth[tuple(without)])
    return found


def regression(outputs, weights):
    """Weighted least squares with an intercept over all masks."""
    w = np.sqrt(weights[EVERY.sum(1)])
    design = np.column_stack([np.ones(len(EVERY)), EVERY]) * w[:, None]
    return np.linalg.lstsq(design, outputs * w, rcond=None)[0][1:]


@pytest.fixture(params=range(4))
def sample(request):
    return (
        np.random.default_rng(request.param).random(PLAYERS) < [0.5, 0.1, 0.9, 0.4][request.param]
    )


def test_neighbours_touch_along_an_edge():
    near = neighbours(GRID)

    assert near[0].nonzero()[0].tolist() == [0, 1, 6]
    assert near[7].nonzero()[0].tolist() == [1, 6, 7, 8, 13]
    assert np.array_equal(near, near.T)


def test_shapley_values_of_local_parts_are_those_of_the_definition(sample):
    near = neighbours(ROW)

    found = local_credits(sample[None], near, 2.0, shapley_table)[0]

    expected = sum(shapley(part(sample, hood, 2.0)) for hood in near) / PLAYERS
    assert np.abs(expected).max() > 1e-2
    assert np.allclose(found, expected, atol=1e-12)


def test_regressions_of_local_parts_are_those_over_all_masks(sample):
    near, weights = neighbours(ROW), np.linspace(0.2, 0.9, PLAYERS + 1) ** 2

    credits = local_credits(
        sample[None], near, 2.0, lambda *sizes: regression_table(weights, *sizes)
    )
    found = np.linalg.solve(regression_matrix(weights, PLAYERS), credits[0])

    expected = sum(regression(part(sample, hood, 2.0), weights) for hood in near) / PLAYERS
    assert np.abs(expected).max() > 1e-3
    assert np.allclose(found, expected, atol=1e-10)


def local_game(seed):
    """A function of masks in which a superpixel and its neighbours are seen only together."""
    rng = np.random.default_rng(seed)
    near = neighbours(GRID)
    linear, together = rng.normal(size=36), 8 * rng.normal(size=36)

    def game(masks):
        whole = np.stack([masks[:, hood].mean(1) > 0.7 for hood in near], axis=1)
        return masks @ linear + whole @ together

    return game


@pytest.mark.parametrize(
    ("design", "estimator"),
    [(halves, lime_surrogate.estimator), (coalitions, kernel_shap.estimator)],
)
def test_the_process_comes_closer_to_the_limit_where_neighbours_interact(design, estimator):
    fits = {
        halves: lambda m, y: lime_surrogate.fit(m, y)[0],
        coalitions: lambda m, y: kernel_shap.solve(m, y, kernel_shap.sample_weights(m)),
    }
    fit, ours, plain = fits[design], [], []
    for seed in range(3):
        game = local_game(seed)
        limit = fit(many := design(60_000, 36, 999), game(many))
        masks = design(250, 36, seed)
        outputs = game(masks)
        ours.append(np.abs(estimator(masks, outputs, GRID)(np.ones(250, bool)) - limit).mean())
        plain.append(np.abs(fit(masks, outputs) - limit).mean())

    assert np.mean(ours) < 0.85 * np.mean(plain)


def test_kernel_shap_values_still_sum_to_what_is_due():
    game, masks = local_game(0), coalitions(150, 36, 0)
    outputs = game(masks)

    values = kernel_shap.estimator(masks, outputs, GRID)(np.ones(150, bool))

    assert values.sum() == pytest.approx(outputs[0] - outputs[1], rel=1e-5)


def test_without_interactions_the_estimate_is_the_methods_own():
    masks = halves(250, 36, 0)
    outputs = masks @ np.linspace(-1, 1, 36)

    process = tuned(masks, (outputs - outputs.mean()) / outputs.std(), neighbours(GRID))
    found = lime_surrogate.estimator(masks, outputs, GRID)(np.ones(250, bool))

    assert process.share == 0
    assert np.allclose(found, lime_surrogate.fit(masks, outputs)[0])


@pytest.mark.parametrize("estimator", [lime_surrogate.estimator, kernel_shap.estimator])
def test_a_thousand_superpixels_have_a_map(estimator):
    many = np.arange(1024, dtype=np.int32).reshape(32, 32)
    masks = halves(64, 1024, 0)

    found = estimator(masks, masks[:, :9].sum(1) ** 2.0, many)(np.ones(64, bool))

    assert found.shape == (1024,)
    assert np.isfinite(found).all()
    assert found.any()


def test_a_constant_output_gives_no_credit_at_all():
    masks = halves(100, 36, 0)
    outputs = 3.0 + 1e-12 * masks[:, 0]

    for estimator in (lime_surrogate.estimator, kernel_shap.estimator):
        assert not estimator(masks, outputs, GRID)(np.ones(100, bool)).any()
