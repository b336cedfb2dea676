"""Contrast, saturation, elastic distortion, pixelation and JPEG compression.

Constants: Hendrycks & Dietterich 2019, arXiv:1903.12261, and the authors' scripts of CIFAR-C; the
elastic distortion at 224 pixels is that of Michaelis et al. 2019, arXiv:1907.07484.
"""

import functools
import io

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from usable_core.corruptions.corruption import corruption, is_small, strength
from usable_core.corruptions.filters import gaussian
from usable_core.randomness import uniform


@corruption
def contrast(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images drawn together around the mean of each channel."""
    kept = strength(x, severity, (0.75, 0.5, 0.4, 0.3, 0.15), (0.4, 0.3, 0.2, 0.1, 0.05))
    return (x * kept).add_(x.mean((2, 3), keepdim=True), alpha=1 - kept)


@corruption
def saturate(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images whose saturation is taken away (severities 1, 2) or exaggerated (3 to 5)."""
    factor, more = strength(
        x,
        severity,
        ((0.3, 0.0), (0.1, 0.0), (1.5, 0.0), (2.0, 0.1), (2.5, 0.2)),
        ((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2)),
    )
    value, least = x.amax(1, keepdim=True), x.amin(1, keepdim=True)
    saturation = (value - least) / value.clamp_min(1e-12)
    wanted = (saturation * factor).add_(more).clamp_(0, 1)
    found = value - (value - x) * (wanted / saturation.clamp_min(1e-12))
    is_red = x.new_tensor((1.0, 0.0, 0.0)).view(3, 1, 1)  # grey has the hue 0, which is red
    return torch.where(saturation > 0, found, value * (1 - wanted * (1 - is_red)))


@corruption
def pixelate(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images made smaller and larger again, as blocks."""
    share = strength(x, severity, (0.95, 0.9, 0.85, 0.75, 0.65), (0.6, 0.5, 0.4, 0.3, 0.25))
    full = tuple(x.shape[-2:])
    for axis, length in zip((2, 3), full, strict=True):
        x = _box_means(x, axis, max(1, int(length * share)))
    x = x.mul(255).round_().div_(255)
    for axis, length in zip((2, 3), full, strict=True):
        x = x.index_select(axis, _nearest(x.shape[axis], length).to(x.device))
    return x


def _box_means(x: Tensor, axis: int, length: int) -> Tensor:
    """Return planes (N, C, H, W) of `length` along an axis, 2 or 3: means of the pixels inside."""
    weights = _box(x.shape[axis], length).to(x.device)
    return x @ weights.T if axis == 3 else weights @ x


@functools.lru_cache(maxsize=32)
def _box(old: int, new: int) -> Tensor:
    """Return weights (new, old): a pixel counts where its centre lies, as Pillow has it."""
    place = ((torch.arange(old, dtype=torch.float64) + 0.5) * (new / old)).long()
    weights = F.one_hot(place, new).T.float()
    return weights / weights.sum(1, keepdim=True)


def _nearest(old: int, new: int) -> Tensor:
    """Return which of `old` pixels each of `new` ones shows."""
    return ((torch.arange(new, dtype=torch.float64) + 0.5) * (old / new)).long()


@corruption
def jpeg_compression(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images after JPEG compression in memory (4:2:0), always on the processor."""
    quality = strength(x, severity, (80, 65, 58, 50, 40), (25, 18, 15, 10, 7))
    levels = (x * 255).round_().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    found = torch.from_numpy(np.stack([_through_jpeg(picture, quality) for picture in levels]))
    return found.to(x.device).permute(0, 3, 1, 2).float().div_(255)  # (N, H, W, 3) -> (N, 3, H, W)


def _through_jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(picture)).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


@corruption
def elastic_transform(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
    """Return images stretched and squeezed at random, over short distances.

    Small images are first sheared as a whole, as CIFAR-C has it.
    """
    height, width = x.shape[-2:]
    if not is_small(x):
        alpha = (12.5, 16.25, 21.25, 25.0, 30.0)[severity - 1]
        reach, sigmas = 0.005 * height, (0.01 * height, 0.01 * width)
    else:
        factor, smooth, shear = (
            (0.0, 0.0, 0.08),
            (0.05, 0.2, 0.07),
            (0.08, 0.06, 0.06),
            (0.1, 0.04, 0.05),
            (0.1, 0.03, 0.03),
        )[severity - 1]
        side = min(height, width)
        x = _sheared(x, shear * side, seeds)
        alpha, reach, sigmas = factor * side, 1.0, (smooth * side, smooth * side)
    if alpha == 0:
        return x
    moves = uniform(seeds, (2, height, width)).mul_(2).sub_(1)
    moves = gaussian(moves, sigmas, is_mirrored=True, truncate=3).mul_(reach * alpha)
    rows, columns = _places(height, width, x.device)
    return _sampled(x, rows + moves[:, 1], columns + moves[:, 0])


def _sheared(x: Tensor, most: float, seeds: Tensor) -> Tensor:
    """Return images under an affine map that moves three points by up to `most` pixels."""
    height, width = x.shape[-2:]
    centre_y, centre_x, third = height // 2, width // 2, min(height, width) // 3
    low, high = (centre_x - third, centre_y - third), (centre_x + third, centre_y + third)
    corners = torch.tensor([high, (high[0], low[1]), low], dtype=torch.float64, device=x.device)
    moved = corners + (uniform(seeds, (3, 2), 1).double() * 2 - 1) * most
    ones = torch.ones(len(x), 3, 1, dtype=torch.float64, device=x.device)
    back = torch.linalg.solve(torch.cat([moved, ones], 2), corners)  # (N, 3, 2)
    rows, columns = _places(height, width, x.device)
    points = torch.stack([columns, rows, torch.ones_like(rows)], 2).double()  # (H, W, 3)
    found = (points @ back[:, None]).float()  # (N, H, W, 2)
    return _sampled(x, found[..., 1], found[..., 0], is_edge_doubled=False)


def _places(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the row and the column of each pixel, both (H, W) float32."""
    rows = torch.arange(height, dtype=torch.float32, device=device)[:, None]
    columns = torch.arange(width, dtype=torch.float32, device=device)[None]
    return rows.expand(height, width), columns.expand(height, width)


def _sampled(x: Tensor, rows: Tensor, columns: Tensor, *, is_edge_doubled: bool = True) -> Tensor:
    """Return images read at rows and columns (N, H, W), bilinear, mirrored beyond the border."""
    height, width = x.shape[-2:]
    # grid_sample wants −1 to 1 between the outer edges of the image, or between the pixels' centres
    if is_edge_doubled:
        grid = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], -1)
    else:
        last_x, last_y = max(width - 1, 1), max(height - 1, 1)
        grid = torch.stack([2 * columns / last_x - 1, 2 * rows / last_y - 1], -1)
    return F.grid_sample(x, grid, padding_mode="reflection", align_corners=not is_edge_doubled)
