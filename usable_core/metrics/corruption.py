"""What is left of accuracy under corruptions, from outcomes (N, C, S): example, kind, severity.

The cells of an example are one image, so intervals count examples and not cells.
"""

import math
from collections.abc import Callable

import numpy as np

from usable_core.metrics.arrays import Floats, Masks
from usable_core.metrics.intervals import Estimate, mean_estimate, resampled_sums

Outcomes = Masks


def mean_accuracy(corrupted: Outcomes) -> Estimate:
    """Return the mean over all cells: the mean of the examples' own means, with its interval."""
    n = len(corrupted)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    found = mean_estimate(corrupted.reshape(n, -1).mean(1))
    return Estimate(found.value, max(0.0, found.low), min(1.0, found.high), n)


def relative_drop(clean: Outcomes, corrupted: Outcomes) -> Estimate:
    """Return 1 − mean accuracy / clean accuracy, at most 1; NaN where nothing is right clean."""
    n = len(clean)
    own = corrupted.reshape(n, -1).mean(1) if n else np.zeros(0)
    sums = np.stack([own, clean.astype(np.float64)], 1)
    return _resampled(sums, lambda totals: 1 - _ratio(totals[:, 0], totals[:, 1]))


def relative_error(corrupted: Outcomes, reference: Outcomes) -> Estimate:
    """Return the mean over C of (errors summed over N, S) / (the reference's), both (N, C, S)."""
    count = corrupted.shape[1]
    errors = np.concatenate([(~corrupted).sum(2), (~reference).sum(2)], 1).astype(np.float64)
    return _resampled(
        errors, lambda totals: np.asarray(_ratio(totals[:, :count], totals[:, count:]).mean(1))
    )


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)


def _resampled(parts: Floats, statistic: Callable[[Floats], Floats]) -> Estimate:
    """Return a statistic of the column sums (B, K) of parts (N, K), with percentiles of resamples.

    Resamples in which it is undefined are left out.
    """
    n = len(parts)
    value = float(statistic(parts.sum(0)[None])[0]) if n else math.nan
    if n < 2 or math.isnan(value):
        return Estimate(value, math.nan, math.nan, n)
    low, high = np.nanquantile(statistic(resampled_sums(parts)), [0.025, 0.975])
    return Estimate(value, float(low), float(high), n)
