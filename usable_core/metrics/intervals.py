"""Numbers with their uncertainty: a proportion, a mean, a paired difference.

Nothing here is a Wald interval of a proportion: those collapse to a point at 0 and 1, which is
where robust accuracy lives.
"""

import functools
import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from usable_core.metrics.arrays import Floats, Indices
from usable_core.metrics.distributions import beta_quantile, student_quantile

CONFIDENCE = 0.95
DRAWS = 1000  # of a bootstrap
_DRAWS_AT_ONCE = 500_000  # of a bootstrap: 4 MB of indices, which a processor's cache holds
_HELD_COUNTS = 20_000_000  # 20 MB: the resamples of 20,000 examples
Of = TypeVar("Of", bound=np.generic)


@dataclass(frozen=True)
class Estimate:
    """A number of `n` examples with its interval (NaN where it is undefined)."""

    value: float
    low: float
    high: float
    n: int

    def columns(self, name: str) -> dict[str, float]:
        """Return the number and its ends as the columns `name`, `name_low` and `name_high`."""
        return {name: self.value, f"{name}_low": self.low, f"{name}_high": self.high}


@dataclass(frozen=True)
class Proportion(Estimate):
    """A share of `n` examples, in [0, 1], with its interval; `value` is NaN where n is 0."""


def wilson(successes: int, n: int, confidence: float = CONFIDENCE) -> Proportion:
    """Return successes / n with Wilson's score interval; nothing known (0 to 1) where n is 0.

    Raises:
        ValueError: successes is not between 0 and n.

    Reference: Wilson 1927, JASA 22; Brown, Cai & DasGupta 2001.
    """
    if not 0 <= successes <= n:
        raise ValueError(f"successes must be between 0 and n={n}, but is {successes}")
    if n == 0:
        return Proportion(math.nan, 0.0, 1.0, 0)
    z = _z(confidence)
    share = successes / n
    centre = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (centre - half) / (1 + z * z / n), (centre + half) / (1 + z * z / n)
    # At the ends the formula is exact; rounding must not leave 1e-17 where 0 is meant.
    low = 0.0 if successes == 0 else max(0.0, low)
    high = 1.0 if successes == n else min(1.0, high)
    return Proportion(share, low, high, n)


def exact(successes: int, n: int, confidence: float = CONFIDENCE) -> Proportion:
    """Return successes / n with the exact interval, which covers at least `confidence` for every n.

    Raises:
        ValueError: successes is not between 0 and n, or n is 0.

    Reference: Clopper & Pearson 1934, Biometrika 26:404-413.
    """
    if not 0 <= successes <= n or n == 0:
        raise ValueError(f"successes must be between 0 and n={n} > 0, but is {successes}")
    tail = (1 - confidence) / 2
    low = beta_quantile(successes, n - successes + 1, tail) if successes else 0.0
    high = beta_quantile(successes + 1, n - successes, 1 - tail) if successes < n else 1.0
    return Proportion(successes / n, low, high, n)


