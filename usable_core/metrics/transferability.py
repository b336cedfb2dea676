"""What frozen features say of the classes of a task, before anything is tuned on it.

LogME: You, Liu, Wang & Long 2021, arXiv:2102.11005.
"""

import math

import numpy as np

from usable_core.metrics.arrays import Floats, Indices
from usable_core.metrics.intervals import CONFIDENCE, Estimate, mean_estimate

# Standard deviation of the noise of a label that is 0 or 1: features that hold the labels
# themselves would else have an infinite evidence.
LEAST_NOISE = 1e-3
_POINTS = 65  # of a search for the ratio of both precisions
_LEAST, _MOST = 1e-12, 1e8  # of that ratio, in units of the largest squared singular value
_NARROW = 1e-3  # of its logarithm: there the evidence of an example is known to 1e-7
_ROOM = 2**22  # similarities at once: 32 MB


def logme(features: Floats, labels: Indices) -> float:
    """Return the mean log evidence per example and class of linear models on features (N, D).

    For each class, y is 1 for its examples and 0 for all others, y ~ N(F w, 1 / β) and
    w ~ N(0, 1 / α). The evidence p(y | F) = ∫ p(y | F, w) p(w) dw is maximised over α and β.

    Args:
        features: One row per example; neither centred nor scaled.
        labels: Classes (N,).

    Returns:
        Nats. Only differences between features of the same examples mean anything; features that
        hold the labels reach the most that `LEAST_NOISE` allows.

    Reference: You et al. 2021, arXiv:2102.11005, eq. 2 and algorithm 1, of which this is the
    maximum itself: for a ratio α / β the best β is known, so the ratio alone is searched for.
    """
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    y = (labels[:, None] == np.unique(labels)).astype(np.float64)  # (N, C)
    within = (left.T @ y) ** 2  # (R, C)
    outside = np.maximum((y**2).sum(0) - within.sum(0), 0.0)
    evidence = [
        _most_evidence(singular**2, *of_class, len(y))
        for of_class in zip(within.T, outside, strict=True)
    ]
    return float(np.mean(evidence)) / len(y)


def _most_evidence(squares: Floats, within: Floats, outside: float, n: int) -> float:
    """Return the largest log evidence of one class, over α and β.

    Args:
        squares: Squared singular values of the features (R,).
        within: Squared projections of y on the left singular vectors (R,).
        outside: Squared length of y beside these.
        n: Examples.
    """
    unit = float(squares.max()) or 1.0
    low, high = math.log(_LEAST * unit), math.log(_MOST * unit)
    while True:
        grid = np.linspace(low, high, _POINTS)
        found = _evidence(np.exp(grid), squares, within, outside, n)
        best = int(found.argmax())
        step = grid[1] - grid[0]
        if step < _NARROW:
            return float(found[best])
        low, high = max(low, grid[best] - step), min(high, grid[best] + step)


def _evidence(ratios: Floats, squares: Floats, within: Floats, outside: float, n: int) -> Floats:
    """Return the log evidence at ratios α / β (T,), each with its best β."""
    shrunk = squares / ratios[:, None]  # (T, R)
    cost = outside + (1 / (1 + shrunk)) @ within  # |y - F m|² + (α / β) |m|²
    precision = np.minimum(n / np.maximum(cost, 1e-300), LEAST_NOISE**-2)
    fit = n * np.log(precision / (2 * math.pi)) - precision * cost
    return np.asarray((fit - np.log1p(shrunk).sum(1)) / 2)


def jackknife(value: float, without: Floats, confidence: float = CONFIDENCE) -> Estimate:
    """Return a number with Student's interval from what it is without each of G groups (G,).

    Reference: Tukey 1958, Annals of Mathematical Statistics 29; Shao & Tu 1995, section 2.3.
    """
    groups = len(without)
    pseudo = groups * value - (groups - 1) * np.asarray(without, dtype=np.float64)
    found = mean_estimate(pseudo, confidence)
    half = (found.high - found.low) / 2
    return Estimate(value, value - half, value + half, groups)


def usual_neighbours(labels: Indices) -> int:
    """Return the odd number next to the root of the examples of the median class."""
    counts = np.unique(labels, return_counts=True)[1]
    return 2 * int(math.sqrt(np.median(counts)) / 2) + 1


def nearest_neighbours(features: Floats, labels: Indices, count: int) -> Indices:
    """Return the class (N,) that most of the nearest other examples have, by cosine.

    Where several classes have as many, it is the one that is nearer in sum.

    Args:
        features: One row per example (N, D).
        labels: Classes (N,), from 0.
        count: How many neighbours, fewer than N.
    """
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    unit = features / np.where(lengths > 0, lengths, 1.0)
    found = np.empty(len(labels), dtype=np.int64)
    at_once = max(1, _ROOM // len(labels))
    for start in range(0, len(labels), at_once):
        similarity = unit[start : start + at_once] @ unit.T
        rows = np.arange(len(similarity))
        similarity[rows, start + rows] = -np.inf  # an example is no neighbour of its own
        near = np.argpartition(-similarity, count - 1, axis=1)[:, :count]
        close = np.take_along_axis(similarity, near, axis=1)
        votes = np.zeros((len(rows), int(labels.max()) + 1))
        # All cosines together are less than one vote, so they decide between equals alone.
        np.add.at(votes, (rows[:, None], labels[near]), 1 + close / (2 * count + 1))
        found[start + rows] = votes.argmax(1)
    return found


def stratified_folds(labels: Indices, count: int, seed: int) -> Indices:
    """Return in which of `count` folds each example is (N,), each class spread over all evenly."""
    order = np.random.default_rng(seed).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    folds[order] = np.arange(len(labels)) % count
    return folds
