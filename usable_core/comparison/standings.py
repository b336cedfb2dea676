"""Where several models stand in one number, from one value of each example and model."""

import math
from collections.abc import Callable, Collection, Sequence
from itertools import combinations
from statistics import NormalDist
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usable_core.comparison.groups import groups
from usable_core.comparison.simultaneous import (
    PRIOR,
    critical_value,
    examples_to_differ,
    paired_interval,
)
from usable_core.metrics.arrays import Floats
from usable_core.metrics.intervals import CONFIDENCE, Estimate
from usable_core.verdicts.standing import MOST_EXAMPLES, Standing

LEAST_VARIANCE = 1e-12  # of a number that is known exactly


def standing(values: Floats, own: Sequence[Estimate]) -> Standing:
    """Return where models stand.

    Args:
        values: Of each example (N, K), higher is better; 0 or 1 where it is wrong or right.
        own: The number of each model with its own interval.
    """
    pairs = list(combinations(range(values.shape[1]), 2))
    reach = critical_value(values, pairs)
    is_binary = bool(np.isin(values, (0, 1)).all())
    better = []
    for first, second in pairs:
        found = _difference(values[:, first], values[:, second], reach, is_binary=is_binary)
        if found.low > 0:
            better.append((second, first))
        elif found.high < 0:
            better.append((first, second))
    return placed(own, better, reach, n=len(values), needed=examples_for(values, reach))


def standing_of_estimates(own: Sequence[Estimate]) -> Standing:
    """Return where models stand whose numbers are no means of common examples, such as times.

    Their errors are taken for independent, and the intervals of the pairs corrected by Bonferroni.
    """
    pairs = list(combinations(range(len(own)), 2))
    critical = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / 2 / len(pairs))
    spread = variances(own)
    better = []
    for first, second in pairs:
        apart = own[first].value - own[second].value
        if abs(apart) > critical * math.sqrt(spread[first] + spread[second]):
            better.append((first, second) if apart > 0 else (second, first))
    n = min(one.n for one in own)
    return placed(own, better, critical, n=n, needed=lambda first, second: math.inf)


def placed(
    own: Sequence[Estimate],
    better: Collection[tuple[int, int]],
    critical: float,
    *,
    n: int,
    needed: Callable[[int, int], float],
) -> Standing:
    """Return where models stand of which some pairs (better, worse) are shown to differ.

    Args:
        own: The number of each.
        better: Pairs of places.
        critical: How many standard errors the intervals of the pairs reach.
        n: Examples.
        needed: How many examples would show that two models differ.
    """
    order = sorted(range(len(own)), key=lambda k: -own[k].value)
    worse = {pair[1] for pair in better}
    letters = groups([str(k) for k in order], [(str(i), str(j)) for i, j in better])
    separating = needed(order[0], order[1]) if order[1] not in worse else math.inf
    return Standing(
        values=tuple(_within(one) for one in own),
        n=n,
        best=tuple(k for k in order if k not in worse),
        groups=tuple(letters[str(k)] for k in range(len(own))),
        examples=max(n + 1, math.ceil(separating)) if separating <= MOST_EXAMPLES else None,
        critical=critical,
    )


def _within(found: Estimate) -> Estimate:
    """Return a number of an axis, whose interval ends where the numbers do, at 0 and 1."""
    return Estimate(found.value, max(found.low, 0.0), min(found.high, 1.0), found.n)


def examples_for(values: Floats, critical: float) -> Callable[[int, int], float]:
    """Return how many examples would show that two models (places) of values (N, K) differ."""

    def needed(first: int, second: int) -> float:
        apart = values[:, first] - values[:, second]
        return examples_to_differ(float(np.mean(apart**2)), float(np.mean(apart)), critical)

    return needed


def variances(own: Sequence[Estimate]) -> Floats:
    """Return the variance of each number, from its interval; hardly any where it has none."""
    reach = 2 * NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)
    found = [((one.high - one.low) / reach) ** 2 for one in own]
    return np.maximum(np.nan_to_num(found), LEAST_VARIANCE)


def errors_together(parts: Sequence[tuple[Floats, NDArray[Any]]]) -> Floats:
    """Return the covariance (A·K, A·K) of the means of several numbers of the same models.

    Numbers of the same examples go up and down together. What is added to each variance is as if
    the models differed on one more example, as in `simultaneous`.

    Args:
        parts: Of each number its values (N, K), and which example each row is of.
    """
    examples = np.unique(np.concatenate([names for _, names in parts]), return_inverse=True)[1]
    models, count = parts[0][0].shape[1], int(examples.max()) + 1
    shares = np.zeros((count, len(parts) * models))
    added: list[float] = []
    start = 0
    for place, (values, names) in enumerate(parts):
        rows, start = examples[start : start + len(names)], start + len(names)
        columns = slice(place * models, (place + 1) * models)
        shares[rows, columns] = (values - values.mean(axis=0)) / len(values)
        added += [PRIOR / 2 / len(values) ** 2] * models
    return np.asarray(shares.T @ shares + np.diag(added))


def _difference(first: Floats, second: Floats, critical: float, *, is_binary: bool) -> Estimate:
    """Return second − first with its share of the simultaneous intervals."""
    apart, n = second - first, len(first)
    if is_binary:
        lost, gained = int(np.sum(apart < 0)), int(np.sum(apart > 0))
        return paired_interval(lost, gained, n, critical)
    value = float(np.mean(apart))
    half = critical * math.sqrt(float(np.sum(np.square(apart - value))) + PRIOR) / n
    return Estimate(value, value - half, value + half, n)
