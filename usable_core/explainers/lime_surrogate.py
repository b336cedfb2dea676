"""LIME: a weighted linear model of what happens when superpixels are hidden.

On the masks that `lime` draws, the weights of the fit are `LimeImageExplainer`'s.
Ours are the masks, drawn from the same distribution but evenly (`designs.halves`), and what is
learnt of those that nobody asked (`surrogate`): the weights come as close to their limit with
fewer evaluations.
Reference: Ribeiro et al. 2016, arXiv:1602.04938.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution, of_class
from usable_core.explainers.designs import FIRST, first_half, halves, parts_of
from usable_core.explainers.replicates import PARTS, each, stability
from usable_core.explainers.surrogate import Condition, is_flat, local
from usable_core.games.game import Game, neighbours
from usable_core.metrics.arrays import Floats, Indices, Masks, Values
from usable_core.metrics.attribution import weighted_r2
from usable_core.metrics.ranks import spearman

_MANY = 4096  # masks that stand for all of them
_RIVALS = 20  # classes beside the one explained that have a process of their own
# `lime`'s default for images. With half of the superpixels hidden the cosine distance is about
# 0.29, so weights spread around 0.5: the fit averages over such images and is hardly local.
KERNEL_WIDTH = 0.25
_PENALTY = 1.0  # of the squared weights, as `lime` has it


def explain(game: Game, target: int, options: ExplainerOptions) -> Attribution:
    """Return LIME's weights for the softmax probability of a class, as `lime` defines them.

    `evaluations` coalitions of superpixels are asked, the first of which is the image.
    """
    masks = halves(options.evaluations, game.count, options.seed)
    return explained(game, target, options, masks, local(neighbours(game.players)))


def explained(
    game: Game, target: int, options: ExplainerOptions, masks: Masks, condition: Condition
) -> Attribution:
    """Return LIME's weights of players from what masks (N, S) say.

    Everything is shown by the first mask, nothing by the second, and pairs follow.
    """
    logits = game.ask(masks)
    outputs = of_class(logits, target, "probability")
    estimate = estimator(masks, logits, target, condition)
    values, half = estimate(np.stack([np.ones(len(masks), bool), first_half(len(masks))]))
    weights = sample_weights(masks)
    return Attribution(
        values=values.astype(np.float32)[game.players],
        output=float(outputs[0]),
        r2=fit(masks, outputs)[1],
        effective_samples=float(weights.sum() ** 2 / (weights**2).sum()),
        convergence=spearman(values, half),
        stability=stability(values, estimate, parts_of(len(masks), PARTS), options.tolerance),
        unit="probability",
    )


def fit(masks: Masks | Indices, outputs: Floats) -> tuple[Floats, float]:
    """Return `lime`'s weight of each superpixel (S,) and the fit's weighted R² on its own samples.

    Args:
        masks: Which superpixels stay (N, S), all in the first row.
        outputs: The model's answers (N,) to these images.
    """
    stays = masks.astype(np.float64)
    counts = sample_weights(stays)
    centre, mean = counts @ stays / counts.sum(), counts @ outputs / counts.sum()
    weighted = counts[:, None] * (stays - centre)
    held = weighted.T @ (stays - centre) + _PENALTY * np.eye(masks.shape[1])
    weights = np.linalg.solve(held, weighted.T @ (outputs - mean))
    fitted = mean + (stays - centre) @ weights
    return weights, weighted_r2(outputs, fitted, counts)


def estimator(
    masks: Masks, logits: Values, target: int, condition: Condition
) -> Callable[[Masks], Floats]:
    """Return the weights (…, S) as a function of which samples (…, N) are kept.

    Args:
        masks: Which superpixels stay (N, S), all in the first row.
        logits: The model's answers (N, classes).
        target: Index of the class explained.
        condition: Gives the process of which the log odds are likely.

    The process is over logits, for probabilities near 0 and 1 hardly move where logits still add
    up; what it expects of the probability follows from them.
    """
    outputs = of_class(logits, target, "probability")
    if is_flat(outputs):
        return lambda kept: np.zeros((*kept.shape[:-1], masks.shape[1]))

    inner = masks[FIRST:]  # everything and nothing are far from the masks that LIME averages over
    rivals = _rivals(logits[FIRST:], target)
    odds = rivals[:, 0] - logsumexp(rivals[:, 1:], axis=1)
    process = condition(inner, odds)
    if process is None:
        return each(lambda kept: fit(masks[kept], outputs[kept])[0])
    many, slopes = _quadrature(masks.shape[1])
    centre = rivals.mean(0)

    def estimate(kept: Masks) -> Floats:
        """Return the weights of all rows, whose means are taken together."""
        rows = kept.reshape(-1, kept.shape[-1])[:, FIRST:]
        weights = np.stack([process.weights(rivals - centre, row) for row in rows], axis=1)
        means = process.mean(weights.reshape(len(weights), -1), many)
        means = means.reshape(len(many), len(rows), -1)
        expected = softmax(centre + means, axis=2)[:, :, 0]
        seen = softmax(rivals[:, None] - process.left(weights), axis=2)[:, :, 0]
        missed = outputs[FIRST:, None] - seen
        fits = [fit(inner[row], missed[row, k])[0] for k, row in enumerate(rows)]
        return np.asarray((slopes @ expected).T + fits).reshape(*kept.shape[:-1], -1)

    return estimate


def _rivals(logits: Values, target: int) -> Floats:
    """Return logits (N, K) with the same softmax of the target, which is the first of them.

    The others are the classes that are most probable on average, and all the rest as one.
    """
    exact = logits.astype(np.float64)
    others = np.delete(exact, target, axis=1)
    order = np.argsort(-np.delete(softmax(exact, axis=1).mean(0), target))
    named, rest = others[:, order[:_RIVALS]], others[:, order[_RIVALS:]]
    together = [logsumexp(rest, axis=1, keepdims=True)] if rest.shape[1] else []
    return np.concatenate([exact[:, [target]], named, *together], axis=1)


@functools.lru_cache(maxsize=4)
def _quadrature(features: int) -> tuple[Masks, Floats]:
    """Return masks (M, S) that stand for all, and what makes weights (S,) of answers to them."""
    masks = halves(_MANY, features, seed=0)[FIRST:]
    counts = sample_weights(masks)
    centred = masks - counts @ masks / counts.sum()
    return masks, np.linalg.solve((centred.T * counts) @ centred, centred.T * counts)


def sample_weights(masks: NDArray[Any]) -> Floats:
    """Return what each sample (N, S) counts in the fit (N,)."""
    return _kernel(_distances(masks))


def _distances(masks: NDArray[Any]) -> Floats:
    """Return the cosine distance of each row (N, S) to the row of ones (N,)."""
    return np.asarray(1 - np.sqrt(masks.sum(1) / masks.shape[1]))


def _kernel(distances: Floats) -> Floats:
    return np.asarray(np.sqrt(np.exp(-(distances**2) / KERNEL_WIDTH**2)))
