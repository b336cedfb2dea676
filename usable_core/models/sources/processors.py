"""From an image processor of transformers to a passport, which the processor itself judges.

A processor says what it does in its own fields, and some do it in ways of their own (LeViT enlarges
before it crops, EfficientNet divides twice). So the fields are read plainly, the few known ways are
tried, and what counts is the comparison: on three pictures, processor and passport must agree in
every pixel. The processor is that of Pillow; the one of torchvision gives other pixels.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import AutoImageProcessor, PretrainedConfig
from transformers.image_processing_utils import BaseImageProcessor
from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING_NAMES

from usable_core.catalog.hub import PROCESSORS
from usable_core.errors import CheckpointError, UsableError, first_line
from usable_core.files import is_file, why
from usable_core.json_files import read_json
from usable_core.models.preprocessing import Interpolation, Preprocessing

# Width and height of the pictures that passports are judged on; of the last, the width is chosen
# so that the two ways of rounding a crop's margin differ.
PROBES = ((641, 480), (333, 501), (100, 90))
# Grey levels of 255: float32 is off by a thousandth of this.
_AGREE = 0.01
_INTERPOLATIONS: Mapping[int, Interpolation] = {
    Image.Resampling.NEAREST: "nearest",
    Image.Resampling.LANCZOS: "lanczos",
    Image.Resampling.BILINEAR: "bilinear",
    Image.Resampling.BICUBIC: "bicubic",
}
_LEVIT = 256 / 224  # LeViT's processor enlarges the short side by this, whatever its fields say
_SQUASHED = 384  # ConvNeXt's squashes from this side on
# What no passport does, by the fields of a processor that ask for it.
_OTHER = {
    "do_pad": "it pads pictures",
    "do_thumbnail": "it shrinks pictures to fit and pads them",
    "do_color_quantize": "it turns pixels into clusters of colours",
    "max_num_patches": "it cuts pictures into a number of patches of their own",
    "size_divisor": "it rounds sides to multiples of a number",
    "do_pan_and_scan": "it cuts pictures into several crops",
}

Size = tuple[int, int]
_Three = tuple[float, float, float]


@dataclass(frozen=True)
class _Difference:
    """How far a passport is from a processor, and on which picture.

    Attributes:
        levels: Of 255; infinite where the processor's picture has another size.
        picture: Width and height.
    """

    levels: float
    picture: Size


def passport_of(folder: Path, config: PretrainedConfig) -> Preprocessing:
    """Return the passport of the processor in a folder, equal to it on every probe picture.

    Raises:
        CheckpointError: the folder has none, it is unknown or has no version for Pillow, or it does
            what no passport does; the sentence names the difference.
    """
    processor, file = _processor(folder, config)
    source = f"{_name(processor)} in {file}, Pillow's version; equal on {len(PROBES)} pictures"
    closest: _Difference | None = None
    refused = ""
    try:
        for passport in _candidates(processor):
            found = _difference(passport, processor)
            if found.levels <= _AGREE:
                fields = ("resize", "crop", "interpolation", "mean", "std", "crop_anchor")
                return replace(passport, sources=dict.fromkeys((*fields, "channel_order"), source))
            closest = min((closest or found, found), key=lambda one: one.levels)
    except _NoPicture as error:
        refused = str(error)
    if closest is not None:
        width, height = closest.picture
        refused = f"on a picture of {width} × {height} pixels, the nearest way "
        refused += (
            "gives another size than its own"
            if math.isinf(closest.levels)
            else f"differs from it by {closest.levels:.3g} grey levels"
        )
    others = [said for name, said in _OTHER.items() if _field(processor, name) not in (None, False)]
    raise CheckpointError(
        f"How {_name(processor)} prepares pictures cannot be done here: "
        f"{'; '.join([*others, refused or 'its fields say no size'])}. Choose another model, or "
        "take the processor's file out of the folder and say what is meant by --preprocessing."
    )


def has_processor(folder: Path) -> bool:
    """Tell whether a folder says how its pictures are prepared."""
    return any(is_file(folder / name) for name in PROCESSORS)


class _NoPicture(UsableError):
    """A processor's answer to a picture is no picture."""


def _processor(folder: Path, config: PretrainedConfig) -> tuple[BaseImageProcessor, str]:
    file = next(name for name in PROCESSORS if is_file(folder / name))
    try:
        said = read_json(folder / file)
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{file} cannot be read as JSON: {why(error)}.") from error
    said = said.get("image_processor", said) if isinstance(said, dict) else {}
    _check_known(said.get("image_processor_type") or said.get("feature_extractor_type"), file)
    try:
        processor = AutoImageProcessor.from_pretrained(
            folder, config=config, backend="pil", trust_remote_code=False, local_files_only=True
        )
    except Exception as error:  # its code, on fields of whoever wrote them
        raise CheckpointError(
            f"{file} cannot be used by transformers {transformers.__version__}: "
            f"{first_line(error)}. Save it anew with save_pretrained."
        ) from error
    if getattr(processor, "backend", "") != "pil":
        raise CheckpointError(
            f"{_name(processor)} has no version for Pillow, only one for torchvision, which gives "
            "other pixels. Choose another model."
        )
    return processor, file


def _check_known(name: object, file: str) -> None:
    """Check that a processor's class is one of transformers' own for pictures.

    Raises:
        CheckpointError: it is not.
    """
    known = {own for row in IMAGE_PROCESSOR_MAPPING_NAMES.values() for own in row.values()}
    plain = str(name).removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
    if name is not None and plain not in known:
        raise CheckpointError(
            f"{file} names the image processor {str(name)[:80]!r}, which transformers "
            f"{transformers.__version__} does not have. Code of a repository is never run; choose "
            "another model."
        )


