"""How far maps of one image agree on the same superpixels, and what they say together."""

from collections.abc import Callable, Sequence

import numpy as np

from usable_core.metrics.arrays import Floats, Masks
from usable_core.metrics.attribution import sign_agreement, top_overlap
from usable_core.metrics.ranks import spearman

TOP = 5  # superpixels of the highest credit that are compared: what a reader of a map looks at


def scaled(credits: Floats) -> Floats:
    """Return credits (S,) divided by their largest magnitude; zeros stay zeros."""
    largest = float(np.abs(credits).max(initial=0.0))
    return credits / largest if largest > 0 else np.zeros_like(credits)


def consensus(maps: Sequence[Floats]) -> Floats:
    """Return the mean (S,) of maps (S,), each scaled by its own largest magnitude: in [-1, 1]."""
    return np.asarray(np.mean([scaled(credits) for credits in maps], axis=0))


def disagreement(maps: Sequence[Floats]) -> Floats:
    """Return the standard deviation (S,) of maps (S,), each scaled as for the consensus: in [0, 1].

    0 where all say the same; 1 where half of them say the opposite of the rest as loudly as can be.
    """
    return np.asarray(np.std([scaled(credits) for credits in maps], axis=0))


def pairwise(maps: Sequence[Floats], figure: Callable[[int, int], float]) -> Floats:
    """Return a symmetrical table (M, M) of a figure of the i-th and the j-th map, i <= j."""
    count = len(maps)
    found = np.full((count, count), np.nan)
    for i in range(count):
        for j in range(i, count):
            found[i, j] = found[j, i] = figure(i, j)
    return found


def rank_correlations(maps: Sequence[Floats], is_signed: Sequence[bool]) -> Floats:
    """Return Spearman's correlation (M, M) of maps (S,); NaN where one has no order.

    A map of magnitudes has no signs to compare, so its partner's are left out as well.
    """
    return pairwise(maps, lambda i, j: spearman(*_comparable(maps, is_signed, i, j)))


def top_overlaps(maps: Sequence[Floats], is_signed: Sequence[bool], count: int = TOP) -> Floats:
    """Return the share (M, M) of the `count` highest superpixels in common; NaN without an order.

    A map of magnitudes is compared with its partner's magnitudes.
    """
    return pairwise(
        maps, lambda i, j: top_overlap(*_comparable(maps, is_signed, i, j), count=count)
    )


def sign_agreements(
    maps: Sequence[Floats], is_signed: Sequence[bool], settled: Sequence[Masks | None]
) -> Floats:
    """Return the share (M, M) of superpixels of one sign; NaN with a map of magnitudes.

    Args:
        maps: Credits (S,) of each map.
        is_signed: Whether each map tells for from against.
        settled: Superpixels (S,) whose sign is settled, where a map's Monte Carlo error is known.
    """

    def figure(i: int, j: int) -> float:
        if not (is_signed[i] and is_signed[j]):
            return float("nan")
        known = [mask for mask in (settled[i], settled[j]) if mask is not None]
        both = np.logical_and.reduce(known) if known else None
        return sign_agreement(maps[i], maps[j], both)

    return pairwise(maps, figure)


def _comparable(
    maps: Sequence[Floats], is_signed: Sequence[bool], i: int, j: int
) -> tuple[Floats, Floats]:
    if is_signed[i] and is_signed[j]:
        return maps[i], maps[j]
    return np.abs(maps[i]), np.abs(maps[j])
