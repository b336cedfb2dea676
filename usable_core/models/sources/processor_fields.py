"""What the fields of an image processor of transformers say, read plainly and in their few ways."""

from collections.abc import Iterator, Mapping
from typing import Any

from PIL import Image
from transformers.image_processing_utils import BaseImageProcessor

from usable_core.errors import UsableError
from usable_core.inputs.preprocessing import Interpolation

_INTERPOLATIONS: Mapping[int, Interpolation] = {
    Image.Resampling.NEAREST: "nearest",
    Image.Resampling.LANCZOS: "lanczos",
    Image.Resampling.BILINEAR: "bilinear",
    Image.Resampling.BICUBIC: "bicubic",
}
RESAMPLING = {name: int(code) for code, name in _INTERPOLATIONS.items()}
_LEVIT = 256 / 224  # LeViT's processor enlarges the short side by this, whatever its fields say
_SQUASHED = 384  # ConvNeXt's squashes from this side on

Size = tuple[int, int]
_Three = tuple[float, float, float]


class NoPicture(UsableError):
    """A processor's answer to a picture is no picture."""


def geometries(processor: BaseImageProcessor) -> Iterator[tuple[int | Size | None, Size]]:
    """Yield what size and crop a processor's fields may mean, the plainest first."""
    size, crop = _size(processor, "size"), _size(processor, "crop_size")
    if not field_of(processor, "do_center_crop"):
        crop = None
    if not field_of(processor, "do_resize"):
        if isinstance(crop, tuple):
            yield None, crop
        return
    share = field_of(processor, "crop_pct")
    if isinstance(size, tuple):
        yield size, crop if isinstance(crop, tuple) else size
        if share and isinstance(crop, tuple) and size[0] == size[1]:
            yield int(size[0] / share), crop
        return
    if size is None:
        return
    square = (size, size)
    if isinstance(crop, tuple):
        yield size, crop
        yield int(_LEVIT * size), crop
    if share and isinstance(crop, tuple):
        yield int(size / share), crop
    elif share:
        yield (int(size / share), square) if size < _SQUASHED else (square, square)


def _size(processor: BaseImageProcessor, name: str) -> int | Size | None:
    """Return a short side, or (height, width), as a field of a processor says it."""
    said = field_of(processor, name)
    if isinstance(said, int):
        return said
    if said is None:
        return None
    height, width, short = (_entry(said, key) for key in ("height", "width", "shortest_edge"))
    if height and width:
        return int(height), int(width)
    return int(short) if short else None


def _entry(said: Any, key: str) -> Any:  # noqa: ANN401 - a mapping, or transformers' SizeDict
    return said.get(key) if isinstance(said, Mapping) else getattr(said, key, None)


def interpolation(processor: BaseImageProcessor) -> Interpolation:
    """Return how a processor resizes.

    Raises:
        NoPicture: in no way of a passport.
    """
    said = field_of(processor, "resample")
    if field_of(processor, "do_resize") and said not in _INTERPOLATIONS:
        raise NoPicture(f"it interpolates by Pillow's code {said}, which is none of a passport's")
    return _INTERPOLATIONS.get(said, "bilinear")


def normalisation(processor: BaseImageProcessor) -> tuple[_Three, _Three]:
    """Return mean and std of pixels in [0, 1], from a processor's rescaling and normalisation.

    It computes ((factor · x − shift) − mean) / std, and EfficientNet's divides by std once more.
    """
    factor = 255 * (
        field_of(processor, "rescale_factor") if field_of(processor, "do_rescale") else 1
    )
    shift = 1.0 if field_of(processor, "rescale_offset") else 0.0
    mean, std, again = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)
    if field_of(processor, "do_normalize"):
        mean, std = _three(processor, "image_mean"), _three(processor, "image_std")
    if field_of(processor, "include_top"):
        again = _three(processor, "image_std")
    means = [(m + shift) / factor for m in mean]
    stds = [s * own / factor for s, own in zip(std, again, strict=True)]
    return (means[0], means[1], means[2]), (stds[0], stds[1], stds[2])


def _three(processor: BaseImageProcessor, name: str) -> _Three:
    said = field_of(processor, name)
    values = [float(v) for v in (said if isinstance(said, list | tuple) else [said or 0.0])]
    values = values * 3 if len(values) == 1 else values
    if len(values) != 3:
        raise NoPicture(f"{name} has {len(values)} numbers, and pictures have 3 channels")
    return values[0], values[1], values[2]


def field_of(processor: BaseImageProcessor, name: str) -> Any:  # noqa: ANN401 - any JSON
    """Return what a processor says of one thing; None where nothing."""
    return getattr(processor, name, None)
