"""The process over masks: its closed forms are averages over all masks; its maps come closer."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from scipy.special import expit, logit, softmax

from usable_core.explainers import kernel_shap, lime_surrogate
from usable_core.explainers.designs import coalitions, halves
from usable_core.explainers.surrogate import conditioned, local, local_credits
from usable_core.games.game import neighbours

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


MASKS = halves(120, 36, 0)
GAMES = 2  # answered together


def process_and_answers():
    answers = np.stack([local_game(seed)(MASKS) for seed in range(GAMES)], axis=1)
    return conditioned(MASKS, answers[:, 0], neighbours(GRID)), answers - answers.mean(0)


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
    (process, answers), asked = process_and_answers(), halves(300, 36, 5)

    found = process.mean(process.weights(answers, np.ones(120, bool)), asked)

    seen = covariance(process, MASKS, MASKS) + process.sizes.noise * np.eye(120)
    expected = covariance(process, asked, MASKS) @ np.linalg.solve(seen, answers)
    assert process.sizes.share > 0
    assert found.shape == (300, GAMES)
    assert np.allclose(found, expected, atol=1e-4 * answers.std())


def test_samples_left_out_have_no_say():
    (process, answers), kept = process_and_answers(), np.arange(120) % 3 > 0

    found = process.weights(answers, kept)

    seen = covariance(process, MASKS[kept], MASKS[kept]) + process.sizes.noise * np.eye(kept.sum())
    assert not found[~kept].any()
    expected = np.linalg.solve(seen, answers[kept])
    assert np.allclose(found[kept], expected, atol=1e-3 * np.abs(expected).max())


def test_what_the_mean_leaves_is_what_its_samples_lack():
    process, answers = process_and_answers()
    weights = process.weights(answers, np.ones(120, bool))

    missed = answers - process.mean(weights, MASKS)

    assert np.allclose(process.left(weights), missed, atol=1e-4 * answers.std())


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


def logits_of(outputs):
    """Logits of two classes, the first of which has these outputs."""
    return np.column_stack([outputs, np.zeros(len(outputs))]).astype(np.float32)


def lime(masks, outputs, kept=None):
    kept = np.ones(len(masks), bool) if kept is None else kept
    return lime_surrogate.estimator(masks, logits_of(outputs), 0, local(neighbours(GRID)))(kept)


def kernel(masks, outputs):
    found = kernel_shap.estimator(masks, logits_of(outputs), 0, local(neighbours(GRID)))
    return found(np.ones(len(masks), bool))


METHODS = {
    "lime": (halves, lime, lambda m, y: lime_surrogate.fit(m, expit(y))[0]),
    "kernel_shap": (
        coalitions,
        kernel,
        lambda m, y: kernel_shap.solve(m, y, kernel_shap.sample_weights(m)),
    ),
}


@pytest.mark.parametrize("method", METHODS)
def test_the_process_comes_closer_to_the_limit_where_neighbours_interact(method):
    design, estimate, fit = METHODS[method]
    ours, plain = [], []
    for seed in range(3):
        game = local_game(seed)
        limit = fit(many := design(60_000, 36, 999), game(many) / 5)
        masks = design(250, 36, seed)
        outputs = game(masks) / 5
        ours.append(np.abs(estimate(masks, outputs) - limit).mean())
        plain.append(np.abs(fit(masks, outputs) - limit).mean())

    assert np.mean(ours) < 0.85 * np.mean(plain)


def test_kernel_shap_values_still_sum_to_what_is_due():
    game, masks = local_game(0), coalitions(150, 36, 0)
    outputs = game(masks)

    values = kernel(masks, outputs)

    assert values.sum() == pytest.approx(outputs[0] - outputs[1], rel=1e-5)


def test_kernel_shap_of_a_linear_model_has_its_own_weights():
    masks, own = coalitions(150, 36, 0), np.linspace(-1, 1, 36)

    assert np.allclose(kernel(masks, masks @ own), own, atol=1e-5)


def saturated(masks):
    """A sum, far beyond where probabilities still move."""
    return masks @ np.linspace(-2, 3, 36) - 5


def test_probabilities_that_saturate_follow_from_logits_that_add_up():
    limit = lime_surrogate.fit(many := halves(60_000, 36, 999), expit(saturated(many)))[0]
    masks = halves(160, 36, 0)

    found = lime(masks, saturated(masks))

    plain = lime_surrogate.fit(masks, expit(saturated(masks)))[0]
    assert np.abs(found - limit).mean() < 0.3 * np.abs(plain - limit).mean()


def test_probabilities_that_add_up_keep_their_weights():
    masks, own = halves(160, 36, 0), np.linspace(0, 0.053, 36)
    outputs = 0.02 + masks @ own

    assert np.abs(lime(masks, logit(outputs)) - own).max() < 2e-3


def test_all_classes_count_however_many_there_are():
    rng, masks = np.random.default_rng(0), halves(160, 36, 0)
    weights = rng.normal(0, 0.3, (36, 60))

    def answers(masks):
        return (masks @ weights).astype(np.float32)

    many = halves(60_000, 36, 999)
    limit = lime_surrogate.fit(many, softmax(answers(many), axis=1)[:, 7])[0]
    outputs = softmax(answers(masks), axis=1)[:, 7]

    found = lime_surrogate.estimator(masks, answers(masks), 7, local(neighbours(GRID)))(
        np.ones(160, bool)
    )

    plain = lime_surrogate.fit(masks, outputs)[0]
    assert np.abs(found - limit).mean() < 0.3 * np.abs(plain - limit).mean()


def test_interactions_that_the_process_does_not_know_cost_nothing_with_many_samples():
    rng = np.random.default_rng(0)
    together = [rng.choice(36, 3, replace=False) for _ in range(40)]  # near or far
    worth = rng.normal(size=40)

    def game(masks):
        return np.stack([masks[:, chosen].all(1) for chosen in together], axis=1) @ worth

    masks, many = halves(1500, 36, 0), halves(60_000, 36, 999)
    limit, plain = (lime_surrogate.fit(m, expit(game(m)))[0] for m in (many, masks))

    found = lime(masks, game(masks))

    assert np.abs(found - limit).mean() < 1.2 * np.abs(plain - limit).mean()


@pytest.mark.parametrize("estimator", [lime_surrogate.estimator, kernel_shap.estimator])
def test_a_thousand_superpixels_have_a_map(estimator):
    many = np.arange(1024, dtype=np.int32).reshape(32, 32)
    masks = halves(64, 1024, 0)

    logits = logits_of(masks[:, :9].sum(1) ** 2 / 9)
    found = estimator(masks, logits, 0, local(neighbours(many)))(np.ones(64, bool))

    assert found.shape == (1024,)
    assert np.isfinite(found).all()
    assert found.any()


def test_a_model_that_answers_only_to_the_whole_image_has_a_map():
    masks = halves(100, 36, 0)
    whole = np.where(masks.all(1), 3.0, -3.0)

    found = lime(masks, whole)

    assert found.any()
    assert np.allclose(found, lime_surrogate.fit(masks, expit(whole))[0])


@pytest.mark.parametrize(("design", "estimate"), [(halves, lime), (coalitions, kernel)])
def test_where_no_superpixel_matters_by_itself_all_are_taken_to_interact_alike(design, estimate):
    masks = design(102, 36, 0)
    same = 2.0 * (masks[:, 0] == masks[:, 1])  # complementary masks answer alike

    process = conditioned(masks[2:], same[2:], neighbours(GRID))

    assert np.allclose(process.strengths, 1 / 36)
    assert np.isfinite(estimate(masks, same)).all()


def test_a_constant_output_gives_no_credit_at_all():
    masks = halves(100, 36, 0)

    assert not lime(masks, np.full(100, 3.0)).any()
    assert not kernel(masks, np.full(100, 3.0)).any()
