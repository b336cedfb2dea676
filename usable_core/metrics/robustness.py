"""What is left of accuracy under attack, from boolean outcomes (N, E): example by epsilon."""

import math

import numpy as np

from usable_core.metrics.arrays import Floats, Masks
from usable_core.metrics.distributions import at_most
from usable_core.metrics.intervals import (
    CONFIDENCE,
    Estimate,
    Proportion,
    mean_estimate,
    paired_difference,
    wilson,
)
from usable_core.metrics.paired import flips

Outcomes = Masks


def robustness_score(clean: Outcomes, attacked: Outcomes) -> Estimate:
    """Return mean(1[y = ŷ'] − 1[y = ŷ]) over examples (N,), in [−1, 0], with a paired interval.

    Examples that are wrong when clean count as wrong under attack, so nothing can be gained and
    the interval ends at 0.

    Raises:
        ValueError: an example is right under attack but wrong when clean.
    """
    lost, gained = flips(clean, attacked)
    if gained:
        raise ValueError(f"{gained} examples became right under attack; they must count as wrong")
    found = paired_difference(lost, 0, len(clean))
    return Estimate(found.value, found.low, min(0.0, found.high), found.n)


def conditional_success(clean: Outcomes, attacked: Outcomes) -> Proportion:
    """Return the share of examples right when clean (N,) that the attack turns wrong."""
    lost, _ = flips(clean, attacked)
    return wilson(lost, int(np.sum(clean)))


def area(attacked: Outcomes, epsilons: Floats) -> Estimate:
    """Return the mean robust accuracy over the grid's range of epsilon (trapezoid rule).

    Outcomes (N, E) at increasing epsilons (E,). NaN for a grid of one epsilon. Each example has
    its own area, whose mean this is, so the interval is one of a mean; where all examples are alike
    it would be a point, and the area between Wilson's bounds at each epsilon takes its place.
    """
    if len(epsilons) < 2:
        return Estimate(math.nan, math.nan, math.nan, len(attacked))
    per_example = own_areas(attacked.astype(np.float64), epsilons)
    found = mean_estimate(per_example)
    low, high = found.low, found.high
    if len(per_example) and np.ptp(per_example) == 0:
        shares = [wilson(int(column.sum()), len(column)) for column in attacked.T]
        low = float(own_areas(np.array([[p.low for p in shares]]), epsilons)[0])
        high = float(own_areas(np.array([[p.high for p in shares]]), epsilons)[0])
    return Estimate(found.value, max(0.0, low), min(1.0, high), found.n)


def own_areas(heights: Floats, epsilons: Floats) -> Floats:
    """Return the mean height (N,) of each curve (N, E) over the range of epsilon: its own area."""
    areas: Floats = (heights[:, 1:] + heights[:, :-1]) / 2 @ np.diff(epsilons)
    areas /= epsilons[-1] - epsilons[0]
    return areas


def median(breaks: Floats, confidence: float = CONFIDENCE) -> Estimate:
    """Return the median of smallest breaking budgets (N,), infinite where nothing breaks.

    The interval is that of order statistics: it assumes nothing about the distribution, and holds
    for censored values as long as they are larger than all others. From 0 to infinity where N is
    below 6, for even the smallest and the largest then enclose the median too seldom.

    Reference: Hahn & Meeker 1991, Statistical Intervals, section 5.2.
    """
    n = len(breaks)
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, 0)
    ordered = np.sort(breaks)
    below = at_most(n, 0.5)[:n]  # chance that at most k of n lie below the median
    rank = int(np.searchsorted(below, (1 - confidence) / 2, side="right"))
    value = float(ordered[(n - 1) // 2])
    if rank == 0:
        return Estimate(value, 0.0, math.inf, n)
    return Estimate(value, float(ordered[rank - 1]), float(ordered[n - rank]), n)
