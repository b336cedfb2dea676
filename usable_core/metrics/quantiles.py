"""Quantiles with intervals that hold for any distribution: order statistics."""

import math

import numpy as np

from usable_core.metrics.arrays import Floats
from usable_core.metrics.distributions import at_most
from usable_core.metrics.intervals import CONFIDENCE, Estimate


def quantile(values: Floats, share: float, confidence: float = CONFIDENCE) -> Estimate:
    """Return a quantile of values (N,) with its distribution-free interval.

    The value is the smallest one that at least `share` of the values do not exceed (the inverse of
    the empirical distribution). The number of values below the true quantile is binomial, so the
    interval from the l-th to the u-th smallest holds it with at least `confidence`, each end
    failing in at most half of the rest. Where there are too few values for an end it is 0 or
    infinity: 95 % for the 0.95 quantile take 72 values. They are taken as independent and of one
    distribution.

    Args:
        values: Measured values (N,), none below 0.
        share: Which quantile, in (0, 1).
        confidence: Of the interval.

    Reference: David & Nagaraja 2003, Order Statistics, section 7.1.
    """
    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    tail = (1 - confidence) / 2
    ordered = np.sort(np.asarray(values, dtype=float))
    below = at_most(n, share)[:n]  # P(at most k values lie below the quantile), k < n
    lower = int((below <= tail).sum())  # the l-th smallest: P(fewer than l lie below) <= tail
    upper = int((1 - below > tail).sum()) + 1  # the u-th: P(u or more lie below) <= tail
    place = min(max(math.ceil(share * n - 1e-9), 1), n)
    return Estimate(
        float(ordered[place - 1]),
        float(ordered[lower - 1]) if lower >= 1 else 0.0,
        float(ordered[upper - 1]) if upper <= n else math.inf,
        n,
    )


def values_needed(share: float, confidence: float = CONFIDENCE) -> int:
    """Return how many values bound a quantile from both sides."""
    tail = (1 - confidence) / 2
    return max(math.ceil(math.log(tail) / math.log(p)) for p in (share, 1 - share))