def paired_difference(lost: int, gained: int, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return (gained − lost) / n with Tango's score interval, the paired analogue of Wilson's.

    For many flips it meets the plain paired interval, of variance
    (b + c − (b − c)² / n) / n²; unlike that one it does not shrink to a point without flips.

    Args:
        lost: Examples right before and wrong after.
        gained: Examples wrong before and right after.
        n: All examples.
        confidence: Coverage aimed at.

    Raises:
        ValueError: lost and gained are not counts out of n.

    Reference: Tango 1998, Statistics in Medicine 17:891-908.
    """
    if min(lost, gained) < 0 or lost + gained > n:
        raise ValueError(f"lost={lost} and gained={gained} must be counts out of n={n}")
    if n == 0:
        return Estimate(math.nan, -1.0, 1.0, 0)
    z = _z(confidence)
    value = (gained - lost) / n

    def score(delta: float) -> float:
        return _tango_score(gained, lost, n, delta)

    low = -1.0 if lost == n else _crossing(score, z, -1.0, value)
    high = 1.0 if gained == n else _crossing(score, -z, value, 1.0)
    return Estimate(value, low, high, n)


def mean_estimate(values: Floats, confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of values (N,) with Student's interval; NaN ends where N is below 2."""
    n = len(values)
    if n < 2:
        return Estimate(float(values[0]) if n else math.nan, math.nan, math.nan, n)
    centre = float(np.mean(values))
    student = student_quantile(n - 1, 0.5 + confidence / 2)
    half = student * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Estimate(centre, centre - half, centre + half, n)


def mean_of_proportions(parts: list[Proportion], confidence: float = CONFIDENCE) -> Estimate:
    """Return the unweighted mean of independent proportions, its interval recovered from theirs.

    Reference: Zou & Donner 2008, Statistics in Medicine 27:1693-1702 (MOVER).
    """
    known = [wilson(round(p.value * p.n), p.n, confidence) for p in parts if p.n > 0]
    if not known:
        return Estimate(math.nan, math.nan, math.nan, 0)
    k = len(known)
    value = math.fsum(p.value for p in known) / k
    below = math.sqrt(math.fsum((p.value - p.low) ** 2 for p in known)) / k
    above = math.sqrt(math.fsum((p.high - p.value) ** 2 for p in known)) / k
    n = sum(p.n for p in known)
    return Estimate(value, max(0.0, value - below), min(1.0, value + above), n)


def bootstrap(
    statistic: Callable[[Indices], NDArray[Of]], n: int, *, draws: int = DRAWS, seed: int = 0
) -> NDArray[Of]:
    """Return `draws` values of a statistic on resampled examples, the same under a seed.

    Args:
        statistic: Maps indices (B, n) of resampled examples to B values.
        n: Examples.
        draws: Resamples.
        seed: Of the resampling.
    """
    generator = np.random.default_rng(seed)
    at_once = _at_once(n, draws)
    found = []
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        found.append(statistic(generator.integers(0, n, size=(count, n))))
    return np.concatenate(found)


def resampled_sums(parts: Floats) -> Floats:
    """Return the column sums (1000, K) of parts (N, K) over the resamples that `bootstrap` draws.

    A sum asks only how often each example was drawn. That is the same for every figure and every
    model of as many examples, so it is worked out once and held, unless it is large.
    """
    n = len(parts)
    if n * DRAWS > _HELD_COUNTS:
        return bootstrap(lambda indices: _occurrences(indices, n) @ parts, n)
    counts, at_once = _held_occurrences(n), _at_once(n, DRAWS)
    return np.concatenate([counts[k : k + at_once] @ parts for k in range(0, DRAWS, at_once)])


@functools.lru_cache(maxsize=2)
def _held_occurrences(n: int) -> NDArray[np.uint8]:
    """Return how often each of n examples occurs in each resample (1000, n)."""
    # A count is 1 on average, and at most n: 255 is out of reach.
    return bootstrap(lambda indices: _occurrences(indices, n).astype(np.uint8), n)


def _occurrences(indices: Indices, n: int) -> Indices:
    """Return how often each of n examples occurs (B, n) in resamples (B, n)."""
    rows = np.arange(len(indices))[:, None] * n
    found = np.bincount((indices + rows).ravel(), minlength=len(indices) * n)
    return found.reshape(-1, n)


def _at_once(n: int, draws: int) -> int:
    return max(1, min(draws, _DRAWS_AT_ONCE // max(n, 1)))


def _z(confidence: float) -> float:
    return statistics.NormalDist().inv_cdf(0.5 + confidence / 2)


def _crossing(falling: Callable[[float], float], level: float, low: float, high: float) -> float:
    """Return where a falling function crosses `level` between low and high, by bisection."""
    for _ in range(60):  # 2 / 2**60 is below what a double tells apart
        middle = (low + high) / 2
        if falling(middle) > level:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _tango_score(b: int, c: int, n: int, delta: float) -> float:
    """Return the score statistic of "the difference is delta", where b / n − c / n was seen."""
    linear = -b - c + (2 * n - b + c) * delta
    constant = -c * delta * (1 - delta)
    root = math.sqrt(max(0.0, linear * linear - 8 * n * constant))
    q = max(0.0, (root - linear) / (4 * n))  # the share of c under the hypothesis
    variance = n * (2 * q + delta * (1 - delta))
    excess = b - c - n * delta
    if variance <= 0:
        return 0.0 if excess == 0 else math.copysign(math.inf, excess)
    return excess / math.sqrt(variance)
