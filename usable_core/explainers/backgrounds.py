"""What a hidden part of an image shows: part of an explanation's definition, so always stated."""

from collections.abc import Callable

import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from usable_core.catalog import lookup

# Of the shorter side: wide enough to wash out a superpixel when an image has about 50.
BLUR = 0.1


def background(x: Tensor, name: str) -> Tensor:
    """Return the image (3, H, W) in [0, 1] that stands behind hidden parts of x (3, H, W).

    Args:
        x: Image in [0, 1].
        name: `blur` (Gaussian, a tenth of the shorter side), `mean` (of each colour channel),
            `grey` (0.5) or `black` (0).

    Raises:
        UnknownName: `name` is none of these.
    """
    hide: Callable[[Tensor], Tensor] = lookup(_BACKGROUNDS, "background", name)
    return hide(x.detach())


def _blurred(x: Tensor) -> Tensor:
    sigma = BLUR * min(x.shape[1:])
    pixels = gaussian_filter(x.cpu().double().numpy(), sigma=(0, sigma, sigma), mode="reflect")
    return torch.from_numpy(pixels).to(x).clamp(0, 1)


_BACKGROUNDS = {
    "blur": _blurred,
    "mean": lambda x: x.mean((1, 2), keepdim=True).expand_as(x),
    "grey": lambda x: torch.full_like(x, 0.5),
    "black": torch.zeros_like,
}
