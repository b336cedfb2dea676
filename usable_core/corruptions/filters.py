"""Smoothing and zooming that corruptions are made of, with the borders of the original scripts."""

import functools
import math

import numpy as np
import torch
import torch.nn.functional as F
from scipy.fft import next_fast_len
from torch import Tensor


def gaussian(
    x: Tensor, sigma: float | tuple[float, float], *, is_mirrored: bool = False, truncate: float = 4
) -> Tensor:
    """Return planes (…, H, W) smoothed by a Gaussian; beyond the border its pixel is repeated.

    Args:
        x: Planes (…, H, W).
        sigma: Standard deviation in pixels, or that of rows and of columns.
        is_mirrored: Beyond the border the picture is mirrored instead, the border pixel twice.
        truncate: Standard deviations that the Gaussian reaches; 4 is scipy's default.
    """
    both = sigma if isinstance(sigma, tuple) else (sigma, sigma)
    for axis, spread in zip((-2, -1), both, strict=True):
        x = _smoothed(x, axis, spread, int(truncate * spread + 0.5), is_mirrored)
    return x


def _smoothed(x: Tensor, axis: int, sigma: float, radius: int, is_mirrored: bool) -> Tensor:
    """Return planes smoothed along one axis, by adding shifted copies."""
    if radius == 0:
        return x.clone()
    weights = np.exp(-0.5 * (np.arange(radius + 1) / sigma) ** 2)
    weights /= 2 * weights.sum() - weights[0]
    length = x.shape[axis]
    wide = x.index_select(axis, _border(length, radius, is_mirrored).to(x.device))
    found = wide.narrow(axis, radius, length) * float(weights[0])
    for step in range(1, radius + 1):
        for start in (radius - step, radius + step):
            found.add_(wide.narrow(axis, start, length), alpha=float(weights[step]))
    return found


@functools.lru_cache(maxsize=128)
def _border(length: int, radius: int, is_mirrored: bool) -> Tensor:
    """Return which pixel stands at −radius … length − 1 + radius."""
    places = torch.arange(-radius, length + radius)
    if not is_mirrored:
        return places.clamp_(0, length - 1)
    places = places.remainder(2 * length)
    return torch.minimum(places, 2 * length - 1 - places)


def reflected(x: Tensor, radius: int) -> Tensor:
    """Return planes (…, H, W) wider by `radius` on each side, mirrored at the border pixel."""
    for axis in (-2, -1):
        length = x.shape[axis]
        around = torch.arange(-radius, length + radius).remainder(max(1, 2 * length - 2))
        places = torch.minimum(around, (2 * length - 2 - around).abs())
        x = x.index_select(axis, places.to(x.device))
    return x


def repeated(x: Tensor, radius: int) -> Tensor:
    """Return planes (N, C, H, W) wider by `radius` on each side, with the border's pixels."""
    return F.pad(x, (radius, radius, radius, radius), mode="replicate")


def convolve(wide: Tensor, kernels: Tensor) -> Tensor:
    """Return what kernels make of planes that were widened for them, by Fourier transforms.

    Args:
        wide: Planes (N, C, H + k − 1, W + k − 1).
        kernels: Weights (N or 1, 1, k, k), k odd; those at [y, x] weigh the pixel y − k // 2
            below and x − k // 2 to the right.

    Returns:
        Planes (N, C, H, W).
    """
    size = kernels.shape[-1]
    shape = [next_fast_len(length, real=True) for length in wide.shape[-2:]]
    spectrum = torch.fft.rfft2(kernels, s=shape).conj()
    spectrum = torch.fft.rfft2(wide, s=shape).mul_(spectrum)
    found: Tensor = torch.fft.irfft2(spectrum, s=shape)
    height, width = wide.shape[-2] - size + 1, wide.shape[-1] - size + 1
    return found[..., :height, :width]


def disk(radius: float, sigma: float) -> Tensor:
    """Return an even disk (1, 1, k, k) whose edge is smoothed by a Gaussian of 3 or 5 pixels."""
    half = 8 if radius <= 8 else math.ceil(radius)
    reach = 1 if radius <= 8 else 2
    rows, columns = np.mgrid[-half : half + 1, -half : half + 1]
    inside = torch.from_numpy((rows**2 + columns**2 <= radius**2).astype(np.float64))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    edge = torch.from_numpy(np.outer(weights, weights) / weights.sum() ** 2)
    inside = reflected(inside / inside.sum(), reach)
    smooth = F.conv2d(inside[None, None], edge[None, None]).float()
    spare = half - min(half, int(radius) + reach)  # rows of zeros
    return smooth[..., spare : 2 * half + 1 - spare, spare : 2 * half + 1 - spare]


def motion(x: Tensor, radius: int, sigma: float, angles: Tensor) -> Tensor:
    """Return planes smeared along a line that starts at each pixel, fading like half a Gaussian.

    Args:
        x: Planes (N, C, H, W); beyond the border its pixel is repeated.
        radius: Half the length of the line in pixels.
        sigma: Standard deviation of the fading, in pixels.
        angles: Direction per example (N,), degrees; 0 is to the right, 90 down.
    """
    length = 2 * radius + 1
    steps = torch.arange(length, dtype=torch.float64, device=x.device)
    weights = torch.exp(-0.5 * (steps / sigma) ** 2)
    turn = torch.deg2rad(angles.double())[:, None]
    down, right = (torch.ceil(steps * part - 0.5).long() for part in (turn.sin(), turn.cos()))
    reach = length - 1
    kernels = torch.zeros(len(x), (2 * reach + 1) ** 2, dtype=torch.float64, device=x.device)
    places = (down + reach) * (2 * reach + 1) + right + reach
    kernels.scatter_add_(1, places, (weights / weights.sum()).expand(len(x), -1))
    kernels = kernels.float().view(len(x), 1, 2 * reach + 1, 2 * reach + 1)
    return convolve(repeated(x, reach), kernels)


def zoomed(x: Tensor, factor: float) -> Tensor:
    """Return the centre of planes (N, C, H, W) magnified to the same size, bilinear."""
    height, width = x.shape[-2:]
    rows, columns = math.ceil(height / factor), math.ceil(width / factor)
    top, left = (height - rows) // 2, (width - columns) // 2
    centre = x[..., top : top + rows, left : left + columns]
    shape = (max(height, round(rows * factor)), max(width, round(columns * factor)))
    large = F.interpolate(centre, size=shape, mode="bilinear", align_corners=True)
    top, left = (shape[0] - height) // 2, (shape[1] - width) // 2
    return large[..., top : top + height, left : left + width]
