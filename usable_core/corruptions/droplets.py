"""How drops of water shine: brighter away from their edge, lit from one side."""

import torch
import torch.nn.functional as F
from torch import Tensor

from usable_core.corruptions.filters import reflected

_DEEPEST = 20  # pixels from the edge, from where on depth is all the same
_LIGHT = ((-2.0, -1.0, 0.0), (-1.0, 1.0, 1.0), (0.0, 1.0, 2.0))  # lit from the lower right


def water(liquid: Tensor) -> Tensor:
    """Return how bright drops shine (N, H, W), from 0 to 1 in each example.

    Args:
        liquid: Amount of water (N, H, W), 0 where there is none.
    """
    levels = (liquid * 255).floor_()
    depth = _mean3(edge_distance(liquid > 0)).add_(1e-3).floor_()
    depth = _equalised(depth)
    light = levels.new_tensor(_LIGHT)[None, None]
    lit = F.conv2d(reflected(depth[:, None], 1), light)[:, 0].clamp_(0, 255)
    shine = levels * _mean3(lit).round_()
    return shine.div_(shine.amax((1, 2), keepdim=True).clamp_min(1e-6))


def edge_distance(inside: Tensor) -> Tensor:
    """Return the distance (N, H, W) to the nearest pixel at the edge of a region, at most 20.

    The edge is where the pixel to the right or below is on the other side.
    """
    edge = torch.zeros_like(inside)
    edge[:, :, :-1] = inside[:, :, :-1] != inside[:, :, 1:]
    edge[:, :-1] |= inside[:, :-1] != inside[:, 1:]
    squares = torch.where(edge, 0.0, float(_DEEPEST**2)).to(torch.float32)
    for axis in (1, 2):  # the squared distance is a minimum over rows, then over columns
        wide = F.pad(
            squares,
            (0, 0, _DEEPEST, _DEEPEST) if axis == 1 else (_DEEPEST, _DEEPEST),
            value=float(_DEEPEST**2),
        )
        length = inside.shape[axis]
        squares = wide.narrow(axis, _DEEPEST, length).clone()
        for step in range(1, _DEEPEST):
            for start in (_DEEPEST - step, _DEEPEST + step):
                torch.minimum(squares, wide.narrow(axis, start, length) + step**2, out=squares)
    return squares.sqrt_()


def _mean3(x: Tensor) -> Tensor:
    """Return the mean over 3 x 3 pixels of planes (N, H, W)."""
    return F.avg_pool2d(reflected(x[:, None], 1), 3, stride=1)[:, 0]


def _equalised(depth: Tensor) -> Tensor:
    """Return whole numbers below 256 (N, H, W), stretched to equal shares of pixels."""
    flat = depth.flatten(1).long()
    counts = torch.zeros(len(flat), 256, device=depth.device)
    counts.scatter_add_(1, flat, torch.ones_like(flat, dtype=torch.float32))
    below = counts.cumsum(1)
    first = below.gather(1, (counts > 0).int().argmax(1, keepdim=True))
    stretched = (below - first).mul_(255).div_((flat.shape[1] - first).clamp_min(1)).round_()
    return stretched.clamp_min_(0).gather(1, flat).view_as(depth)
