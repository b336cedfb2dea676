"""Monte Carlo error of a map: what it would be had each part of its samples not been drawn."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from usable_core.evaluations.evidence import Stability

Floats = NDArray[np.float64]
PARTS = 10


def stability(
    values: Floats,
    estimate: Callable[[NDArray[np.bool_]], Floats],
    parts: NDArray[np.int64],
    tolerance: float,
) -> Stability:
    """Return 95 % intervals of superpixels' credits by the delete-one-part jackknife.

    Args:
        values: Credit of each superpixel (S,), from all samples.
        estimate: The same (S,) from the samples (N,) that are kept.
        parts: Part that each sample belongs to (N,), from 0; −1 is in every part.
        tolerance: Largest error share of a stable map.

    Reference: Efron & Stein 1981, Annals of Statistics 9; t quantile of (parts − 1) degrees.
    """
    numbers = np.unique(parts[parts >= 0])
    count = len(numbers)
    if count < 2:
        unknown = np.full(len(values), np.inf)
        return _stability(values, unknown, np.inf, count, tolerance)
    without = np.stack([estimate(parts != number) for number in numbers])
    errors = np.sqrt((count - 1) / count * ((without - without.mean(0)) ** 2).sum(0))
    return _stability(values, errors, float(t.ppf(0.975, count - 1)), count, tolerance)


def error_share(errors: Floats, values: Floats) -> float:
    """Return the largest standard error over the largest |value|; NaN for a map of zeros."""
    most = float(np.abs(values).max(initial=0.0))
    return float(errors.max(initial=0.0)) / most if most > 0 else float("nan")


def _stability(
    values: Floats, errors: Floats, quantile: float, count: int, tolerance: float
) -> Stability:
    share = error_share(errors, values)
    reach = quantile * errors
    return Stability(
        values=tuple(values.tolist()),
        low=tuple((values - reach).tolist()),
        high=tuple((values + reach).tolist()),
        error_share=share,
        seeds=count,
        is_stable=bool(share <= tolerance) or not values.any(),
    )
