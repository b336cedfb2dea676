"""The process over masks: its closed forms are averages over all masks; its maps come closer."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from scipy.special import expit

from usable_core.explainers import kernel_shap, lime_surrogate
from usable_core.explainers.designs import coalitions, halves
from usable_core.explainers.surrogate import conditioned, local_credits, neighbours

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

    strengths = np.linspace(0.5, 2, PLAYERS)

    found = local_credits(sample[None], near, strengths, 2.0)[0]

    games = [part(sample, hood, 2.0) for hood in near]
    expected = sum(s * shapley(game) for s, game in zip(strengths, games, strict=True))
    assert np.abs(expected).max() > 1e-2
    assert np.allclose(found, expected, atol=1e-12)


def process_of(count=120):
    masks = halves(count, 36, 0)
    return conditioned(masks, local_game(0)(masks), neighbours(GRID))


def covariance(process, one, other):
    """The process's covariance of masks, pair by pair."""
    sizes, found = process.sizes, np.zeros((len(one), len(other)))
    for i, a in enumerate(one):
        differing = (other != a)[:, None] & process.near
        local = np.exp(-differing.sum(2) / sizes.length) @ process.strengths
        linear = 1 + 4 / 36 * (other - 0.5) @ (a - 0.5)
        found[i] = linear + sizes.share * local
    return found


def test_the_mean_is_that_of_a_gaussian_process():
    process, asked = process_of(), halves(300, 36, 5)
    everything = np.ones(120, bool)

    found = process.mean(process.weights(everything), asked)

    seen = covariance(process, process.masks, process.masks)
    weights = np.linalg.solve(seen + process.sizes.noise * np.eye(120), process.answers)
    expected = process.centre + process.spread * covariance(process, asked, process.masks) @ weights
    assert process.sizes.share > 0
    assert np.allclose(found, expected, atol=1e-4 * process.spread)


def test_samples_left_out_have_no_say():
    process, kept = process_of(), np.arange(120) % 3 > 0

    found = process.weights(kept)

    seen = covariance(process, process.masks[kept], process.masks[kept])
    seen += process.sizes.noise * np.eye(kept.sum())
    assert not found[~kept].any()
    assert np.allclose(found[kept], np.linalg.solve(seen, process.answers[kept]), atol=1e-4)


def test_what_the_mean_leaves_is_what_its_samples_lack():
    process = process_of()
    weights = process.weights(np.ones(120, bool))

    missed = process.centre + process.spread * process.answers - process.mean(
        weights, process.masks
    )  # fmt: skip

    assert np.allclose(process.left(weights), missed, atol=1e-4 * process.spread)


def test_neighbourhoods_that_matter_are_taken_to_interact_more():
    masks = halves(200, 36, 0)

    process = conditioned(masks, masks[:, 14] + 0.0, neighbours(GRID))

    assert process.strengths.argmax() in np.flatnonzero(neighbours(GRID)[14])
    assert process.strengths[14] > 3 * np.median(process.strengths)


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


def test_a_linear_model_has_its_own_weights_without_the_penaltys_shrinkage():
    masks, own = halves(250, 36, 0), np.linspace(-1, 1, 36)
    outputs = masks @ own

    process = conditioned(masks, outputs, neighbours(GRID))
    found = lime_surrogate.estimator(masks, outputs, GRID)(np.ones(250, bool))

    assert process.sizes.share == 0
    assert np.allclose(found, own, atol=1e-3)


def log_odds(masks):
    """What a sure model's probability hides: a sum, far beyond where probabilities still move."""
    return masks @ np.linspace(-2, 3, 36) - 5


def test_probabilities_that_saturate_are_taken_as_log_odds():
    limit = lime_surrogate.fit(many := halves(60_000, 36, 999), expit(log_odds(many)))[0]
    masks = halves(160, 36, 0)
    outputs = expit(log_odds(masks))

    found = lime_surrogate.estimator(masks, outputs, GRID)(np.ones(160, bool))

    plain = lime_surrogate.fit(masks, outputs)[0]
    assert np.abs(found - limit).mean() < 0.5 * np.abs(plain - limit).mean()


def test_probabilities_that_add_up_are_left_as_they_are():
    masks, own = halves(160, 36, 0), np.linspace(0, 0.053, 36)
    outputs = 0.02 + masks @ own

    found = lime_surrogate.estimator(masks, outputs, GRID)(np.ones(160, bool))

    assert np.allclose(found, own, atol=1e-5)


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
