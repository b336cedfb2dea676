"""Procedural frost: pictures of ice needles made from seeded noise, in place of photographs.

Their mean colour and contrast are those of the photographs that ImageNet-C uses; their shapes are
not, so that a result is not comparable with a published one pixel by pixel.
"""

import functools

import torch
import torch.nn.functional as F
from torch import Tensor

from usable_core.randomness import normal

# Mean of R, G, B and standard deviation of each photograph, measured.
_LOOKS = (
    ((0.30, 0.58, 0.65), 0.061),
    ((0.79, 0.81, 0.84), 0.077),
    ((0.78, 0.80, 0.84), 0.077),
    ((0.54, 0.60, 0.65), 0.103),
    ((0.44, 0.48, 0.53), 0.138),
)
COUNT = len(_LOOKS)
_LONG = 4  # how much longer than wide a needle is
_FINE = 0.35  # exponent of a needle's width in its brightness: small, for frost is fine-grained


@functools.lru_cache(maxsize=2)
def frost_pictures(side: int) -> Tensor:
    """Return pictures (COUNT, 3, S, S) in [0, 1], S at least twice `side`, a power of two."""
    size = 2 << (max(side, 8) - 1).bit_length()
    seeds = torch.arange(COUNT)
    total = torch.zeros(COUNT, 1, size, size)
    cells, stream = 4, 0
    while cells <= size // 2:
        lying = _needles(seeds, cells, cells * _LONG, size, stream)
        standing = _needles(seeds, cells * _LONG, cells, size, stream + 1)
        total += torch.maximum(lying, standing) * cells**-_FINE
        cells, stream = 2 * cells, stream + 2
    total -= total.mean((2, 3), keepdim=True)
    total /= total.std((2, 3), keepdim=True)
    colours = torch.tensor([colour for colour, _ in _LOOKS])[:, :, None, None]
    contrasts = torch.tensor([contrast for _, contrast in _LOOKS])[:, None, None, None]
    return (colours + contrasts * total).clamp(0, 1)


def _needles(seeds: Tensor, rows: int, columns: int, size: int, stream: int) -> Tensor:
    """Return bright ridges (COUNT, 1, size, size) where smooth noise crosses 0."""
    shape = (1, min(rows, size), min(columns, size))
    smooth = F.interpolate(normal(seeds, shape, stream), (size, size), mode="bicubic")
    return smooth.abs_().neg_()
