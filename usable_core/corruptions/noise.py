"""Noise of the sensor and of the line: Gaussian, shot, impulse, speckle.

Constants: Hendrycks & Dietterich 2019, arXiv:1903.12261, and the authors' scripts of CIFAR-C.
"""

import math

import torch
from torch import Tensor

from usable_core.corruptions.corruption import corruption, strength
from usable_core.randomness import normal, uniform

_STEEP = 2.0**80  # times any difference of two probabilities in float32, it is beyond 1
_FEW = 4.0  # photons: below, the asymptotic series of the Poisson quantiles is too rough


@corruption
def gaussian_noise(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images with normal noise of one spread on every pixel."""
    spread = strength(x, severity, (0.04, 0.06, 0.08, 0.09, 0.10), (0.08, 0.12, 0.18, 0.26, 0.38))
    return normal(seeds, x.shape[1:]).mul_(spread).add_(x)


@corruption
def speckle_noise(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images with normal noise in proportion to the brightness."""
    spread = strength(x, severity, (0.06, 0.1, 0.12, 0.16, 0.2), (0.15, 0.2, 0.35, 0.45, 0.6))
    return normal(seeds, x.shape[1:]).mul_(spread).add_(1).mul_(x)


@corruption
def impulse_noise(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images where single values are black or white, half of them each."""
    share = strength(x, severity, (0.01, 0.02, 0.03, 0.05, 0.07), (0.03, 0.06, 0.09, 0.17, 0.27))
    drawn = uniform(seeds, x.shape[1:])
    return x.masked_fill(drawn < share / 2, 0).masked_fill_(drawn > 1 - share / 2, 1)


@corruption
def shot_noise(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images of counted photons: Poisson numbers of mean x · c, divided by c."""
    photons = strength(x, severity, (500, 250, 100, 75, 50), (60, 25, 12, 5, 3))
    return poisson(x * photons, normal(seeds, x.shape[1:]), float(photons)).div_(photons)


def poisson(mean: Tensor, drawn: Tensor, largest: float) -> Tensor:
    """Return Poisson numbers of the given means, as the quantiles of normal numbers.

    Up to `_FEW` exact, by adding up probabilities; beyond by a series of the normal number, which
    misses by one in less than 2 % of draws.

    Args:
        mean: Of each number, at least 0, any shape.
        drawn: Normal numbers of that shape.
        largest: No mean is larger; larger ones that do not occur cost time only.

    Reference: Giles 2016, ACM Transactions on Mathematical Software 42, algorithm 955.
    """
    if largest <= 2 * _FEW:  # cheaper than picking the small means out
        return _few(mean, drawn, largest)
    found = _many(mean, drawn)
    is_few = mean < _FEW
    found[is_few] = _few(mean[is_few], drawn[is_few], _FEW)
    return found


def _few(mean: Tensor, drawn: Tensor, largest: float) -> Tensor:
    """Return how many of the sums of probabilities p(0), p(0) + p(1), … the quantile exceeds."""
    quantile = torch.special.ndtr(drawn)
    term = torch.exp(-mean)
    total, found = term.clone(), torch.zeros_like(mean)
    for count in range(1, math.ceil(largest + 6 * math.sqrt(largest)) + 2):  # 6 sigma
        # 1 where quantile > total: torch turns truths into numbers five times as slowly.
        found += (quantile - total).mul_(_STEEP).clamp_(0, 1)
        term.mul_(mean).div_(count)
        total += term
    return found


def _many(mean: Tensor, w: Tensor) -> Tensor:
    """Return the rounded series of the quantile in 1 / √mean, to the order 1 / mean."""
    mean = mean.clamp_min(1)
    root = mean.sqrt()
    square = w * w
    found = (square / 6 + 1 / 3).add_(mean).add_(root * w)
    found.sub_((square / 72 + 1 / 36).mul_(w).div_(root))
    found.add_((square / 270 + 7 / 810).mul_(square).sub_(8 / 405).div_(mean))
    return found.floor_().clamp_min_(0)
