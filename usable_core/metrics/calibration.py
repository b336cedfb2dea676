"""Does the model know when it is right? Expected calibration error and the reliability diagram.

Bins are right-closed, (lower, upper], the first one including 0, as Guo et al.'s own code has them:
a confidence of exactly 1 falls into the last bin. (torchmetrics closes them on the left and gives 1
a bin of its own, which differs on the edges only.) Everything in float64.
Reference: Guo et al. 2017, arXiv:1706.04599.
"""

import math
import statistics
from typing import TYPE_CHECKING

import numpy as np

from usable_core.metrics.arrays import Floats, Indices, Masks
from usable_core.metrics.intervals import Estimate, resampled_sums, wilson

if TYPE_CHECKING:
    import pandas as pd

BINS = 15  # Guo et al. 2017


def equal_width_bins(confidence: Floats, bins: int = BINS) -> Indices:
    """Return the bin (N,) of each confidence, bins of equal width on [0, 1]."""
    edges = np.linspace(0, 1, bins + 1)
    return np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)


def equal_mass_bins(confidence: Floats, bins: int = BINS) -> Indices:
    """Return the bin (N,) of each confidence, bins of equal count; equal values stay together."""
    if len(confidence) == 0:
        return np.zeros(0, dtype=np.int64)
    values, position = np.unique(confidence, return_inverse=True)
    counts = np.bincount(position, minlength=len(values))
    middle = np.cumsum(counts) - counts / 2  # rank of the middle of each group of ties
    return np.minimum((middle * bins / len(confidence)).astype(np.int64), bins - 1)[position]


def calibration_error(
    confidence: Floats, correct: Masks, bins: int = BINS, *, equal_mass: bool = False
) -> Estimate:
    """Return Σ over bins of (share of examples) · |accuracy − mean confidence|.

    The error of a finite sample is too large on average (a perfect model's is not 0), and a
    bootstrap's is larger still. So the interval is bootstrapped with the bins held fixed, its lower
    end turned round at the value (the basic bootstrap), and 0 while chance alone may have made the
    value. In simulations of 100 to 2,000 examples it covers the truth in 93 to 98 % of cases.

    Args:
        confidence: Of the predicted class (N,), in [0, 1].
        correct: Whether the prediction is right (N,).
        bins: How many.
        equal_mass: Bins of equal count rather than of equal width.
    """
    n = len(confidence)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    chosen = equal_mass_bins if equal_mass else equal_width_bins
    place = chosen(confidence, bins)
    own = np.zeros((n, bins))
    own[np.arange(n), place] = correct.astype(np.float64) - confidence
    # Of a perfectly calibrated model, whose bins are nearly normal.
    variance = np.bincount(place, confidence * (1 - confidence), bins).astype(np.float64)
    return _estimate(own, variance, n)


def own_errors(confidence: Floats, correct: Masks, bins: int = BINS) -> Floats:
    """Return what each example (N,) adds to the calibration error, which is the mean of these.

    An example in a bin where accuracy is too low adds its confidence less its outcome, in others
    the opposite. With the signs held fixed the error is a mean, and two models' errors are paired.
    """
    place = equal_width_bins(confidence, bins)
    gaps = correct.astype(np.float64) - confidence
    sums = np.bincount(place, gaps, bins)
    return np.asarray(np.sign(sums)[place] * gaps)


def clustered_calibration_error(confidence: Floats, correct: Masks, bins: int = BINS) -> Estimate:
    """Return the calibration error over bins of equal width, of several outcomes per example.

    As `calibration_error`, but whole examples are resampled, and what chance alone may make is
    worked out from the examples' own sums, for the outcomes of one image hang together.

    Args:
        confidence: Of the predicted class (N, K), in [0, 1].
        correct: Whether the prediction is right (N, K).
        bins: How many.
    """
    n = len(confidence)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    place = equal_width_bins(confidence, bins)
    gaps = correct.astype(np.float64) - confidence
    rows = np.arange(n)[:, None] * bins
    sums = np.bincount((place + rows).ravel(), gaps.ravel(), n * bins)
    own = sums.reshape(n, bins).astype(np.float64)
    return _estimate(own, np.square(own).sum(0), gaps.size)


def _estimate(own: Floats, variance: Floats, outcomes: int) -> Estimate:
    """Return the error from what each example adds to each bin (N, B), and the bins' variance."""
    value = float(np.abs(own.sum(0)).sum() / outcomes)
    drawn = float(np.quantile(np.abs(resampled_sums(own)).sum(1) / outcomes, 0.975))
    by_chance = value <= _chance_quantile(variance) / outcomes
    low = 0.0 if by_chance else min(value, max(0.0, 2 * value - drawn))
    return Estimate(value, low, min(1.0, max(drawn, value)), len(own))


def _chance_quantile(variance: Floats) -> float:
    """Return the 97.5 % quantile of Σ |normal|, of these variances per bin and mean 0."""
    mean = np.sqrt(2 / np.pi) * np.sum(np.sqrt(variance))  # of |normal| per bin
    spread = np.sqrt((1 - 2 / np.pi) * np.sum(variance))
    return float(mean + statistics.NormalDist().inv_cdf(0.975) * spread)


def reliability(confidence: Floats, correct: Masks, bins: int = BINS) -> "pd.DataFrame":
    """Return one row per bin that holds examples: empty bins are left out, not drawn as zero.

    Columns: lower, upper, n, confidence (mean), accuracy, low, high (Wilson).
    """
    import pandas as pd

    place = equal_width_bins(confidence, bins)
    rows = []
    for number in np.unique(place):
        inside = place == number
        hit = wilson(int(np.sum(correct[inside])), int(np.sum(inside)))
        edges, mean = (number / bins, (number + 1) / bins), float(np.mean(confidence[inside]))
        rows.append((*edges, hit.n, mean, hit.value, hit.low, hit.high))
    columns = ["lower", "upper", "n", "confidence", "accuracy", "low", "high"]
    return pd.DataFrame(rows, columns=columns)
