"""A Gaussian process over masks: what the model would have answered to all masks that nobody asked.

LIME's weights and Shapley values are averages of the model's answers over all masks. Samples alone
see few of them. Here the answers are taken for a sum of a linear part and of parts that depend on a
superpixel and its neighbours only, and more the more these superpixels matter by themselves; the
samples tell the sizes. A method takes its averages over that process (Bayesian quadrature) and fits
what the process misses as without it, so nothing is lost where neighbours do not interact, and with
many samples the limit is the same.
Reference: O'Hagan 1991, Journal of Statistical Planning and Inference 29 (Bayes-Hermite
quadrature); Rasmussen & Williams 2006, sections 2.7, 5.4 and 5.4.2 (what a left-out part does).
"""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from itertools import product
from math import comb
from typing import Protocol

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from threadpoolctl import ThreadpoolController

from usable_core.metrics.arrays import Floats, Indices, Masks, Values

# Beyond this the samples say enough by themselves, and the process would cost more than it saves.
MOST_SAMPLES = 2048
MOST_FEATURES = 512  # superpixels; the number of their masks must be a float
TUNED_ON = 256  # samples from which the process's three sizes are found
_LENGTHS = (4.0, 2.0, 1.0)  # superpixels of a neighbourhood that differ until it is another
_SHARES = (0.0, 1.0, 3.0, 10.0)  # variance of the local parts, of that of the linear part
_NOISES = (0.005, 0.02, 0.1, 0.4)  # variance of what neither explains
_ROUNDING = 1e-9
_LEAST_STRENGTH = 0.1  # of the mean: what of a neighbourhood that does nothing by itself


@dataclass(frozen=True)
class Sizes:
    """The process's sizes, for answers of mean 0 and variance 1."""

    length: float = 2.0
    share: float = 10.0
    noise: float = 0.1


@dataclass(frozen=True)
class Posterior:
    """A process over masks, whose mean is a weighted sum of its samples' parts.

    Attributes:
        masks: Samples (N, S): which superpixels stay.
        noise: Variance of what nothing explains, for answers of variance 1.
        precision: Inverse of the samples' covariance (N, N).
    """

    masks: Masks
    noise: float
    precision: Floats

    def weights(self, answers: Floats, kept: Masks) -> Floats:
        """Return each sample's weight (N, …) in the mean, where only some (N,) were asked.

        Args:
            answers: The model's answers (N, …), of mean 0.
            kept: Which samples were asked; the others have no weight.
        """
        with one_thread():
            weights: Floats = self.precision @ answers
            gone = ~kept
            if gone.any():
                held = self.precision[np.ix_(gone, gone)]
                weights -= self.precision[:, gone] @ np.linalg.solve(held, weights[gone])
                weights[gone] = 0
        return weights

    def left(self, weights: Floats) -> Floats:
        """Return what the mean under these weights leaves of their samples' answers (N, …)."""
        return self.noise * weights


class Surrogate(Protocol):
    """A process of which averages over all masks are known."""

    def weights(self, answers: Floats, kept: Masks) -> Floats:
        """See `Posterior`."""

    def left(self, weights: Floats) -> Floats:
        """See `Posterior`."""

    def shapley(self) -> Floats:
        """Return the Shapley values of each sample's part in the mean (N, S), per weight."""

    def mean(self, weights: Floats, masks: Masks) -> Floats:
        """Return the mean answers (M, …) to masks (M, S)."""


# Which process made these answers (N,) to masks (N, S); None where they say enough by themselves.
Condition = Callable[[Masks, Floats], Surrogate | None]


