"""A Gaussian process over masks of words: any of them may change what any other one says.

What `surrogate` is to superpixels, of which only neighbours are taken to interact. "Not" turns a
word that stands far from it, and a text has few words, so here every interaction is likely, the
less the more words are in it, and more among words that matter by themselves: the covariance is a
product over words. Shapley values of products are integrals of polynomials, so they are exact.
Reference: Owen 1972, Management Science 18 (multilinear extension); product kernels of games:
Chau et al. 2022, arXiv:2110.09167 (RKHS-SHAP); see `surrogate` for the quadrature.
"""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from usable_core.explainers.surrogate import (
    MOST_FEATURES,
    MOST_SAMPLES,
    TUNED_ON,
    Posterior,
    effects,
    is_flat,
    likelihood,
    one_thread,
)
from usable_core.metrics.arrays import Floats, Masks

# Of an interaction, for each word that it has more than one; 0 is no interaction at all.
_RATIOS = (0.0, 0.02, 0.04, 0.08, 0.16, 0.32)
_NOISES = (1e-4, 1e-3, 1e-2, 1e-1)  # variance of what nothing explains; answers have 1
_LEAST_STRENGTH = 0.2  # of the mean: of a word that does nothing by itself
_MOST = 0.9  # of a factor: at 1 a word would decide alone what every other one does


@dataclass(frozen=True)
class WordProcess(Posterior):
    """A process over masks of words.

    The covariance of masks m and m' with signs s and s' (1 where a word stays, else −1) is
    1 + (Π_j (1 + r_j s_j s'_j) − 1) / r with r_j = r · strength_j, in the limit where r is 0.

    Attributes:
        strengths: What each word does by itself (S,), of mean 1.
        ratio: r.
    """

    strengths: Floats
    ratio: float

    def shapley(self) -> Floats:
        """Return the Shapley values of each sample's part in the mean (N, S), per weight.

        For each word the integral over p of what it adds where every other one is there with
        probability p: of a product a polynomial, of which Gauss's rule leaves nothing out.
        """
        signs = 2.0 * self.masks - 1
        shares = self.strengths / len(self.strengths)
        if self.ratio == 0:
            return np.asarray(2 * shares * signs)
        factors = _factors(self.strengths, self.ratio) * signs
        found = np.zeros(factors.shape)
        nodes, weights = np.polynomial.legendre.leggauss(factors.shape[1] // 2 + 1)
        for node, weight in zip(nodes, weights, strict=True):
            each = 1 + factors * node
            found += weight * each.prod(1, keepdims=True) / each
        return np.asarray(factors * found / (self.ratio * len(self.strengths)))

    def mean(self, weights: Floats, masks: Masks) -> Floats:
        """Return the mean answers (M, …) to masks (M, S)."""
        with one_thread():
            return np.asarray(_covariance(masks, self.masks, self.strengths, self.ratio) @ weights)


def conditioned(masks: Masks, outputs: Floats) -> WordProcess | None:
    """Return the process of which outputs are likely.

    None where they are flat, or it would cost more than it saves.

    Args:
        masks: Which words stay (N, S).
        outputs: The model's answers (N,).
    """
    if len(masks) > MOST_SAMPLES or masks.shape[1] > MOST_FEATURES or is_flat(outputs):
        return None
    answers = (outputs - outputs.mean()) / outputs.std()
    with one_thread():
        strengths = effects(masks, answers)
        strengths = strengths + _LEAST_STRENGTH * strengths.mean()
        strengths /= strengths.mean()
        ratio, noise = _tuned(masks[:TUNED_ON], answers[:TUNED_ON], strengths)
        covariance = _covariance(masks, masks, strengths, ratio)
        try:
            factor = cho_factor(covariance + noise * np.eye(len(masks)), lower=True)
        except LinAlgError:
            return None
        precision = cho_solve(factor, np.eye(len(masks)))
    return WordProcess(masks, noise, precision, strengths, ratio)


def _tuned(masks: Masks, answers: Floats, strengths: Floats) -> tuple[float, float]:
    """Return the ratio and the noise under which the answers (N,) are the likeliest."""
    found = -np.inf, 0.0, _NOISES[-1]
    for ratio in _RATIOS:
        covariance = _covariance(masks, masks, strengths, ratio)
        for noise in _NOISES:
            with suppress(LinAlgError):  # of hundreds of words that all interact
                told = likelihood(covariance + noise * np.eye(len(masks)), answers)
                found = max(found, (told, ratio, noise))
    return found[1:]


def _factors(strengths: Floats, ratio: float) -> Floats:
    return np.minimum(ratio * strengths, _MOST)


def _covariance(one: Masks, other: Masks, strengths: Floats, ratio: float) -> Floats:
    """Return the covariance (N, M) of masks (N, S) and (M, S)."""
    a, b = 2.0 * one - 1, 2.0 * other - 1
    if ratio == 0:
        return np.asarray(1 + a * (strengths / len(strengths)) @ b.T)
    factors = _factors(strengths, ratio)
    # 1 ± r is the exponential of its mean logarithm ± artanh r, so that sums do for products.
    logarithms = np.log1p(-(factors**2)).sum() / 2 + (a * np.arctanh(factors)) @ b.T
    return np.asarray(1 + np.expm1(logarithms) / (ratio * len(strengths)))
