"""A picture as a caller has it, a file or an array, to upright 8-bit RGB, or a sentence why not."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from usable_core.decoding_limits import MAX_BYTES
from usable_core.errors import ImageRefused
from usable_core.files import placed, read_regular
from usable_core.images import as_rgb, decode, upright

ImageLike = Image.Image | bytes | str | Path | NDArray[np.generic]

# Half a grey level, as `models.model.check_pixels` allows.
_TOLERANCE = 0.5 / 255
_WANTED = "a PIL image, an array (H, W, 3), a file's bytes, or its path"


def picture_of(image: object) -> Image.Image:
    """Return the picture upright, in 8-bit RGB.

    Args:
        image: A PIL image, a file's bytes or its path, or an array: uint8, or floats in [0, 1]
            (rounded to 8 bits), of shape (H, W, 3), or (H, W) for grey.

    Raises:
        ImageRefused: it is nothing of these, or cannot be read.
    """
    if isinstance(image, Image.Image):
        return as_rgb(upright(image), "the image")
    if isinstance(image, (bytes, bytearray)):
        return decode(bytes(image), "the image")
    if isinstance(image, (str, Path)):
        return decode(_read(placed(image)), Path(image).name)
    if isinstance(image, np.ndarray):
        return _of_array(image)
    if type(image).__module__.split(".")[0] == "torch":
        raise ImageRefused(
            f"Here a picture is needed ({_WANTED}), but a tensor came, which is what a model sees "
            "after resize and crop. Give x.permute(1, 2, 0).numpy() if its size is to be changed."
        )
    raise ImageRefused(
        f"A picture must be {_WANTED}, but is of the type {type(image).__name__}. Convert it."
    )


def _read(path: Path) -> bytes:
    try:
        return read_regular(path, MAX_BYTES)
    except OSError as error:
        raise ImageRefused(f"{path} cannot be read: {error.strerror}. Check the path.") from error


def _of_array(array: NDArray[np.generic]) -> Image.Image:
    grey_or_rgb = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3))
    if not grey_or_rgb or array.size == 0:
        raise ImageRefused(
            f"An array must be a picture of shape (height, width, 3), or (height, width) if grey, "
            f"but has the shape {array.shape}. Move the channels to the end."
        )
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= -_TOLERANCE and high <= 1 + _TOLERANCE):  # so that NaN is refused too
            raise ImageRefused(
                f"Pixels given as floats must be in [0, 1], but reach from {low:.3g} to "
                f"{high:.3g}. Divide bytes by 255, and undo a normalisation."
            )
        array = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise ImageRefused(
            f"Pixels must be uint8, or floats in [0, 1], but are {array.dtype}. Convert them."
        )
    plane = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    return Image.fromarray(np.ascontiguousarray(plane)).convert("RGB")
