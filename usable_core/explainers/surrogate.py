"""A Gaussian process over masks: what the model would have answered to all masks that nobody asked.

LIME's weights and Shapley values are averages of the model's answers over all masks. Samples alone
see few of them. Here the answers are taken for a sum of a linear part and of parts that depend on a
superpixel and its neighbours only, whose sizes the samples tell; the averages of that process have
closed forms (Bayesian quadrature). What it misses is fitted as without it, so nothing is lost where
neighbours do not interact, and with many samples the limit is the same.
Reference: O'Hagan 1991, Journal of Statistical Planning and Inference 29 (Bayes-Hermite
quadrature); Rasmussen & Williams 2006, sections 2.7 and 5.4.
"""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import product
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float64]
Masks = NDArray[np.bool_]

# Beyond this the samples say enough by themselves, and the process would cost more than it saves.
MOST_SAMPLES = 2048
MOST_FEATURES = 512  # superpixels; the number of their masks must be a float
_TUNED_ON = 256  # samples from which the process's three sizes are found
_LENGTHS = (1.0, 2.0, 4.0, 8.0)  # superpixels of a neighbourhood that differ until it is another
_SHARES = (0.0, 0.3, 1.0, 3.0)  # variance of the local parts, of that of the linear part
_NOISES = (0.02, 0.1, 0.4)  # variance of what neither explains


@dataclass(frozen=True)
class LocalTable:
    """What a neighbourhood's part gives superpixels, by how many of its m a sample shows (m + 1,).

    The part is exp(−(number of the neighbourhood's superpixels unlike the sample's) / length).

    Attributes:
        shown: To one of the neighbourhood that the sample shows.
        hidden: To one of the neighbourhood that the sample hides.
        outside: To every other.
    """

    shown: Floats
    hidden: Floats
    outside: Floats


@dataclass(frozen=True)
class Process:
    """The process's sizes, for outputs of mean 0 and variance 1."""

    length: float
    share: float
    noise: float


def neighbours(segments: NDArray[np.int32]) -> Masks:
    """Return which superpixels touch (S, S), each itself as well, of those at (H, W)."""
    count = int(segments.max()) + 1
    found = np.eye(count, dtype=bool)
    for one, other in ((segments[1:], segments[:-1]), (segments[:, 1:], segments[:, :-1])):
        found[one.ravel(), other.ravel()] = found[other.ravel(), one.ravel()] = True
    return found


def smoothed(
    masks: Masks,
    outputs: Floats,
    near: Masks,
    credit: Callable[[Masks, Masks, float], Floats],
    fit: Callable[[Masks, Floats, NDArray[np.bool_]], Floats],
) -> Callable[[NDArray[np.bool_]], Floats]:
    """Return the estimate (S,) from the samples that are kept (N,), of which all are one choice.

    Args:
        masks: Which superpixels stay (N, S).
        outputs: The model's answers (N,).
        near: Which superpixels touch (S, S).
        credit: What the local part of each sample gives each superpixel (N, S), from masks,
            neighbourhoods and length; `local_credits` with a method's table.
        fit: The method's own estimate from masks, outputs and kept samples.
    """
    spread = float(outputs.std())
    if spread <= 1e-9 * (1 + abs(float(outputs.mean()))):  # rounding, and no evidence at all
        return lambda kept: np.zeros(masks.shape[1])
    if len(masks) > MOST_SAMPLES or masks.shape[1] > MOST_FEATURES:
        return lambda kept: fit(masks, outputs, kept)
    centre = float(outputs.mean())
    scaled = (outputs - centre) / spread
    with _one_thread():
        process = tuned(masks[:_TUNED_ON], scaled[:_TUNED_ON], near)
        if process.share == 0:
            return lambda kept: fit(masks, outputs, kept)
        covariance = _covariance(masks, near, process)
        shares = process.share * credit(masks, near, process.length) + _linear(masks)

    def estimate(kept: NDArray[np.bool_]) -> Floats:
        with _one_thread():
            factor = cho_factor(covariance[np.ix_(kept, kept)], lower=True)
            weights = np.zeros(len(masks))
            weights[kept] = cho_solve(factor, scaled[kept])
            rest = fit(masks, process.noise * weights, kept)  # what the process leaves over
            return np.asarray(spread * (weights @ shares + rest))

    return estimate


def local_credits(
    masks: Masks, near: Masks, length: float, table: Callable[[int, int, float], LocalTable]
) -> Floats:
    """Return what the local parts of each sample give each superpixel (N, S).

    Args:
        masks: Samples (N, S).
        near: Neighbourhood of each superpixel (S, S).
        length: See `Process`.
        table: From superpixels in all, those of a neighbourhood, and exp(−1 / length).
    """
    features = masks.shape[1]
    ratio = float(np.exp(-1 / length))
    tables = {m: table(features, m, ratio) for m in np.unique(near.sum(1)).tolist()}
    found = np.zeros(masks.shape)
    for hood in near:
        of = tables[int(hood.sum())]
        shown = masks[:, hood].sum(1)
        inside = np.where(masks[:, hood], of.shown[shown, None], of.hidden[shown, None])
        found[:, hood] += inside
        found[:, ~hood] += of.outside[shown, None]
    return np.asarray(found / features)


