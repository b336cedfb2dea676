"""Snow, frost, fog, brightness, spatter.

Constants: Hendrycks & Dietterich 2019, arXiv:1903.12261, and the authors' scripts of CIFAR-C.
"""

import torch
from torch import Tensor

from usable_core.corruptions.corruption import corruption, strength
from usable_core.corruptions.droplets import water
from usable_core.corruptions.filters import gaussian, motion, zoomed
from usable_core.corruptions.frost_pictures import COUNT, frost_pictures
from usable_core.corruptions.plasma import plasma
from usable_core.randomness import normal, uniform

_GREY = (0.299, 0.587, 0.114)  # brightness of R, G, B (ITU-R BT.601)
_MUD = (63 / 255, 42 / 255, 20 / 255)
_WATER = (175 / 255, 238 / 255, 238 / 255)  # pale turquoise


@corruption
def brightness(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images whose value (of hue, saturation, value) is raised."""
    more = strength(x, severity, (0.05, 0.1, 0.15, 0.2, 0.3), (0.1, 0.2, 0.3, 0.4, 0.5))
    value = x.amax(1, keepdim=True)
    raised = (value + more).clamp_max(1)
    return torch.where(value > 0, x * (raised / value), raised)


@corruption
def fog(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images behind a bright cloud, darkened again to the range they had."""
    thickness, decay = strength(
        x,
        severity,
        ((0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75)),
        ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),
    )
    height, width = x.shape[-2:]
    size = 1 << (max(height, width, 2) - 1).bit_length()
    cloud = plasma(seeds, size, decay)[:, None, :height, :width]
    largest = x.amax((1, 2, 3), keepdim=True)
    return (x + thickness * cloud).mul_(largest / (largest + thickness))


@corruption
def frost(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images under a random part of a picture of frost.

    Procedural frost: the pictures are generated, not the photographs of ImageNet-C, so the result
    is like theirs in brightness and contrast and not comparable pixel by pixel.
    """
    kept, added = strength(
        x,
        severity,
        ((1, 0.2), (1, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)),
        ((1, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
    )
    height, width = x.shape[-2:]
    pictures = frost_pictures(max(height, width)).to(x.device)
    side = pictures.shape[-1]
    drawn = uniform(seeds, (3,))
    which = (drawn[:, 0] * COUNT).long()
    top, left = ((drawn[:, k] * (side - part + 1)).long() for k, part in ((1, height), (2, width)))
    rows = top[:, None] + torch.arange(height, device=x.device)
    columns = left[:, None] + torch.arange(width, device=x.device)
    part = pictures[which[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    return (kept * x).add_(part.permute(0, 3, 1, 2), alpha=added)  # (N, H, W, 3) -> (N, 3, H, W)


@corruption
def snow(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return paler images with flakes blown along a random line, and with their mirror image."""
    mean, spread, zoom, least, radius, sigma, kept = strength(
        x,
        severity,
        (
            (0.1, 0.2, 1.0, 0.6, 8, 3, 0.95),
            (0.1, 0.2, 1.0, 0.5, 10, 4, 0.9),
            (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        (
            (0.1, 0.3, 3.0, 0.5, 10, 4, 0.8),
            (0.2, 0.3, 2.0, 0.5, 12, 4, 0.7),
            (0.55, 0.3, 4.0, 0.9, 12, 8, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
    )
    flakes = zoomed(normal(seeds, (1, *x.shape[-2:])).mul_(spread).add_(mean), zoom)
    flakes = flakes.masked_fill(flakes < least, 0).clamp_(0, 1)
    angles = uniform(seeds, (), 1) * 90 - 135  # degrees, 45 to each side of upwards
    flakes = motion(flakes, radius, sigma, angles).mul_(255).round_().div_(255)
    grey = x.new_tensor(_GREY).view(3, 1, 1)
    pale = torch.maximum(x, (x * grey).sum(1, keepdim=True).mul_(1.5).add_(0.5))
    return (kept * x).add_(pale, alpha=1 - kept).add_(flakes).add_(flakes.rot90(2, (2, 3)))


@corruption
def spatter(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images behind drops of water (severities 1 to 3) or under mud (4 and 5)."""
    mean, spread, sigma, least, amount, is_mud = strength(
        x,
        severity,
        (
            (0.62, 0.1, 0.7, 0.7, 0.5, False),
            (0.65, 0.1, 0.8, 0.7, 0.5, False),
            (0.65, 0.3, 1.0, 0.69, 0.5, False),
            (0.65, 0.1, 0.7, 0.69, 0.6, True),
            (0.65, 0.1, 0.5, 0.68, 0.6, True),
        ),
        (
            (0.65, 0.3, 4.0, 0.69, 0.6, False),
            (0.65, 0.3, 3.0, 0.68, 0.6, False),
            (0.65, 0.3, 2.0, 0.68, 0.5, False),
            (0.65, 0.3, 1.0, 0.65, 1.5, True),
            (0.67, 0.4, 1.0, 0.65, 1.5, True),
        ),
    )
    liquid = gaussian(normal(seeds, x.shape[-2:]).mul_(spread).add_(mean), sigma)
    if not is_mud:
        drops = water(liquid.masked_fill(liquid < least, 0)).mul_(amount)[:, None]
        return x + drops * x.new_tensor(_WATER).view(3, 1, 1)
    cover = gaussian((liquid > least).float(), amount)[:, None]
    cover = cover.masked_fill(cover < 0.8, 0)
    return x + cover * (x.new_tensor(_MUD).view(3, 1, 1) - x)
