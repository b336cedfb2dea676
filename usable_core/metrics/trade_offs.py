"""Which model where there are several axes: the Pareto front, which needs no weights, and weights.

With weights the answer is as sure as the weights are; so what is told is how often each model is
first over what the numbers leave possible, and over all weights that there are.

Reference: Lahdelma & Salminen 2001, Operations Research 49:444-454 (rank acceptability, SMAA-2).
"""

import numpy as np

from usable_core.metrics.arrays import Floats, Masks
from usable_core.metrics.shrinkage import chances

WEIGHTINGS = 4096  # drawn evenly from all weights


def dominators(values: Floats) -> Masks:
    """Return (K, K) whether model j (column) is as good as model i (row) on all axes, and better.

    Args:
        values: Numbers (A, K), higher is better.
    """
    others, own = values[:, None, :], values[:, :, None]
    return np.asarray((others >= own).all(axis=0) & (others > own).any(axis=0))


def front_chances(drawn: Floats) -> Floats:
    """Return how often no other model dominates each (K,), in draws (D, A, K)."""
    found = []
    for k in range(drawn.shape[2]):
        own = drawn[:, :, [k]]
        is_better: Masks = np.asarray((drawn >= own).all(axis=1) & (drawn > own).any(axis=1))
        found.append(1 - is_better.any(axis=1).mean())
    return np.array(found)


def weighted_chances(drawn: Floats, weights: Floats) -> Floats:
    """Return how often each model (K,) has the largest weighted mean, in draws (D, A, K)."""
    return chances(np.einsum("dak,a->dk", drawn, weights / weights.sum()))


def acceptability(drawn: Floats, *, seed: int = 0) -> Floats:
    """Return how often each model (K,) is first over all weights and draws (D, A, K) alike."""
    return chances(np.einsum("dak,da->dk", drawn, _weightings(drawn.shape[1], len(drawn), seed)))


def shares_of_weights(values: Floats, *, seed: int = 0) -> Floats:
    """Return for which share of all weights each model (K,) is first, by its numbers (A, K)."""
    return chances(_weightings(len(values), WEIGHTINGS, seed) @ values)


def along_one_weight(drawn: Floats, weights: Floats, axis: int, shares: Floats) -> Floats:
    """Return how often each model is first (S, K) while one axis takes these shares (S,) of all.

    The other axes keep their proportions; where they all have none, they share alike.
    """
    others = np.delete(weights, axis)
    others = others / others.sum() if others.sum() > 0 else np.full(len(others), 1 / len(others))
    return np.stack(
        [weighted_chances(drawn, np.insert((1 - share) * others, axis, share)) for share in shares]
    )


def _weightings(axes: int, count: int, seed: int) -> Floats:
    """Return weights (W, A) spread evenly over all that are 0 or more and sum to 1."""
    return np.random.default_rng(seed).dirichlet(np.ones(axes), count)
