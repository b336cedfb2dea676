"""Which superpixels stay visible in each evaluation: masks that leave little to chance.

Masks come in complementary pairs, so that what is even in them (among it every interaction of two
superpixels) cancels out of a superpixel's weight. Rows of a smaller count are the first of a larger
one, so that a map can be refined without asking anything twice.
"""

import numpy as np
from scipy.linalg import hadamard
from scipy.stats import binom

from usable_core.metrics.arrays import Floats, Indices, Masks

LEAST_SIZES = 4  # superpixels from which there are sizes between one alone and all but one
FIRST = 2  # rows before the pairs: everything visible, nothing visible
_ALONE, _HALF, _SIZED = range(3)  # kinds of pairs of `coalitions`


def halves(count: int, features: int, seed: int) -> Masks:
    """Return masks (count, features) of which each superpixel is visible in half.

    The pairs are rows of Hadamard matrices with columns and signs drawn anew for each block, so
    that a block weighs every superpixel as exactly as its size allows: no superpixel's effect is
    confounded with another's.

    Args:
        count: Rows; the first shows everything, the second nothing.
        features: Superpixels.
        seed: Of columns, signs and order.

    Reference: Plackett & Burman 1946, Biometrika 33; folding over: Box & Wilson 1951.
    """
    order = _order(features)
    signs = hadamard(order)[:, 1:]
    rng = np.random.default_rng([seed, 0])
    blocks = []
    for _ in range(-(-max(count - FIRST, 0) // (2 * order))):
        chosen = signs[rng.permutation(order)][:, rng.permutation(order - 1)[:features]]
        blocks.append(chosen * rng.choice([-1, 1], features) > 0)
    return _with_complements(blocks, count, features)


def coalitions(count: int, features: int, seed: int) -> Masks:
    """Return masks (count, features) of all sizes, small and large ones more often.

    The first pairs show one superpixel alone, and all but it, each once: there are few such masks,
    and they weigh the most. Then come `halves`, one or two whole blocks: where superpixels add up
    these tell each credit with the least error that so many masks can have, for none is confounded
    with another. All other sizes follow the square root of their weight in Kernel SHAP
    (`size_odds`), spread evenly rather than drawn one by one.

    Args:
        count: Rows; the first shows everything, the second nothing.
        features: Superpixels.
        seed: Of sizes and members.

    Reference: Lundberg & Lee 2017, arXiv:1705.07874 (paired, as in `shap`); sampling between their
    weights and leverage scores: Musco & Witter 2025, arXiv:2410.01917; several designs weighted by
    all of them (`size_counts`): Veach & Guibas 1995 (balance heuristic).
    """
    rng = np.random.default_rng([seed, 1])
    pairs = -(-max(count - FIRST, 0) // 2)
    one_by_one = rng.permutation(features)
    odds = size_odds(features)
    # A golden-ratio sequence fills [0, 1] evenly however long it is.
    places = (rng.random() + np.arange(pairs) * (np.sqrt(5) - 1) / 2) % 1
    sizes = np.searchsorted(np.cumsum(odds), places * odds.sum(), side="right") + 2
    order = rng.random((pairs, features)).argsort(axis=1).argsort(axis=1)
    drawn = order < np.minimum(sizes, max(features - 2, 1))[:, None]
    kinds = _kinds(pairs, features)
    is_alone, is_half = kinds == _ALONE, kinds == _HALF
    drawn[is_alone] = np.eye(features, dtype=bool)[np.resize(one_by_one, is_alone.sum())]
    half = halves(FIRST + 2 * int(is_half.sum()), features, seed)[FIRST::2]
    is_inner = (half.sum(1) > 1) & (half.sum(1) < features - 1)  # the others are there already
    drawn[np.flatnonzero(is_half)[is_inner]] = half[is_inner]
    return _with_complements([drawn], count, features)


def distinct(count: int, features: int, seed: int) -> Masks:
    """Return `coalitions` (count, features) without the pairs that were there before.

    Of few features these are met again and again, and an answer is worth nothing the second time.

    Args:
        count: Rows, fewer than there are masks.
        features: Words.
        seed: Of sizes and members.
    """
    drawn = count
    while True:
        pairs = coalitions(FIRST + 2 * drawn, features, seed)[FIRST:].reshape(-1, 2, features)
        # One of each pair shows the first word.
        known = np.where(pairs[:, 0, :1], pairs[:, 0], pairs[:, 1])
        places = np.sort(np.unique(known, axis=0, return_index=True)[1])
        if FIRST + 2 * len(places) >= count:
            return _with_complements([pairs[places, 0]], count, features)
        drawn *= 2


def size_counts(count: int, features: int) -> Floats:
    """Return how many of `coalitions` have each size 1 … features − 1, in the mean over seeds."""
    kinds = np.bincount(_kinds((count - FIRST) // 2, features), minlength=3)
    found = np.full(features - 1, float(kinds[_ALONE]))
    if features >= LEAST_SIZES:
        half = kinds[_HALF] * binom.pmf(np.arange(2, features - 1), features, 0.5)
        sized = kinds[_SIZED] + kinds[_HALF] - half.sum()
        found[1:-1] = 2 * (half + sized * size_odds(features))
    return found


def every(features: int) -> Masks:
    """Return all masks (2^features, features); bit i of a row's number says if i is visible."""
    numbers = np.arange(2**features)[:, None]
    return np.asarray(numbers >> np.arange(features) & 1 > 0)


def size_weights(features: int) -> Floats:
    """Return the weight in Kernel SHAP of all coalitions of each size 1 … features − 1, together.

    (M − 1) / (s (M − s)) for s of M superpixels: theorem 2 of Lundberg & Lee 2017, times the number
    of coalitions.
    """
    sizes = np.arange(1, features)
    return np.asarray((features - 1) / (sizes * (features - sizes)))


def size_odds(features: int) -> Floats:
    """Return how often `coalitions` draws each size 2 … features − 2, summing to 1."""
    odds = np.sqrt(size_weights(features))[1:-1]
    return np.asarray(odds / odds.sum()) if len(odds) else np.ones(1)


def parts_of(count: int, parts: int) -> Indices:
    """Return which of `parts` equal parts each row belongs to (count,), −1 for the first two rows.

    A pair is never divided.
    """
    found = np.arange(count) // 2 - 1
    return np.where(found < 0, -1, found % parts)


def first_half(count: int) -> Masks:
    """Return which rows (count,) a map of half the evaluations has."""
    return np.arange(count) < max(count // 2, FIRST)


def _order(features: int) -> int:
    """Return how many rows a block of `halves` has: columns for all beside the constant one."""
    return 1 << int(features).bit_length()


def _kinds(pairs: int, features: int) -> Indices:
    """Return the kind of each of the first pairs of `coalitions` (pairs,)."""
    if features < LEAST_SIZES:  # there are no other sizes
        return np.full(pairs, _ALONE)
    order = _order(features)
    # One block of a few more rows than superpixels leaves as much error as they have effects.
    half = order if 2 * order >= 3 * features else 2 * order
    return np.repeat([_ALONE, _HALF, _SIZED], [features, half, pairs])[:pairs]


def _with_complements(halves: list[Masks], count: int, features: int) -> Masks:
    found = np.zeros((FIRST, features), bool)
    found[0] = True
    drawn = np.concatenate([np.zeros((0, features), bool), *halves])
    pairs = np.stack([drawn, ~drawn], axis=1).reshape(-1, features)
    return np.concatenate([found, pairs])[:count]
