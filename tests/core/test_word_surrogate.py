"""The process over words: exact where it can be told, and nearer than without it."""

from math import comb

import numpy as np
import pytest

from usable_core.explainers import kernel_shap, word_surrogate
from usable_core.explainers.designs import FIRST, coalitions, distinct, every
from usable_core.explainers.surrogate import local
from usable_core.explainers.word_surrogate import WordProcess

EFFECTS = np.array([0.5, -1.0, 3.0, 0.0, 2.0, -0.5, 1.0, 0.2, -2.0, 0.3])
WORDS = len(EFFECTS)


def shapley(outputs, count):
    """The definition, from the answers to `every` coalition."""
    found, numbers = np.zeros(count), np.arange(2**count)
    for i in range(count):
        without = numbers[(numbers >> i & 1) == 0]
        sizes = np.array([bin(n).count("1") for n in without])
        worth = np.array([1 / (count * comb(count - 1, s)) for s in sizes])
        found[i] = worth @ (outputs[without | 1 << i] - outputs[without])
    return found


def negated(masks):
    """The first word turns the third one and the fifth one round."""
    signs = np.where(masks[:, 0], -1.0, 1.0)
    return masks @ EFFECTS + signs * (4 * masks[:, 2] + 2 * masks[:, 4] * masks[:, 8])


def estimated(masks, outputs, condition=word_surrogate.conditioned):
    counts = kernel_shap.distinct_weights(masks)
    logits = np.stack([outputs, np.zeros(len(outputs))], axis=1)
    found = kernel_shap.estimator(masks, logits, 0, condition, counts)
    return found(np.ones(len(masks), bool))


@pytest.mark.parametrize("ratio", [0.0, 0.08, 0.32])
def test_shapley_values_of_a_process_are_those_of_its_mean(ratio):
    rng = np.random.default_rng(0)
    strengths = np.abs(rng.normal(size=7)) + 0.2
    samples = rng.random((12, 7)) < 0.5
    process = WordProcess(samples, 0.01, np.eye(12), strengths / strengths.mean(), ratio)
    weights = rng.normal(size=12)

    found = weights @ process.shapley()

    assert np.allclose(found, shapley(process.mean(weights, every(7)), 7), atol=1e-12)
    assert np.abs(found).max() > 0.1


def test_a_process_goes_through_what_was_answered():
    masks = distinct(96, WORDS, 0)
    outputs = negated(masks)
    process = word_surrogate.conditioned(masks, outputs)

    weights = process.weights(outputs - outputs.mean(), np.ones(96, bool))

    told = process.mean(weights, masks) + process.left(weights)
    assert np.allclose(told, outputs - outputs.mean(), atol=1e-6)
    assert process.ratio > 0


@pytest.mark.parametrize("count", [24, 96])
def test_words_that_add_up_have_their_own_effects(count):
    masks = distinct(count, WORDS, 0)

    assert word_surrogate.conditioned(masks, masks @ EFFECTS).ratio == 0
    assert np.allclose(estimated(masks, masks @ EFFECTS), EFFECTS, atol=1e-9)


@pytest.mark.parametrize(("count", "share"), [(64, 0.5), (128, 0.3), (256, 0.1)])
def test_words_that_are_far_from_each_other_may_interact(count, share):
    true = shapley(negated(every(WORDS)), WORDS)
    touching = np.abs(np.subtract.outer(np.arange(WORDS), np.arange(WORDS))) < 2

    def error(condition):
        drawn = [distinct(count, WORDS, seed) for seed in range(4)]
        found = [estimated(masks, negated(masks), condition) - true for masks in drawn]
        return np.linalg.norm(found)

    assert error(word_surrogate.conditioned) < share * error(local(touching))


def test_every_mask_but_two_leaves_hardly_an_error():
    masks = distinct(2**WORDS - 2, WORDS, 0)

    found = estimated(masks, negated(masks))

    assert np.abs(found - shapley(negated(every(WORDS)), WORDS)).max() < 1e-3


@pytest.mark.parametrize("count", [9, 64, 510])
def test_no_mask_is_there_twice_and_pairs_are_whole(count):
    masks = distinct(count, 9, seed=2)

    assert masks.shape == (count, 9)
    assert len(np.unique(masks, axis=0)) == count
    pairs = masks[: count // 2 * 2].reshape(-1, 2, 9)
    assert (pairs[:, 0] != pairs[:, 1]).all()
    assert masks[0].all()
    assert np.array_equal(masks, distinct(511, 9, seed=2)[:count])
    if count == 64:
        first = FIRST + 2 * 9
        assert np.array_equal(masks[:first], coalitions(first, 9, 2))


def test_hundreds_of_words_have_a_map():
    masks = distinct(300, 400, 0)
    effects = np.random.default_rng(0).normal(size=400)

    found = estimated(masks, masks @ effects + 3 * masks[:, 0] * masks[:, 399])

    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(effects.sum() + 3)