def shapley_table(features: int, size: int, ratio: float) -> LocalTable:
    """Return the Shapley values of the game of one neighbourhood; others have none."""
    shown, hidden = np.zeros(size + 1), np.zeros(size + 1)
    for k in range(size + 1):
        # Of a coalition: `a` of the k that the sample shows and `b` of the others are in it.
        for a, b in product(range(k + 1), range(size - k + 1)):
            if a + b == size:
                continue
            worth = (1 - ratio) / (size * comb(size - 1, a + b))
            if a < k:
                shown[k] += comb(k - 1, a) * comb(size - k, b) * worth * ratio ** (k - 1 - a + b)
            if b < size - k:
                ways = comb(k, a) * comb(size - k - 1, b)
                hidden[k] -= ways * worth * ratio ** (k - a + b)
    return LocalTable(shown, hidden, np.zeros(size + 1))


def regression_table(weights: Floats, features: int, size: int, ratio: float) -> LocalTable:
    """Return the weighted linear regression's credits of the local part of one neighbourhood.

    Over all masks, each as probable as another, weighted by the number of superpixels that they
    show. Before the regression's own matrix: see `regression_matrix`.

    Args:
        weights: Of masks that show 0 … S superpixels (S + 1,).
        features: Superpixels in all, S.
        size: Superpixels of the neighbourhood.
        ratio: exp(−1 / length).
    """
    none, one, _ = _moments(weights, features)
    same, other = np.array([ratio, 1.0]), np.array([1.0, ratio])  # hidden, shown

    def mean(polynomials: list[Floats], others: int, certain: int) -> float:
        """Weighted mean where the number shown has this generating function, plus `certain`."""
        total = np.array([comb(others, n) for n in range(others + 1)], dtype=np.float64)
        for polynomial in polynomials:
            total = np.convolve(total, polynomial)
        return float(total @ weights[certain : certain + len(total)]) / 2.0**features

    shown, hidden, outside = np.zeros(size + 1), np.zeros(size + 1), np.zeros(size + 1)
    others = features - size
    for k in range(size + 1):
        parts = [same] * k + [other] * (size - k)
        centred = one / none * mean(parts, others, 0)
        shown[k] = mean(parts[1:], others, 1) - centred if k else 0
        hidden[k] = ratio * mean(parts[:-1], others, 1) - centred if k < size else 0
        outside[k] = mean(parts, others - 1, 1) - centred if others else 0
    return LocalTable(shown, hidden, outside)


def regression_matrix(weights: Floats, features: int) -> Floats:
    """Return the weighted covariance of superpixels over all masks (S, S)."""
    none, one, both = _moments(weights, features)
    covariance = np.full((features, features), both - one**2 / none)
    return np.asarray(covariance + np.eye(features) * (one - both))


def tuned(masks: Masks, outputs: Floats, near: Masks) -> Process:
    """Return the process under which these outputs (N,) are the most likely."""
    best, found = -np.inf, Process(_LENGTHS[0], 0.0, _NOISES[-1])
    linear = _linear_covariance(masks)
    for length in _LENGTHS:
        local = _local_covariance(masks, near, length)
        for share, noise in product(_SHARES, _NOISES):
            if share == 0 and length != _LENGTHS[0]:
                continue  # without local parts their length does not matter
            covariance = linear + share * local + noise * np.eye(len(masks))
            likelihood = _likelihood(covariance, outputs)
            if likelihood > best:
                best, found = likelihood, Process(length, share, noise)
    return found


def _one_thread() -> AbstractContextManager[object]:
    """Return a context in which matrices of a few hundred rows don't wait for several threads."""
    found: AbstractContextManager[object] = _threads().limit(limits=1, user_api="blas")
    return found


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def _likelihood(covariance: Floats, outputs: Floats) -> float:
    """Return the log marginal likelihood at the best overall scale, up to a constant."""
    factor = cho_factor(covariance, lower=True)
    scale = float(outputs @ cho_solve(factor, outputs)) / len(outputs)
    return -len(outputs) / 2 * float(np.log(scale)) - float(np.log(np.diag(factor[0])).sum())


def _covariance(masks: Masks, near: Masks, process: Process) -> Floats:
    local = _local_covariance(masks, near, process.length)
    noise = process.noise * np.eye(len(masks))
    return _linear_covariance(masks) + process.share * local + noise


def _linear_covariance(masks: Masks) -> Floats:
    """Return the covariance (N, N) of a constant and a linear part, each of variance 1."""
    return np.asarray(1 + _linear(masks) @ (masks - 0.5).T)


def _linear(masks: Masks) -> Floats:
    """Return what the linear part of each sample gives each superpixel (N, S)."""
    return np.asarray(4 / masks.shape[1] * (masks - 0.5))


def _local_covariance(masks: Masks, near: Masks, length: float) -> Floats:
    """Return the covariance (N, N) of the local parts, together of variance 1."""
    total = np.zeros((len(masks), len(masks)), np.float32)
    for hood in near:
        shown = masks[:, hood].astype(np.float32)
        differing = shown @ (1 - shown).T
        differing += differing.T.copy()
        total += np.exp(differing * np.float32(-1 / length))
    return total.astype(np.float64) / len(near)


def _moments(weights: Floats, features: int) -> tuple[float, float, float]:
    """Return the weighted means of 1, of one superpixel shown, and of two."""
    number = np.arange(features + 1)
    odds = np.array([comb(features, n) / 2.0**features for n in number]) * weights
    one = float(odds @ number) / features
    both = float(odds @ (number * (number - 1))) / max(features * (features - 1), 1)
    return float(odds.sum()), one, both
