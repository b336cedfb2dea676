"""The distributions behind exact intervals and tests: binomial, beta and Student's t.

Written out, for importing `scipy.special` would cost every page and command that shows a number
0.2 s. `tests/core/test_distributions.py` holds them to SciPy.
"""

import functools
import math

import numpy as np

from usable_core.metrics.arrays import Floats

_TINY = 1e-300  # instead of a divisor of 0
_STEPS = 100_000  # of the continued fraction: some √(a + b) are needed


def at_most(n: int, share: float) -> Floats:
    """Return P(X <= k) of a binomial number X of n >= 1 trials, share in (0, 1), for k = 0 … n."""
    k = np.arange(n + 1)
    chance = np.exp(_log_choices(n) + k * math.log(share) + (n - k) * math.log1p(-share))
    chance /= chance.sum()  # what the logarithms round off is common to all that count
    mean = int(n * share)  # each tail from its own end, where the terms are small
    below = np.cumsum(chance)
    above = np.cumsum(chance[::-1])[::-1]  # P(X >= k)
    return np.where(k <= mean, below, 1 - np.append(above[1:], 0.0))


@functools.lru_cache(maxsize=8)
def _log_choices(n: int) -> Floats:
    """Return log C(n, k) for k = 0 … n."""
    logs = np.array([math.lgamma(i + 1) for i in range(n + 1)])
    found: Floats = logs[-1] - logs - logs[::-1]
    return found


def beta_share(a: float, b: float, x: float) -> float:
    """Return P(X <= x) of a beta variable, the regularised incomplete beta function I_x(a, b).

    Reference: DLMF 8.17.22, evaluated by Lentz's method (Press et al. 2007, section 6.4).
    """
    if x <= 0 or x >= 1:
        return float(x > 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - beta_share(b, a, 1 - x)
    front = math.exp(a * math.log(x) + b * math.log1p(-x) - _log_beta(a, b)) / a
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    found = d
    for m in range(1, _STEPS):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        last = found
        for part in (even, odd):
            d = 1 / _apart(1 + part * d)
            c = _apart(1 + part / c)
            found *= c * d
        if abs(found - last) <= 1e-16 * found:
            break
    return front * found


@functools.lru_cache(maxsize=4096)
def beta_quantile(a: float, b: float, share: float) -> float:
    """Return the x in (0, 1) below which a beta variable is with probability `share`, in (0, 1)."""
    low, high, x = 0.0, 1.0, a / (a + b)
    for _ in range(200):  # Newton's steps; half of what is left where one leads out of it
        excess = beta_share(a, b, x) - share
        low, high = (x, high) if excess < 0 else (low, x)
        slope = math.exp((a - 1) * math.log(x) + (b - 1) * math.log1p(-x) - _log_beta(a, b))
        step = excess / max(slope, _TINY)
        following = x - step if low < x - step < high else (low + high) / 2
        if abs(following - x) <= 1e-15 * x:
            break
        x = following
    return x


@functools.lru_cache(maxsize=4096)
def student_quantile(freedom: float, share: float) -> float:
    """Return the number below which Student's t is with probability `share`, in (0.5, 1)."""
    # With t, both freedom / (freedom + t²) and the rest of 1 are beta variables: the one that is
    # far from 1 keeps all its digits.
    if freedom < 30:
        rest = beta_quantile(freedom / 2, 0.5, 2 * (1 - share))
        return math.sqrt(freedom * (1 - rest) / rest)
    part = beta_quantile(0.5, freedom / 2, 2 * share - 1)
    return math.sqrt(freedom * part / (1 - part))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _apart(divisor: float) -> float:
    return divisor if abs(divisor) > _TINY else _TINY
