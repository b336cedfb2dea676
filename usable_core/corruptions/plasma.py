"""Clouds by the diamond-square method (Fournier, Fussell & Carpenter 1982), one per example."""

import torch
from torch import Tensor

from usable_core.randomness import uniform


def plasma(seeds: Tensor, size: int, decay: float) -> Tensor:
    """Return clouds (N, size, size) from 0 to 1 that wrap around.

    Args:
        seeds: One per example (N,).
        size: Side in pixels, a power of two.
        decay: How much less the next finer grid of points wobbles.
    """
    wobbles = uniform(seeds, (size, size)).mul_(2).sub_(1)
    cloud = torch.zeros_like(wobbles)
    step, amplitude = size, 1.0
    while step >= 2:
        half = step // 2
        corners = cloud[:, ::step, ::step]
        pairs = corners + corners.roll(-1, 1)
        centres = _wobbled(pairs + pairs.roll(-1, 2), wobbles[:, half::step, half::step], amplitude)
        across = centres + centres.roll(1, 1) + corners + corners.roll(-1, 2)
        down = centres + centres.roll(1, 2) + corners + corners.roll(-1, 1)
        cloud[:, half::step, half::step] = centres
        cloud[:, ::step, half::step] = _wobbled(across, wobbles[:, ::step, half::step], amplitude)
        cloud[:, half::step, ::step] = _wobbled(down, wobbles[:, half::step, ::step], amplitude)
        # Squared: the original draws up to the amplitude, then multiplies by it once more.
        step, amplitude = half, amplitude / decay**2
    low, high = cloud.amin((1, 2), keepdim=True), cloud.amax((1, 2), keepdim=True)
    return cloud.sub_(low).div_((high - low).clamp_min(1e-12))


def _wobbled(total: Tensor, wobble: Tensor, amplitude: float) -> Tensor:
    """Return the mean of four neighbours, given their total, plus the wobble."""
    return (total / 4).add_(wobble, alpha=amplitude)
