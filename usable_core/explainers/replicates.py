"""Monte Carlo error of a map: what it would be had each part of its samples not been drawn."""

from collections.abc import Callable

import numpy as np
from scipy.stats import t

from usable_core.evaluations.evidence import Stability
from usable_core.metrics.arrays import Floats, Indices, Masks

PARTS = 10


def stability(
    values: Floats, estimate: Callable[[Masks], Floats], parts: Indices, tolerance: float
) -> Stability:
    """Return 95 % intervals of superpixels' credits by the delete-one-part jackknife.

    Args:
        values: Credit of each superpixel (S,), from all samples.
        estimate: The same (parts, S) from the samples (parts, N) that are kept.
        parts: Part that each sample belongs to (N,), from 0; −1 is in every part. Samples are
            pairs of complementary masks.
        tolerance: Largest error share of a stable map.

    Returns:
        Intervals without end while there are no more pairs than superpixels.

    Reference: Efron & Stein 1981, Annals of Statistics 9; t quantile of (parts − 1) degrees.
    """
    numbers = np.unique(parts[parts >= 0])
    count = len(numbers)
    # With no more pairs than superpixels the fit is held by its penalty, whose error nobody sees.
    if count < 2 or (parts >= 0).sum() / 2 <= len(values):
        errors = np.where(values.any(), np.inf, 0.0) * np.ones(len(values))
    else:
        without = estimate(parts != numbers[:, None])
        errors = np.sqrt((count - 1) / count * ((without - without.mean(0)) ** 2).sum(0))
    return with_errors(values, errors, count, tolerance)


def each(estimate: Callable[[Masks], Floats]) -> Callable[[Masks], Floats]:
    """Return an estimate (…, S) of the samples (…, N) that are kept from one of (N,) to (S,)."""

    def found(kept: Masks) -> Floats:
        rows = kept.reshape(-1, kept.shape[-1])
        return np.stack([estimate(row) for row in rows]).reshape(*kept.shape[:-1], -1)

    return found


def error_share(errors: Floats, values: Floats) -> float:
    """Return the largest standard error over the largest |value|; NaN for a map of zeros."""
    most = float(np.abs(values).max(initial=0.0))
    return float(errors.max(initial=0.0)) / most if most > 0 else float("nan")


def with_errors(values: Floats, errors: Floats, count: int, tolerance: float) -> Stability:
    """Return 95 % t intervals from standard errors (S,) that `count` parts or replicates told.

    A map of zeros is stable.
    """
    share = error_share(errors, values)
    reach = float(t.ppf(0.975, max(count - 1, 1))) * errors
    return Stability(
        values=tuple(values.tolist()),
        low=tuple((values - reach).tolist()),
        high=tuple((values + reach).tolist()),
        error_share=share,
        seeds=count,
        is_stable=bool(share <= tolerance) or not values.any(),
    )