@dataclass(frozen=True)
class Process(Posterior):
    """A process over masks whose sizes are found.

    Attributes:
        near: Neighbourhood of each superpixel (S, S).
        strengths: How much of the local parts' variance each neighbourhood has (S,), summing to 1.
        sizes: See there.
    """

    near: Masks
    strengths: Floats
    sizes: Sizes

    def shapley(self) -> Floats:
        """Return the Shapley values of each sample's part in the mean (N, S), per weight."""
        local = local_credits(self.masks, self.near, self.strengths, self.sizes.length)
        return self.sizes.share * local + _linear(self.masks)

    def mean(self, weights: Floats, masks: Masks) -> Floats:
        """Return the mean answers (M, …) to masks (M, S)."""
        with one_thread():
            found = (masks - 0.5) @ (_linear(self.masks).T @ weights) + weights.sum(0)
            if self.sizes.share:
                room = np.empty_like(found)  # one for all: fresh pages take longer than the sums
                for hood, strength in zip(self.near, self.strengths, strict=True):
                    states, where = _states(masks[:, hood])
                    differing = _differing(states, self.masks[:, hood])
                    parts = np.exp(differing * np.float32(-1 / self.sizes.length))
                    part = self.sizes.share * strength * (parts @ weights)
                    # Not "raise": places are right as made, and "raise" would fill another buffer.
                    found += part if where is None else part.take(where, 0, out=room, mode="clip")
        return np.asarray(found)


def is_flat(outputs: Floats) -> bool:
    """Return whether outputs differ by rounding only: no evidence at all."""
    return float(outputs.std()) <= _ROUNDING * (1 + abs(float(outputs.mean())))


def local(near: Masks) -> Condition:
    """Return `conditioned` where superpixels that touch (S, S) are taken to interact."""
    return functools.partial(conditioned, near=near)


def conditioned(masks: Masks, outputs: Floats, near: Masks) -> Process | None:
    """Return the process of which outputs are likely.

    None where they are flat, or it would cost more than it saves.

    Args:
        masks: Which superpixels stay (N, S).
        outputs: The model's answers (N,).
        near: Which superpixels touch (S, S).
    """
    if len(masks) > MOST_SAMPLES or masks.shape[1] > MOST_FEATURES or is_flat(outputs):
        return None
    answers = (outputs - outputs.mean()) / outputs.std()
    with one_thread():
        strengths = _strengths(masks, answers, near)
        linear = 1 + _linear(masks) @ (masks - 0.5).T
        local = _local_covariances(masks, near, strengths)
        few = slice(TUNED_ON)
        sizes = tuned(
            linear[few, few],
            {length: found[few, few] for length, found in local.items()},
            answers[few],
        )
        factor = cho_factor(_covariance(linear, local, sizes), lower=True)
        precision = cho_solve(factor, np.eye(len(masks)))
    return Process(masks, sizes.noise, precision, near, strengths, sizes)


def tuned(linear: Floats, local: dict[float, Values], answers: Floats) -> Sizes:
    """Return sizes under which the answers (N,) are likely, found one after the other.

    Args:
        linear: Covariance of the linear part (N, N).
        local: That of the local parts for each length.
        answers: Of mean 0 and variance 1.
    """
    found = Sizes()
    for name, options in (("noise", _NOISES), ("length", _LENGTHS), ("share", _SHARES)):
        tried = [replace(found, **{name: option}) for option in options]
        found = max(tried, key=lambda s: likelihood(_covariance(linear, local, s), answers))
    return found


def local_credits(masks: Masks, near: Masks, strengths: Floats, length: float) -> Floats:
    """Return the Shapley values of the local parts of each sample (N, S).

    Args:
        masks: Samples (N, S).
        near: Neighbourhood of each superpixel (S, S).
        strengths: What each neighbourhood's part is multiplied by (S,).
        length: See `Sizes`.
    """
    ratio = float(np.exp(-1 / length))
    tables = {m: shapley_table(m, ratio) for m in np.unique(near.sum(1)).tolist()}
    found = np.zeros(masks.shape)
    for hood, strength in zip(near, strengths, strict=True):
        of_shown, of_hidden = tables[int(hood.sum())]
        shown = masks[:, hood].sum(1)
        inside = np.where(masks[:, hood], of_shown[shown, None], of_hidden[shown, None])
        found[:, hood] += strength * inside
    return found


