"""`Preprocessing`: how a picture becomes the model's input, with the source of each value.

Geometry (resize, crop, scale to [0, 1]) is done outside the model; normalisation inside. So
attacks, explanations and heatmaps share one image space, and epsilon means one thing.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from usable_core.decoding_limits import check_size
from usable_core.errors import ImageRefused

GUESS = "a guess: "  # begins the source of a value that the weights' own file does not tell
# Luma of ITU-R BT.601, as Pillow's mode L and torchvision's rgb_to_grayscale have it.
LUMA = (0.299, 0.587, 0.114)
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
LARGEST_RESIZED = 40_000_000  # pixels; the cap of uploads


@dataclass(frozen=True)
class Preprocessing:
    """The passport of a model's input.

    Attributes:
        resize: Short side in pixels, or (height, width) to squash to; None keeps the size.
        crop: (height, width) of the central crop, which is the model's input size.
        interpolation: How pixels are interpolated when resizing (always antialiased, by Pillow).
        mean: Subtracted per RGB channel, in [0, 1] units.
        std: Divided by, per RGB channel.
        sources: Field name to where its value came from.
        channels: 1 for a network of grey pictures: it sees the luma of the RGB image.
    """

    resize: int | tuple[int, int] | None
    crop: tuple[int, int]
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sources: dict[str, str] = field(default_factory=dict)
    channels: Literal[1, 3] = 3

    def geometry(self, image: Image.Image) -> Tensor:
        """Return the RGB image as the model sees it: resized, cropped, (3, H, W) in [0, 1]."""
        x: Tensor = v2.functional.to_dtype(self.pixels(image), torch.float32, scale=True)
        return x

    def pixels(self, image: Image.Image) -> Tensor:
        """Return what `geometry` does before its scaling to [0, 1]: uint8 (3, H, W).

        Raises:
            ImageRefused: the picture is too large, or so narrow that it would grow without bound.
        """
        _refuse_slivers(image, self.resize)
        mode = v2.InterpolationMode(self.interpolation)
        if self.resize is not None:
            size = [self.resize] if isinstance(self.resize, int) else list(self.resize)
            image = v2.functional.resize(image, size, interpolation=mode, antialias=True)
        if (image.height, image.width) != self.crop:
            # What is too long is cut first: padding the other side of all of it takes its memory.
            inner = min(image.height, self.crop[0]), min(image.width, self.crop[1])
            image = v2.functional.center_crop(image, list(inner))
            if inner != self.crop:
                image = v2.functional.center_crop(image, list(self.crop))
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)  # (H, W, 3) -> (3, H, W)

    def normalise(self, x: Tensor) -> Tensor:
        """Return (x − mean) / std (N, channels, H, W) for images x (N, 3, H, W) in [0, 1]."""
        mean, std = (_channels(values, x.dtype, x.device) for values in (self.mean, self.std))
        x = (x - mean).div_(std)
        if self.channels == 3:
            return x
        return (x * _channels(LUMA, x.dtype, x.device)).sum(1, keepdim=True)


@lru_cache(maxsize=32)
@torch.inference_mode(False)
def _channels(
    values: tuple[float, float, float], dtype: torch.dtype, device: torch.device
) -> Tensor:
    """Return numbers per channel (1, 3, 1, 1), made once: small networks are asked often."""
    return torch.tensor(values, dtype=dtype, device=device).view(1, 3, 1, 1)


def _refuse_slivers(image: Image.Image, resize: int | tuple[int, int] | None) -> None:
    check_size(image.size, "The picture")  # it may come from memory
    short, long = sorted(image.size)
    if isinstance(resize, int) and resize * resize * long / max(short, 1) > LARGEST_RESIZED:
        raise ImageRefused(
            f"The picture is {image.width} × {image.height} pixels: with its short side at "
            f"{resize} it would be larger than {LARGEST_RESIZED // 10**6} megapixels. Crop it."
        )
