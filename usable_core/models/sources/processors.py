"""From an image processor of transformers to a passport, which the processor itself judges.

A processor says what it does in its own fields, and some do it in ways of their own (LeViT enlarges
before it crops, EfficientNet divides twice). So the fields are read plainly, the few known ways are
tried, and what counts is the comparison: on three pictures, processor and passport must agree in
every pixel. The processor is that of Pillow; the one of torchvision gives other pixels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

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
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.json_files import read_json
from usable_core.models.sources.loaded_networks import quiet
from usable_core.models.sources.processor_fields import (
    NoPicture,
    field_of,
    geometries,
    interpolation,
    normalisation,
)

# Width and height of the pictures that passports are judged on; of the last, the width is chosen
# so that the two ways of rounding a crop's margin differ.
PROBES = ((641, 480), (333, 501), (100, 90))
# Grey levels of 255: float32 is off by a thousandth of this.
_AGREE = 0.01
_AGAIN = "Fetch or copy the model again."
# What no passport does, by the fields of a processor that ask for it.
_OTHER = {
    "do_pad": "it pads pictures",
    "do_thumbnail": "it shrinks pictures to fit and pads them",
    "do_color_quantize": "it turns pixels into clusters of colours",
    "max_num_patches": "it cuts each picture into up to {} patches, in a grid of its own shape",
    "size_divisor": "it rounds both sides up to multiples of {}",
    "do_pan_and_scan": "it cuts pictures into several crops",
}


@dataclass(frozen=True)
class _Difference:
    """How far a passport is from a processor, and on which picture.

    Attributes:
        levels: Of 255; infinite where the processor's picture has another size.
        picture: Width and height.
    """

    levels: float
    picture: tuple[int, int]


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
    except NoPicture as error:
        refused = str(error)
    if closest is not None:
        width, height = closest.picture
        refused = f"on a picture of {width} × {height} pixels, the nearest way "
        refused += (
            "gives another size than its own"
            if math.isinf(closest.levels)
            else f"differs from it by {closest.levels:.3g} grey levels"
        )
    asked = ((field_of(processor, name), said) for name, said in _OTHER.items())
    reasons = [said.format(value) for value, said in asked if value not in (None, False)]
    reasons += [refused] if refused else [] if reasons else [_of_no_size(processor)]
    raise CheckpointError(
        f"How {_name(processor)} in {file} of {folder.name} prepares pictures cannot be done here: "
        f"{'; '.join(reasons)}. Choose another model, or take that file out of the folder and say "
        "what is meant by --preprocessing."
    )


def _of_no_size(processor: BaseImageProcessor) -> str:
    """Return why a processor's pictures have no one size."""
    is_kept = field_of(processor, "do_resize") and field_of(processor, "size")
    return "each picture keeps its shape" if is_kept else "its fields say no size"


def has_processor(folder: Path) -> bool:
    """Tell whether a folder says how its pictures are prepared."""
    return any(is_file(folder / name) for name in PROCESSORS)


def _processor(folder: Path, config: PretrainedConfig) -> tuple[BaseImageProcessor, str]:
    file = next(name for name in PROCESSORS if is_file(folder / name))
    of_file = f"{file} of {folder.name}"
    try:
        said = read_json(folder / file)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{of_file} cannot be read as JSON: {why(error)}. {_AGAIN}"
        ) from error
    said = said.get("image_processor", said) if isinstance(said, dict) else said
    if not isinstance(said, dict):
        raise CheckpointError(f"{of_file} must be a JSON object. {_AGAIN}")
    _check_known(said.get("image_processor_type") or said.get("feature_extractor_type"), of_file)
    try:
        with quiet():
            processor = AutoImageProcessor.from_pretrained(
                folder, config=config, backend="pil", trust_remote_code=False, local_files_only=True
            )
    except Exception as error:  # its code, on fields of whoever wrote them
        raise CheckpointError(
            f"{of_file} cannot be used by transformers {transformers.__version__}: "
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
    try:
        mean, std = normalisation(processor)
        sizes = list(dict.fromkeys(geometries(processor)))
        how = interpolation(processor)
    except (TypeError, ValueError, ArithmeticError) as error:
        said = first_line(error)
        raise NoPicture(f"its fields hold what cannot be computed with ({said})") from error
    for resize, crop in sizes:
        try:
            yield Preprocessing(
                resize=resize,
                crop=crop,
                interpolation=how,
                mean=mean,
                std=std,
                crop_anchor="floor",
                channel_order="bgr" if field_of(processor, "do_flip_channel_order") else "rgb",
            )
        except UsableError as error:
            raise NoPicture(str(error).rstrip(".")) from error


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
        raise NoPicture(f"it fails on a picture: {first_line(error)}") from error
    found = answer.get("pixel_values")
    if not isinstance(found, torch.Tensor) or found.ndim != 4 or found.shape[:2] != (1, 3):
        shown = tuple(found.shape) if isinstance(found, torch.Tensor) else ", ".join(answer)
        raise NoPicture(f"it makes no picture (1, 3, height, width), but {shown}")
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