def shapley_table(size: int, ratio: float) -> tuple[Floats, Floats]:
    """Return the Shapley values of the game of one neighbourhood; others have none.

    The game is ratio ** (number of the neighbourhood's superpixels unlike the sample's).

    Args:
        size: Superpixels of the neighbourhood, m.
        ratio: exp(−1 / length).

    Returns:
        Of one that the sample shows, and of one that it hides, by how many it shows (m + 1,).
    """
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
    return shown, hidden


def one_thread() -> AbstractContextManager[object]:
    """Return a context in which matrices of a few hundred rows don't wait for several threads."""
    found: AbstractContextManager[object] = _threads().limit(limits=1, user_api="blas")
    return found


@functools.cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def _strengths(masks: Masks, answers: Floats, near: Masks) -> Floats:
    """Return each neighbourhood's share (S,) of the local parts' variance.

    The mean weight of its superpixels in a linear fit with a small penalty, and some at least.
    """
    matters = effects(masks, answers)
    found = near @ matters / near.sum(1) + _LEAST_STRENGTH * matters.mean()
    return np.asarray(found / found.sum())


def effects(masks: Masks, answers: Floats) -> Floats:
    """Return what each superpixel does by itself (S,), without its sign; ones where none does."""
    shown = masks - 0.5
    penalty = 0.05 * len(masks) / 4 * np.eye(masks.shape[1])
    found = np.abs(np.linalg.solve(shown.T @ shown + penalty, shown.T @ answers))
    if found.max() <= _ROUNDING:  # pairs that answer alike
        return np.ones(masks.shape[1])
    return np.asarray(found)


def likelihood(covariance: Floats, answers: Floats) -> float:
    """Return the log marginal likelihood at the best overall scale, up to a constant."""
    factor = cho_factor(covariance, lower=True)
    scale = float(answers @ cho_solve(factor, answers)) / len(answers)
    return -len(answers) / 2 * float(np.log(scale)) - float(np.log(np.diag(factor[0])).sum())


def _covariance(linear: Floats, local: dict[float, Values], sizes: Sizes) -> Floats:
    found = linear + sizes.share * local[sizes.length]
    found[np.diag_indices_from(found)] += sizes.noise
    return found


def _linear(masks: Masks) -> Floats:
    """Return what the linear part of each sample gives each superpixel (N, S)."""
    return np.asarray(4 / masks.shape[1] * (masks - 0.5))


def _local_covariances(masks: Masks, near: Masks, strengths: Floats) -> dict[float, Values]:
    """Return the covariance (N, N) of the local parts, together of variance 1, for each length."""
    found = {length: np.zeros((len(masks), len(masks)), np.float32) for length in _LENGTHS}
    for hood, strength in zip(near, strengths.astype(np.float32), strict=True):
        part = np.exp(_differing(masks[:, hood], masks[:, hood]) * np.float32(-1 / _LENGTHS[0]))
        for total in found.values():  # each length is half of the one before
            total += strength * part
            np.square(part, out=part)
    return found


def _differing(one: Masks, other: Masks) -> Values:
    """Return by how many superpixels rows (N, m) and (M, m) differ (N, M)."""
    a, b = one.astype(np.float32), other.astype(np.float32)
    return np.asarray(a.sum(1)[:, None] + b.sum(1) - 2 * a @ b.T)


def _states(masks: Masks) -> tuple[Masks, Indices | None]:
    """Return rows that may occur (K, m), and which of them each of (M, m) is; None is each once."""
    size = masks.shape[1]
    if 2**size > len(masks):
        return masks, None
    states = np.arange(2**size)[:, None] >> np.arange(size) & 1 == 1
    return states, masks @ (1 << np.arange(size))
