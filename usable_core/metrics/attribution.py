"""Figures that tell how far a map can be believed, from arrays of credits."""

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def weighted_r2(outputs: Floats, fitted: Floats, weights: Floats) -> float:
    """Return the weighted share of the variance of outputs (N,) that a fit explains.

    NaN where the outputs do not vary: there is then nothing to explain.
    """
    centre = np.average(outputs, weights=weights)
    total = float(np.sum(weights * (outputs - centre) ** 2))
    if total <= np.finfo(np.float64).eps * float(np.sum(weights)) * float(centre) ** 2:
        return math.nan
    return 1 - float(np.sum(weights * (outputs - fitted) ** 2)) / total


def additivity_gap(values: Floats, base: float, output: float) -> float:
    """Return |sum of values + base − output|, in units of the output."""
    return abs(math.fsum(np.ravel(values)) + base - output)


def rank_correlation(first: Floats, second: Floats) -> float:
    """Return Spearman's signed correlation of two maps' credits, ties sharing their mean rank.

    NaN where one is constant: a map without an order has no correlation, and 0 would claim one.
    """
    a, b = (pd.Series(np.ravel(m)).rank().to_numpy() for m in (first, second))
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else math.nan


def top_overlap(first: Floats, second: Floats, share: float = 0.1) -> float:
    """Return the share of the most credited places that two maps have in common, in [0, 1]."""
    count = max(1, round(share * first.size))
    tops = [set(np.argsort(-np.ravel(m), kind="stable")[:count].tolist()) for m in (first, second)]
    return len(tops[0] & tops[1]) / count