def _candidates(processor: BaseImageProcessor) -> Iterator[Preprocessing]:
    """Yield the passports that a processor's fields may mean, the plainest first."""
    mean, std = _normalisation(processor)
    for resize, crop in dict.fromkeys(_geometries(processor)):
        try:
            yield Preprocessing(
                resize=resize,
                crop=crop,
                interpolation=_interpolation(processor),
                mean=mean,
                std=std,
                crop_anchor="floor",
                channel_order="bgr" if _field(processor, "do_flip_channel_order") else "rgb",
            )
        except UsableError as error:
            raise _NoPicture(str(error).rstrip(".")) from error


def _geometries(processor: BaseImageProcessor) -> Iterator[tuple[int | Size | None, Size]]:
    size, crop = _size(processor, "size"), _size(processor, "crop_size")
    if not _field(processor, "do_center_crop"):
        crop = None
    if not _field(processor, "do_resize"):
        if isinstance(crop, tuple):
            yield None, crop
        return
    share = _field(processor, "crop_pct")
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
    said = _field(processor, name)
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


def _interpolation(processor: BaseImageProcessor) -> Interpolation:
    said = _field(processor, "resample")
    if _field(processor, "do_resize") and said not in _INTERPOLATIONS:
        raise _NoPicture(f"it interpolates by Pillow's code {said}, which is none of a passport's")
    return _INTERPOLATIONS.get(said, "bilinear")


def _normalisation(processor: BaseImageProcessor) -> tuple[_Three, _Three]:
    """Return mean and std of pixels in [0, 1], from a processor's rescaling and normalisation.

    It computes ((factor · x − shift) − mean) / std, and EfficientNet's divides by std once more.
    """
    factor = 255 * (_field(processor, "rescale_factor") if _field(processor, "do_rescale") else 1)
    shift = 1.0 if _field(processor, "rescale_offset") else 0.0
    mean, std, again = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (1.0, 1.0, 1.0)
    if _field(processor, "do_normalize"):
        mean, std = _three(processor, "image_mean"), _three(processor, "image_std")
    if _field(processor, "include_top"):
        again = _three(processor, "image_std")
    means = [(m + shift) / factor for m in mean]
    stds = [s * own / factor for s, own in zip(std, again, strict=True)]
    return (means[0], means[1], means[2]), (stds[0], stds[1], stds[2])


def _three(processor: BaseImageProcessor, name: str) -> _Three:
    said = _field(processor, name)
    values = [float(v) for v in (said if isinstance(said, list | tuple) else [said or 0.0])]
    values = values * 3 if len(values) == 1 else values
    if len(values) != 3:
        raise _NoPicture(f"{name} has {len(values)} numbers, and pictures have 3 channels")
    return values[0], values[1], values[2]


def _difference(passport: Preprocessing, processor: BaseImageProcessor) -> _Difference:
    """Return the largest difference of a passport from its processor on the probe pictures."""
    worst = _Difference(0.0, PROBES[0])
    std = torch.tensor(passport.std if passport.channel_order == "rgb" else passport.std[::-1])
    for picture in _probes(passport):
        own = passport.normalise(passport.geometry(picture)[None])[0]
        theirs = _answer(processor, picture)
        if theirs.shape != own.shape:
            return _Difference(math.inf, picture.size)
        levels = 255 * float(((own - theirs).abs() * std[:, None, None]).max())
        worst = max(worst, _Difference(levels, picture.size), key=lambda one: one.levels)
    return worst


def _answer(processor: BaseImageProcessor, picture: Image.Image) -> torch.Tensor:
    """Return what a processor makes of a picture: (3, H, W)."""
    try:
        answer = processor(picture, return_tensors="pt")
    except Exception as error:  # its code, on fields of whoever wrote them
        raise _NoPicture(f"it fails on a picture: {first_line(error)}") from error
    found = answer.get("pixel_values")
    if not isinstance(found, torch.Tensor) or found.ndim != 4 or found.shape[:2] != (1, 3):
        shown = tuple(found.shape) if isinstance(found, torch.Tensor) else ", ".join(answer)
        raise _NoPicture(f"it makes no picture (1, 3, height, width), but {shown}")
    return found[0].float()


def _probes(passport: Preprocessing) -> Iterator[Image.Image]:
    """Yield pictures of noise that has coarse and fine parts."""
    *fixed, (width, height) = PROBES
    if isinstance(passport.resize, int):
        margins = {
            w: int(passport.resize * w / height) - passport.crop[1] for w in range(width, 2 * width)
        }
        width = next((w for w, margin in margins.items() if margin % 4 == 3), width)
    for seed, size in enumerate((*fixed, (width, height))):
        generator = np.random.default_rng(seed)
        fine = generator.integers(0, 256, (size[1], size[0], 3))
        coarse = generator.integers(0, 256, (size[1] // 16 + 1, size[0] // 16 + 1, 3))
        coarse = coarse.repeat(16, 0).repeat(16, 1)[: size[1], : size[0]]
        yield Image.fromarray(((fine + 3 * coarse) // 4).astype(np.uint8))


def _name(processor: BaseImageProcessor) -> str:
    return type(processor).__name__.removesuffix("Pil")


def _field(processor: BaseImageProcessor, name: str) -> Any:  # noqa: ANN401 - any JSON
    return getattr(processor, name, None)
