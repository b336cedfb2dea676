"""Paired intervals of many differences that hold all together, and what would settle one.

The critical value is that of the largest of all studentised differences (max-T), by a bootstrap
with Gaussian multipliers. Such a draw is normal with the covariance of the outcomes, so it costs
the same for 10,000 examples as for 20, and knows nothing of ties.

Reference: Hothorn, Bretz & Westfall 2008, Biometrical Journal 50:346-363; Chernozhukov, Chetverikov
& Kato 2013, Annals of Statistics 41:2786-2819.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Literal

import numpy as np

from usable_core.metrics.arrays import Floats, Masks
from usable_core.metrics.intervals import CONFIDENCE, Estimate, paired_difference
from usable_core.metrics.paired import mcnemar_exact

DRAWS = 20_000  # the critical value is then within 0.02 in 19 of 20 seeds
POWER = 0.8
EQUAL_WITHIN = 0.01  # one point: a smaller difference seldom decides which backbone is used
# Examples on which any two outcomes differ, added to those seen: with few flips or none the
# correlations are unknown, and this makes such differences independent, which is the widest.
PRIOR = 1.0
_VALUES_AT_ONCE = 8_000_000  # bounds the memory of the draws: 32 MB

Settled = Literal["difference", "equality"]


def critical_value(
    right: Masks | Floats,
    pairs: Sequence[tuple[int, int]],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    draws: int = DRAWS,
) -> float:
    """Return how many standard errors each interval must reach for all to hold together.

    That of a single pair is the normal quantile, 1.96 for 95 %.

    Args:
        right: Whether each example is right, or any number of each (N, M), a column per model and
            condition.
        pairs: The columns that are compared.
        confidence: Probability that every interval holds.
        seed: Of the draws.
        draws: How many.
    """
    if len(pairs) == 1:
        return NormalDist().inv_cdf(0.5 + confidence / 2)
    columns = right.shape[1]
    # In an order of their own, so that the models' order changes no digit.
    order = sorted(range(columns), key=lambda column: right[:, column].tobytes())
    right = right[:, order]
    centred = right - right.mean(axis=0)
    covariance = centred.T @ centred + PRIOR / 2 * np.eye(columns)
    root = np.linalg.cholesky(covariance).astype(np.float32)
    first, second = np.argsort(order)[np.asarray(pairs)].T
    spread = np.diag(covariance)[first] + np.diag(covariance)[second]
    scale = 1 / np.sqrt(spread - 2 * covariance[first, second]).astype(np.float32)
    generator = np.random.default_rng(seed)
    largest = []
    at_once = max(1, _VALUES_AT_ONCE // max(columns, len(pairs)))
    for start in range(0, draws, at_once):
        shape = (min(at_once, draws - start), columns)
        drawn = generator.standard_normal(shape, dtype=np.float32) @ root.T
        largest.append(np.abs((drawn[:, first] - drawn[:, second]) * scale).max(axis=1))
    return float(np.quantile(np.concatenate(largest), confidence))


def paired_interval(lost: int, gained: int, n: int, critical: float) -> Estimate:
    """Return (gained − lost) / n with its share of the simultaneous intervals.

    It is Tango's score interval that reaches `critical` standard errors. Where the exact McNemar
    test does not reject at the level that belongs to `critical`, the interval is widened to 0: with
    a handful of flips the normal approximation would claim more than the test does.

    Args:
        lost: Examples right before and wrong after.
        gained: Examples wrong before and right after.
        n: All examples.
        critical: As `critical_value` returns it.
    """
    level = 2 * NormalDist().cdf(-critical)
    found = paired_difference(lost, gained, n, confidence=1 - level)
    if mcnemar_exact(lost, gained) <= level:
        return found
    return Estimate(found.value, min(found.low, 0.0), max(found.high, 0.0), n)


def examples_to_differ(square: float, difference: float, critical: float) -> float:
    """Return how many examples show in 80 % of cases that two models differ; infinite for 0.

    Args:
        square: Mean square of the examples' differences, such as the share of flips.
        difference: Their mean.
        critical: As `critical_value` returns it.

    Reference: Connor 1987, Biometrics 43:207-211.
    """
    if difference == 0:
        return math.inf
    spread = math.sqrt(max(0.0, square - difference**2))
    needed = critical * math.sqrt(square) + NormalDist().inv_cdf(POWER) * spread
    return (needed / difference) ** 2


def examples_to_settle(lost: int, gained: int, n: int, critical: float) -> tuple[int, Settled]:
    """Return how many examples would settle a pair in 80 % of cases, and what they would show.

    The share of examples on which the two differ, and their difference, are taken as seen. Shown
    would be the difference, or that it is below a point, whichever takes fewer examples.

    Reference: Connor 1987, Biometrics 43:207-211.
    """
    flips, difference = (lost + gained) / n, abs(gained - lost) / n
    power = NormalDist().inv_cdf(POWER)
    to_differ = to_equal = math.inf
    if difference > 0:
        needed = critical * math.sqrt(flips) + power * math.sqrt(flips - difference**2)
        to_differ = (needed / difference) ** 2
    if difference < EQUAL_WITHIN:
        both_ends = NormalDist().inv_cdf(0.5 + POWER / 2)
        needed = (critical + both_ends) * math.sqrt(flips) / (EQUAL_WITHIN - difference)
        # Without any flip the score interval ends at critical² / (n + critical²).
        to_equal = max(needed**2, critical**2 * (1 / EQUAL_WITHIN - 1))
    settled: Settled = "difference" if to_differ <= to_equal else "equality"
    return max(n + 1, math.ceil(min(to_differ, to_equal))), settled
