"""Figures that tell how far a map can be believed, from arrays of credits."""

import math

import numpy as np
from numpy.typing import NDArray

from usable_core.metrics.arrays import Floats, Masks, Segments


def weighted_r2(outputs: Floats, fitted: Floats, weights: Floats) -> float:
    """Return the weighted share of the variance of outputs (N,) that a fit explains.

    NaN where the outputs do not vary: there is then nothing to explain.
    """
    centre = np.average(outputs, weights=weights)
    total = float(np.sum(weights * (outputs - centre) ** 2))
    if total <= np.finfo(np.float64).eps * float(np.sum(weights)) * float(centre) ** 2:
        return math.nan
    return 1 - float(np.sum(weights * (outputs - fitted) ** 2)) / total


def additivity_gap(values: Floats, base: float, output: float) -> float:
    """Return |sum of values + base − output|, in units of the output."""
    return abs(math.fsum(np.ravel(values)) + base - output)


def superpixel_credits(
    values: NDArray[np.floating], segments: Segments, is_per_pixel: bool
) -> Floats:
    """Return the credit of each superpixel (S,) float64 of a map (H, W).

    Args:
        values: Credit of each pixel; of its superpixel, where a method credits superpixels.
        segments: Superpixel (H, W) of each pixel, numbered from 0 without holes.
        is_per_pixel: Whether pixels are credited, whose credits are then added up.
    """
    places = segments.ravel()
    sums = np.bincount(places, weights=np.ravel(values).astype(np.float64)).astype(np.float64)
    return sums if is_per_pixel else sums / np.bincount(places)


def sign_agreement(first: Floats, second: Floats, settled: Masks | None = None) -> float:
    """Return the share of superpixels (S,) that both maps credit with the same sign, in [0, 1].

    Superpixels without any credit in one of the maps have no sign and are left out. NaN where none
    is left.

    Args:
        first: Credits (S,) of one map.
        second: Credits (S,) of the other.
        settled: The superpixels (S,) whose signs are known in both; None for all.
    """
    counted = (first != 0) & (second != 0)
    if settled is not None:
        counted &= settled
    if not counted.any():
        return math.nan
    return float(np.mean(np.sign(first[counted]) == np.sign(second[counted])))


def top_overlap(
    first: Floats, second: Floats, share: float = 0.1, *, count: int | None = None
) -> float:
    """Return the share of the most credited places that two maps have in common, in [0, 1].

    NaN where one is constant: such a map has no most credited places.

    Args:
        first: Credits of one map, of any shape.
        second: Credits of the other.
        share: How many of the places count, at least one.
        count: How many, as a number; None takes the share.
    """
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return math.nan
    if count is None:
        count = round(share * first.size)
    count = min(max(1, count), first.size)
    tops = [set(np.argsort(-np.ravel(m), kind="stable")[:count].tolist()) for m in (first, second)]
    return len(tops[0] & tops[1]) / count
