"""Masks of LIME and Kernel SHAP: complete pairs, balanced, nested; and the error of their maps."""

from dataclasses import replace
from itertools import combinations
from math import comb, factorial

import numpy as np
import pytest
import torch
from explained import explained, instance_of, lime_masks
from torch import nn
from toy_models import images, model_of

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import kernel_shap, lime_surrogate
from usable_core.explainers.designs import (
    coalitions,
    halves,
    parts_of,
    size_counts,
    size_odds,
    size_weights,
)
from usable_core.explainers.replicates import each, stability
from usable_core.explainers.surrogate import local
from usable_core.games.segments import superpixels
from usable_core.measuring.refinement import Refinement, steps

DESIGNS = (halves, coalitions)


def interacting(masks):
    """A game of six players with interactions of two and three."""
    z = masks.astype(float)
    return (
        z @ [1.0, -2.0, 0.5, 0.0, 3.0, 0.1]
        + 4 * z[:, 0] * z[:, 1]
        - 3 * z[:, 2] * z[:, 4]
        + 2 * z[:, 0] * z[:, 3] * z[:, 5]
    )


def shapley_values(game, players):
    """The definition, over all coalitions."""
    found = np.zeros(players)
    for i in range(players):
        others = [j for j in range(players) if j != i]
        for size in range(players):
            weight = factorial(size) * factorial(players - size - 1) / factorial(players)
            for chosen in combinations(others, size):
                without = np.zeros((1, players), bool)
                without[0, list(chosen)] = True
                with_it = without.copy()
                with_it[0, i] = True
                found[i] += weight * float((game(with_it) - game(without))[0])
    return found


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("features", [2, 7, 50, 130])
def test_masks_begin_with_all_and_nothing_and_go_on_in_complementary_pairs(design, features):
    masks = design(103, features, seed=4)

    assert masks.shape == (103, features)
    assert masks[0].all()
    assert not masks[1].any()
    assert np.array_equal(masks[2:102:2], ~masks[3:103:2])


@pytest.mark.parametrize("design", DESIGNS)
def test_fewer_masks_are_the_first_of_more_and_a_seed_draws_its_own(design):
    many = design(500, 23, seed=1)

    assert np.array_equal(design(64, 23, seed=1), many[:64])
    assert not np.array_equal(design(500, 23, seed=2), many)


def test_a_block_of_halves_shows_all_superpixels_independently_of_each_other():
    masks = halves(2 + 2 * 64, 50, seed=0)[2:]

    signs = 2.0 * masks - 1
    assert np.array_equal(signs.T @ signs, 128 * np.eye(50))


def test_coalition_sizes_come_as_often_as_told_and_no_coalition_is_trivial():
    drawn = [coalitions(4002, 12, seed)[2:] for seed in range(40)]

    counts = np.mean([np.bincount(masks.sum(1), minlength=13) for masks in drawn], axis=0)
    assert np.bincount(drawn[0].sum(1), minlength=13)[[0, 12]].sum() == 0
    assert np.allclose(counts[1:-1], size_counts(4002, 12), atol=3)
    sized = counts[2:11] - 2 * 32 * np.array([comb(12, k) for k in range(2, 11)]) / 2**12
    assert np.allclose(sized / sized.sum(), size_odds(12), atol=0.002)
    assert np.allclose(np.mean(drawn, axis=(0, 1)), 0.5)
    assert size_weights(12)[2] == pytest.approx(11 / (3 * 9))


def test_coalitions_begin_with_each_superpixel_alone_and_go_on_with_whole_blocks_of_halves():
    one_of_each = coalitions(2 + 2 * 100, 23, seed=1)[2::2]

    alone, others = one_of_each[:23], one_of_each[23:]
    assert np.array_equal(np.sort(alone.argmax(1)), np.arange(23))
    assert (alone.sum(1) == 1).all()
    assert np.array_equal(others[:64], halves(2 + 2 * 64, 23, seed=1)[2::2])
    assert ((others[64:].sum(1) > 1) & (others[64:].sum(1) < 22)).all()


