"""What a hidden part of an image shows: part of an explanation's definition, so always stated.

Which parts are hidden, and how credit is given for that, is the methods' business.
"""

from collections.abc import Callable

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from usable_core.catalog import lookup
from usable_core.games.imputation import filled_in
from usable_core.metrics.arrays import Segments

# Of the shorter side: wide enough to wash out a superpixel when an image has about 50.
BLUR = 0.1
# Standard deviation, in units of the [0, 1] range: the default of the authors of noisy imputation.
NOISE = 0.01


class Hiding:
    """An image whose parts can be hidden.

    Attributes:
        x: The image (3, H, W) in [0, 1].
        hidden: What it shows where everything is hidden (3, H, W).
        name: Which background that is.
    """

    def __init__(self, x: Tensor, hidden: Tensor, name: str) -> None:
        self.x, self.hidden, self.name = x, hidden, name

    def __call__(self, stays: Tensor) -> Tensor:
        """Return images (N, 3, H, W) of which the pixels `stays` (N, H, W) bool are visible."""
        return torch.where(stays[:, None], self.x, self.hidden)


class NoisyFill(Hiding):
    """An image whose hidden parts are filled in from the visible ones, plus a little noise.

    The noise is drawn once, so that an image depends on nothing but what is hidden. Where nothing
    is visible, the image shows its mean colour.

    Reference: Rong et al. 2022, arXiv:2202.00449 (ROAD).
    """

    def __init__(self, x: Tensor, *, noise: float = NOISE, seed: int = 0) -> None:
        """Draw the noise.

        Args:
            x: The image (3, H, W) in [0, 1].
            noise: Standard deviation of the noise, in units of the [0, 1] range.
            seed: Of the noise.
        """
        drawn = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
        self._noise = (noise * drawn).to(x)
        mean = x.mean((1, 2), keepdim=True).expand_as(x)
        super().__init__(x, (mean + self._noise).clamp(0, 1), "noise")

    def __call__(self, stays: Tensor) -> Tensor:
        """Return images (N, 3, H, W) of which the pixels `stays` (N, H, W) bool are visible."""
        images = (filled_in(self.x, stays) + self._noise).clamp_(0, 1)
        return torch.where(stays[:, None], self.x, images)


def hiding(
    x: Tensor, name: str, segments: Segments, *, device: torch.device | str = "cpu"
) -> Hiding:
    """Return the image x (3, H, W) in [0, 1] with what stands behind its hidden parts.

    Args:
        x: Image in [0, 1].
        name: `blur` (Gaussian, a tenth of the shorter side), `mean` (of each colour channel), `own`
            (each superpixel's mean colour), `noise` (filled in from around, with the same noise
            for every method), `grey` (0.5) or `black` (0).
        segments: Superpixel (H, W) of each pixel, for `own`.
        device: Where the images are made.

    Raises:
        UnknownName: `name` is none of these.
    """
    x = x.detach()
    if name == "noise":
        return NoisyFill(x.to(device))
    make: Callable[[Tensor, Segments], Tensor] = lookup(_BACKGROUNDS, "background", name)
    return Hiding(x.to(device), make(x, segments).to(device), name)


def _blurred(x: Tensor, segments: Segments) -> Tensor:
    sigma = BLUR * min(x.shape[1:])
    pixels = gaussian_filter(x.cpu().double().numpy(), sigma=(0, sigma, sigma), mode="reflect")
    return torch.from_numpy(pixels).to(x).clamp(0, 1)


def _own(x: Tensor, segments: Segments) -> Tensor:
    places = torch.from_numpy(segments.astype(np.int64)).to(x.device).flatten()
    counts = places.bincount()
    sums = x.new_zeros(len(x), len(counts), dtype=torch.float64)
    sums.index_add_(1, places, x.flatten(1).double())
    return (sums / counts)[:, places].view_as(x).to(x)


_BACKGROUNDS = {
    "blur": _blurred,
    "mean": lambda x, segments: x.mean((1, 2), keepdim=True).expand_as(x),
    "own": _own,
    "grey": lambda x, segments: torch.full_like(x, 0.5),
    "black": lambda x, segments: torch.zeros_like(x),
}
