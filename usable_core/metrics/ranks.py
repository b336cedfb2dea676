"""Spearman's rank correlation, ties at their mean rank; NaN where one side is constant."""

import math

import numpy as np
import pandas as pd

from usable_core.metrics.arrays import Floats
from usable_core.metrics.intervals import Estimate

_DRAWS = 1000


def spearman(first: Floats, second: Floats) -> float:
    """Return the rank correlation of two series of one size; infinite values rank last, and tie.

    NaN where one is constant: what has no order has no correlation, and 0 would claim one.

    Reference: Spearman 1904, American Journal of Psychology 15.
    """
    if np.size(first) == 0:
        return math.nan
    a, b = (pd.Series(np.ravel(series)).rank().to_numpy() for series in (first, second))
    a, b = a - a.mean(), b - b.mean()
    scale = math.sqrt(float(a @ a) * float(b @ b))
    return float(a @ b) / scale if scale > 0 else math.nan


def spearman_estimate(first: Floats, second: Floats, *, seed: int = 0) -> Estimate:
    """Return the rank correlation of two series (N,) with percentiles of resampled pairs.

    Resamples in which it is undefined are left out; without any, the interval is NaN.
    """
    n = len(first)
    value = spearman(first, second)
    if math.isnan(value):
        return Estimate(value, math.nan, math.nan, n)
    table = _table(first, second)
    # Drawing pairs with replacement is drawing how often each cell of the table occurs.
    held = np.flatnonzero(table)
    drawn = np.random.default_rng(seed).multinomial(n, table.ravel()[held] / n, size=_DRAWS)
    found: list[Floats] = []
    at_once = max(1, 4_000_000 // table.size)  # bounds the memory: 32 MB of tables
    for start in range(0, _DRAWS, at_once):
        part = drawn[start : start + at_once]
        tables = np.zeros((len(part), table.size))
        tables[:, held] = part
        found.append(_of_tables(tables.reshape(-1, *table.shape)))
    every = np.concatenate(found)
    low, high = np.nanquantile(every, [0.025, 0.975])
    return Estimate(value, float(low), float(high), n)


def _table(first: Floats, second: Floats) -> Floats:
    """Return counts of pairs (values of first, values of second), both increasing."""
    rows, row = np.unique(first, return_inverse=True)
    columns, column = np.unique(second, return_inverse=True)
    found = np.bincount(row * len(columns) + column, minlength=len(rows) * len(columns))
    return found.reshape(len(rows), len(columns)).astype(np.float64)


def _of_tables(tables: Floats) -> Floats:
    """Return the rank correlation (B,) of tables of counts (B, R, C)."""
    total = tables.sum((1, 2))
    ranks = []
    for axis in (2, 1):
        counts = tables.sum(axis)
        ranks.append(counts.cumsum(1) - counts / 2 - total[:, None] / 2)  # mean rank, centred
    rows, columns = ranks
    together = np.einsum("brc,br,bc->b", tables, rows, columns, optimize=True)
    spread = np.einsum("brc,br->b", tables, rows**2, optimize=True)
    spread = spread * np.einsum("brc,bc->b", tables, columns**2, optimize=True)
    found = np.full(len(tables), np.nan)
    np.divide(together, np.sqrt(spread), out=found, where=spread > 0)
    return np.asarray(np.clip(found, -1, 1))