def test_kernel_shap_is_closer_than_with_sizes_drawn_as_often_as_each_other():
    features, count = 30, 160
    rng = np.random.default_rng(0)
    credits = rng.normal(size=features) * rng.random(features) ** 2
    triples = [rng.choice(features, 3, replace=False) for _ in range(60)]
    worths = rng.normal(size=len(triples)) * 0.6
    true = credits.copy()
    for triple, worth in zip(triples, worths, strict=True):
        true[triple] += worth / 3  # a product of three is shared by the three

    def error(masks):
        z = masks.astype(float)
        outputs = z @ credits + sum(
            w * z[:, t].prod(1) for t, w in zip(triples, worths, strict=True)
        )
        near = np.eye(features, dtype=bool)
        estimate = kernel_shap.estimator(masks, outputs[:, None], 0, local(near))
        return float(((estimate(np.ones(len(masks), bool)) - true) ** 2).mean())

    def evenly(seed):
        drawn = np.random.default_rng(seed)
        sizes = drawn.integers(1, features, count // 2 - 1)
        order = drawn.random((len(sizes), features)).argsort(1).argsort(1)
        halves = order < sizes[:, None]
        pairs = np.stack([halves, ~halves], 1).reshape(-1, features)
        ends = [np.ones((1, features), bool), np.zeros((1, features), bool)]
        return np.concatenate([*ends, pairs])

    ours = np.mean([error(coalitions(count, features, seed)) for seed in range(6)])
    theirs = np.mean([error(evenly(seed)) for seed in range(6)])

    assert ours < 0.5 * theirs


def test_kernel_shap_with_all_coalitions_gives_the_shapley_values():
    players = 6
    every = np.array([[bool(n >> i & 1) for i in range(players)] for n in range(2**players)])
    sizes = every.sum(1)
    order = np.argsort(np.where(sizes == players, -2, np.where(sizes == 0, -1, 0)), kind="stable")
    every, sizes = every[order], sizes[order]
    weights = np.array(
        [
            0 if s in (0, players) else size_weights(players)[s - 1] / comb(players, int(s))
            for s in sizes
        ]
    )

    found = kernel_shap.solve(every, interacting(every), weights)

    assert np.allclose(found, shapley_values(interacting, players), atol=1e-9)


def test_kernel_shap_comes_to_the_shapley_values_with_drawn_coalitions():
    masks = coalitions(20_002, 6, seed=3)

    found = kernel_shap.solve(masks, interacting(masks), kernel_shap.sample_weights(masks))

    assert np.allclose(found, shapley_values(interacting, 6), atol=0.03)


def test_paired_masks_find_the_weights_of_a_model_with_pair_interactions_better_than_limes():
    rng = np.random.default_rng(0)
    pairs = rng.normal(size=(20, 20))

    def game(masks):
        z = masks - 0.5
        return z @ np.arange(20) + np.einsum("ni,ij,nj->n", z, pairs, z)

    limit = lime_surrogate.fit(many := lime_masks(200_000, 20, 1), game(many))[0]

    def error(masks):
        return float(np.abs(lime_surrogate.fit(masks, game(masks))[0] - limit).mean())

    ours = np.mean([error(halves(200, 20, seed)) for seed in range(10)])
    theirs = np.mean([error(lime_masks(200, 20, seed)) for seed in range(10)])
    assert ours < 0.75 * theirs


@pytest.mark.parametrize("method", ["lime", "kernel_shap"])
def test_intervals_hold_the_limit_about_as_often_as_they_say(method):
    design = halves if method == "lime" else coalitions

    def game(masks):
        z = masks.astype(float)
        return np.tanh(z @ np.linspace(-1, 1, 12) + 2 * z[:, 0] * z[:, 3] * z[:, 7])

    def solve(masks, outputs):
        if method == "lime":
            return lime_surrogate.fit(masks, outputs)[0]
        return kernel_shap.solve(masks, outputs, kernel_shap.sample_weights(masks))

    limit = solve(many := design(60_000, 12, seed=999), game(many))
    held = []
    for seed in range(40):
        masks = design(200, 12, seed)
        outputs = game(masks)
        found = stability(
            solve(masks, outputs),
            each(lambda rows, m=masks, o=outputs: solve(m[rows], o[rows])),
            parts_of(200, 10),
            0.05,
        )
        held += [
            low <= value <= high
            for low, value, high in zip(found.low, limit, found.high, strict=True)
        ]
    assert 0.9 <= np.mean(held) <= 0.999


def test_stability_is_the_textbook_standard_error_where_the_estimate_is_a_mean():
    draws = np.random.default_rng(0).normal(5, 1, (40, 3))
    parts = np.arange(40) % 10

    found = stability(draws.mean(0), each(lambda rows: draws[rows].mean(0)), parts, tolerance=0.05)

    blocks = np.stack([draws[parts == k].mean(0) for k in range(10)])
    errors = blocks.std(0, ddof=1) / np.sqrt(10)
    assert found.error_share == pytest.approx(errors.max() / draws.mean(0).max())
    assert np.array(found.high) - draws.mean(0) == pytest.approx(2.262157 * errors, rel=1e-5)
    assert found.is_stable == (found.error_share <= 0.05)
    assert found.is_settled == (True, True, True)


def test_signs_that_noise_decides_are_not_settled():
    draws = np.random.default_rng(0).normal([0, 5], 1, (40, 2))

    found = stability(
        draws.mean(0), each(lambda rows: draws[rows].mean(0)), np.arange(40) % 10, tolerance=0.05
    )

    assert found.is_settled == (False, True)


class Patch(nn.Module):
    """Logits (N, 2) from the mean of one corner."""

    def forward(self, x):
        mean = x[:, :, :4, :4].mean((1, 2, 3))
        return torch.stack([mean, -mean], 1)


@pytest.mark.parametrize("method", ["lime", "kernel_shap"])
def test_a_map_is_refined_until_it_is_stable_and_no_mask_is_evaluated_twice(method):
    shown = []

    class Counting(Patch):
        def forward(self, x):
            shown.extend(x.flatten(1).sum(1).tolist())
            return super().forward(x)

    x = images(1, 16)[0]
    segments = (np.arange(16)[:, None] // 4 * 4 + np.arange(16) // 4).astype(np.int32)
    options = ExplainerOptions(evaluations=1024, tolerance=0.05, background="black")
    model = model_of(Counting(), size=16, classes=2)

    maps = list(Refinement(instance_of(model, x, segments), method, 0, options))

    assert maps[-1].stability.is_stable
    assert maps[-1].evaluations < 1024
    assert [found.evaluations for found in maps] == [64 * 2**k for k in range(len(maps))]
    assert len(shown) <= maps[-1].evaluations + 1  # and which classes it predicts


def test_a_tolerance_ends_an_explanation_as_soon_as_it_is_stable():
    x = images(1, 16)[0]
    segments = (np.arange(16)[:, None] // 4 * 4 + np.arange(16) // 4).astype(np.int32)
    options = ExplainerOptions(evaluations=1024, tolerance=0.05, background="black")
    model = model_of(Patch(), size=16, classes=2)

    found = explained(model, x, 0, "kernel_shap", options, segments=segments)
    whole = explained(
        model, x, 0, "kernel_shap", replace(options, tolerance=0.0), segments=segments
    )

    assert found.stability.is_stable
    assert found.evaluations < whole.evaluations == 1024


def test_a_budget_without_tolerance_is_spent():
    x = images(1, 16)[0]
    options = ExplainerOptions(evaluations=300, segments=9)

    instance = instance_of(model_of(Patch(), size=16, classes=2), x, superpixels(x, 9))
    maps = list(Refinement(instance, "lime", 0, options))

    assert [found.evaluations for found in maps] == [64, 128, 300]
    assert steps(100, is_anytime=True) == (100,)
    assert steps(500, is_anytime=False) == (64, 500)
