"""Blur of the lens, of frosted glass, of movement and of zooming.

Constants: Hendrycks & Dietterich 2019, arXiv:1903.12261, and the authors' scripts of CIFAR-C.
"""

import functools

import torch
from torch import Tensor

from usable_core.corruptions.corruption import corruption, strength
from usable_core.corruptions.filters import convolve, disk, gaussian, motion, reflected, zoomed
from usable_core.randomness import uniform

_disk = functools.lru_cache(maxsize=16)(disk)
_TILT = 45.0  # degrees: the camera moves at most this far from the horizontal


@corruption
def gaussian_blur(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images smoothed by a Gaussian."""
    return gaussian(x, strength(x, severity, (0.4, 0.6, 0.7, 0.8, 1), (1, 2, 3, 4, 6)))


@corruption
def defocus_blur(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images as a lens out of focus has them: every point is a disk."""
    kernel = _disk(
        *strength(
            x,
            severity,
            ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
            ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        )
    ).to(x.device)
    return convolve(reflected(x, kernel.shape[-1] // 2), kernel)


@corruption
def motion_blur(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images smeared along a random line."""
    radius, sigma = strength(
        x,
        severity,
        ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5)),
        ((10, 3.0), (15, 5.0), (15, 8.0), (15, 12.0), (20, 15.0)),
    )
    return motion(x, radius, sigma, (2 * uniform(seeds, ()) - 1) * _TILT)


@corruption
def zoom_blur(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return the mean of images and of their magnifications."""
    step, count = strength(
        x,
        severity,
        ((0.01, 7), (0.01, 12), (0.01, 16), (0.01, 21), (0.01, 26)),
        ((0.01, 12), (0.01, 16), (0.02, 11), (0.02, 13), (0.03, 11)),
    )
    total = 2 * x  # the image itself and the zoom by 1
    for k in range(1, count):
        total += zoomed(x, 1 + k * step)
    return total.div_(count + 1)


@corruption
def glass_blur(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images whose pixels are scattered over their neighbourhood, between two smoothings.

    The original scripts mean to swap two pixels, but NumPy hands them views, so that one pixel is
    copied over the other. All published numbers are of that; so is this.
    """
    sigma, distance, rounds = strength(
        x,
        severity,
        ((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
        ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    )
    levels = gaussian(x, sigma).mul_(255).add_(1e-3).floor_().div_(255)
    n, channels, height, width = x.shape
    places = torch.arange(height * width, device=x.device).expand(n, -1)
    for turn in range(rounds):
        places = places.gather(1, _copied_from(seeds, turn, height, width, distance))
    scattered = levels.flatten(2).gather(2, places[:, None].expand(-1, channels, -1))
    return gaussian(scattered.view_as(x), sigma)


def _copied_from(seeds: Tensor, turn: int, height: int, width: int, distance: int) -> Tensor:
    """Return which old pixel each pixel (N, H · W) holds after one pass of copying.

    The pass goes backwards, so a pixel that is copied from a later place gets what that place
    already holds now: a chain. Chains are followed by doubling, on two copies of the picture,
    where the second copy is what was there before the pass.
    """
    count = height * width
    place = torch.arange(count, device=seeds.device)
    row, column = place // width, place % width
    moves = (uniform(seeds, (2, count), turn) * (2 * distance)).long() - distance
    source = place + moves[:, 0] * width + moves[:, 1]
    is_copied = (row > distance) & (row <= height - distance)
    is_copied &= (column > distance) & (column <= width - distance)
    source = torch.where(is_copied, source, place)
    follows = torch.where(source > place, source, source + count)  # + count: from before the pass
    before = (place + count).expand(len(seeds), -1)
    while bool((follows < count).any()):
        both = torch.cat([follows, before], 1)
        follows = both.gather(1, follows)
    return follows - count
