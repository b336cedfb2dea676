"""`Preprocessing`: how a picture becomes the model's input, with the source of each value.

Geometry (resize, crop, scale to [0, 1]) is done outside the model; normalisation inside. So
attacks, explanations and heatmaps share one image space, and epsilon means one thing.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, ClassVar, Literal, get_args

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import v2

from usable_core.decoding_limits import check_size
from usable_core.errors import ImageRefused
from usable_core.evaluations.specs import InputKind, is_between, require

GUESS = "a guess: "  # begins the source of a value that the weights' own file does not tell
# Luma of ITU-R BT.601, as Pillow's mode L and torchvision's rgb_to_grayscale have it.
LUMA = (0.299, 0.587, 0.114)
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
CropAnchor = Literal["round", "floor"]
ChannelOrder = Literal["rgb", "bgr"]
# Fields that passports of before did not have: at these values they are part of no digest.
LATER = {"channels": 3, "crop_anchor": "round", "channel_order": "rgb"}
LARGEST_RESIZED = 40_000_000  # pixels; the cap of uploads
LARGEST_SIDE = 4096  # pixels; far above every published classifier
LARGEST_CROP = 8  # times the side that a network was made for: farther than it can mean anything
# Of pixels in [0, 1]. Networks that take 0 to 255 have a standard deviation of 1/255.
MOST_MEAN, LEAST_STD = 255, 1e-4


@dataclass(frozen=True)
class Preprocessing:
    """The passport of a model's input.

    Values out of their range are refused with a ConfigError as soon as it is made.

    Attributes:
        resize: Short side in pixels, or (height, width) to squash to; None keeps the size.
        crop: (height, width) of the central crop, which is the model's input size.
        interpolation: How pixels are interpolated when resizing (always antialiased, by Pillow).
        mean: Subtracted per RGB channel, in [0, 1] units.
        std: Divided by, per RGB channel.
        sources: Field name to where its value came from.
        channels: 1 for a network of grey pictures: it sees the luma of the RGB image.
        crop_anchor: How half a pixel of a crop's margin is rounded: to the nearest even number, as
            torchvision does, or down, as transformers does.
        channel_order: In which the network takes the channels; mean and std are those of RGB.
    """

    resize: int | tuple[int, int] | None
    crop: tuple[int, int]
    interpolation: Interpolation = "bilinear"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sources: dict[str, str] = field(default_factory=dict)
    channels: Literal[1, 3] = 3
    crop_anchor: CropAnchor = "round"
    channel_order: ChannelOrder = "rgb"
    kind: ClassVar[InputKind] = "picture"
    window: ClassVar[int] = 1

    def __post_init__(self) -> None:
        for name in ("resize", "crop", "mean", "std"):  # lists, as JSON and people have them
            if isinstance(value := getattr(self, name), list):
                object.__setattr__(self, name, tuple(value))
        sides = f"from 1 to {LARGEST_SIDE}"
        is_squash = isinstance(self.resize, tuple)
        resize = self.resize if is_squash else (self.resize,) * 2
        is_good = self.resize is None or _are_sides(resize)
        require(
            is_good, "resize", f"a number of pixels or two (height, width) {sides}", self.resize
        )
        crop = f"two numbers of pixels (height, width) {sides}"
        require(_are_sides(self.crop), "crop", crop, self.crop)
        for name, known in _CHOICES.items():
            is_good = (value := getattr(self, name)) in known
            require(is_good, name, f"one of {', '.join(known)}", value)
        is_good = _are_between(self.mean, -MOST_MEAN, MOST_MEAN)
        require(is_good, "mean", f"three numbers from -{MOST_MEAN} to {MOST_MEAN}", self.mean)
        is_good = _are_between(self.std, LEAST_STD, 1 / LEAST_STD)
        require(is_good, "std", f"three numbers from {LEAST_STD} to {1 / LEAST_STD:g}", self.std)
        require(self.channels in (1, 3), "channels", "1 or 3", self.channels)

    @property
    def values(self) -> dict[str, Any]:
        """Return its fields, for the eye."""
        return {name: value for name, value in asdict(self).items() if name != "sources"}

    @property
    def identity(self) -> str:
        """Return its values, those of later fields where they are not the usual ones."""
        values = asdict(replace(self, sources={}))
        for name, usual in LATER.items():  # fingerprints from before there were others stay
            if values[name] == usual:
                del values[name]
        return repr(sorted(values.items()))

    @property
    def pixels_identity(self) -> str:
        """Return what tells it from another way to the same picture's `pixels`."""
        return replace(
            self, mean=(0.0,) * 3, std=(1.0,) * 3, channels=3, channel_order="rgb"
        ).identity

    def read(self, image: Image.Image) -> Tensor:
        """Return the RGB image resized and cropped, uint8 (3, H, W); see `pixels`."""
        return self.pixels(image)

    def stack(self, examples: Sequence[Tensor]) -> Tensor:
        """Return images (3, H, W) as one batch (N, 3, H, W)."""
        return torch.stack(list(examples))

    def blank(self, count: int) -> Tensor:
        """Return grey images (count, 3, H, W)."""
        return torch.full((count, 3, *self.crop), 0.5)

    def trial(self) -> Tensor:
        """Return two images (2, 3, H, W) of noise with other statistics in each channel."""
        generator = torch.Generator().manual_seed(0)
        noise = torch.rand(2, 3, *self.crop, generator=generator)
        spread = torch.tensor([[0.6, 0.3, 0.5], [0.4, 0.7, 0.2]])[..., None, None]
        start = torch.tensor([[0.0, 0.2, 0.5], [0.6, 0.1, 0.0]])[..., None, None]
        return start + spread * noise

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
            left, top = self._corner(image.width, image.height)  # outside of the picture is black
            image = image.crop((left, top, left + self.crop[1], top + self.crop[0]))
        return torch.from_numpy(np.array(image)).permute(2, 0, 1)  # (H, W, 3) -> (3, H, W)

    def seen(self, size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Return which part of a picture `geometry` shows: left, top, right, bottom.

        Shares of the picture's width and height; below 0 and above 1 where the picture is padded.

        Args:
            size: Width and height of the picture in pixels.
        """
        width, height = size
        if isinstance(self.resize, tuple):
            height, width = self.resize
        elif self.resize is not None:  # as torchvision has it: the long side is rounded down
            short, long = min(size), max(size)
            other = int(self.resize * long / short)
            width, height = (self.resize, other) if width <= height else (other, self.resize)
        left, top = self._corner(width, height)
        right, bottom = left + self.crop[1], top + self.crop[0]
        return left / width, top / height, right / width, bottom / height

    def _corner(self, width: int, height: int) -> tuple[int, int]:
        """Return left and top of the central crop of a picture; below 0 it pads."""
        sides = (width, self.crop[1]), (height, self.crop[0])
        if self.crop_anchor == "floor":
            left, top = ((side - crop) // 2 for side, crop in sides)
        else:
            left, top = (_margin(side, crop) for side, crop in sides)
        return left, top

    def normalise(self, x: Tensor) -> Tensor:
        """Return (x − mean) / std (N, channels, H, W) for images x (N, 3, H, W) in [0, 1]."""
        mean, std = (_channels(values, x.dtype, x.device) for values in (self.mean, self.std))
        x = (x - mean).div_(std)
        if self.channels == 3:
            return x if self.channel_order == "rgb" else x.flip(1)
        return (x * _channels(LUMA, x.dtype, x.device)).sum(1, keepdim=True)


_CHOICES = {
    "interpolation": get_args(Interpolation),
    "crop_anchor": get_args(CropAnchor),
    "channel_order": get_args(ChannelOrder),
}


def _margin(side: int, crop: int) -> int:
    """Return how many pixels torchvision's central crop cuts off at the left or top."""
    return round((side - crop) / 2) if side >= crop else -((crop - side) // 2)


def _are_sides(values: object) -> bool:
    """Tell whether values are height and width in pixels that a picture may have."""
    return (
        isinstance(values, tuple)
        and len(values) == 2
        and all(isinstance(v, Integral) and not isinstance(v, bool) for v in values)
        and all(1 <= v <= LARGEST_SIDE for v in values)
    )


def _are_between(values: object, low: float, high: float) -> bool:
    """Tell whether values are three finite numbers in [low, high], one per channel."""
    return (
        isinstance(values, tuple)
        and len(values) == 3
        and all(isinstance(v, Real) and not isinstance(v, bool) for v in values)
        and all(is_between(v, low, high) for v in values)
    )


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
