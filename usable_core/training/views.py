"""Random views of pictures, of which two show the same: what a contrastive training compares.

As in SimCLR (Chen et al. 2020, arXiv:2002.05709, section 2 and appendix A), each picture by its own
chance: a part of it, enlarged; the schedule's augmentation; other tones.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from usable_core.training.augmentation import augment

LEAST_AREA = 0.2  # of a part; MoCo v2 (Chen et al. 2020, arXiv:2003.04297) and most at small sizes
RATIO = 4 / 3  # of its sides, at most
TONE = 0.4  # brightness, contrast and saturation change by up to this share
GREY_SHARE = 0.2
GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601


def view(x: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    """Return one random view of each image x (N, 3, H, W) in [0, 1], of the same shape and range.

    Args:
        x: Images.
        kind: The schedule's augmentation; views are mirrored only where it mirrors.
        generator: Source of the randomness (on the CPU).
    """
    return _toned(augment(_enlarged(x, generator), kind, generator), generator)


def _between(low: float, high: float, n: int, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator)


def _enlarged(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random part of each image, as large as the whole was."""
    n, _, height, width = x.shape
    area = _between(LEAST_AREA, 1, n, generator)
    ratio = _between(-math.log(RATIO), math.log(RATIO), n, generator).exp()
    places = []
    for share, side in (((area / ratio).sqrt(), height), ((area * ratio).sqrt(), width)):
        share = share.clamp(max=1)
        centre = (1 - share) * _between(-1, 1, n, generator)
        pixel = (2 * torch.arange(side) + 1) / side - 1  # centres, -1 and 1 are the edges
        places.append(centre[:, None] + share[:, None] * pixel)
    rows, columns = places
    shape = (n, height, width)
    grid = torch.stack([columns[:, None, :].expand(shape), rows[:, :, None].expand(shape)], 3)
    return F.grid_sample(x, grid.to(x.device), padding_mode="border", align_corners=False)


def _toned(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return images with other brightness, contrast and saturation, some of them grey."""
    n = len(x)
    factors = (_between(1 - TONE, 1 + TONE, n, generator) for _ in range(3))
    brightness, contrast, saturation = (f.view(-1, 1, 1, 1).to(x.device) for f in factors)
    is_grey = (torch.rand(n, generator=generator) < GREY_SHARE).view(-1, 1, 1, 1).to(x.device)
    x = (x * brightness).clamp(0, 1)
    mean = _grey(x).mean((1, 2, 3), keepdim=True)
    x = (mean + contrast * (x - mean)).clamp(0, 1)
    grey = _grey(x)
    x = (grey + saturation * (x - grey)).clamp(0, 1)
    return torch.where(is_grey, _grey(x), x)


def _grey(x: Tensor) -> Tensor:
    """Return brightness (N, 1, H, W)."""
    return (x * x.new_tensor(GREY).view(1, 3, 1, 1)).sum(1, keepdim=True)
