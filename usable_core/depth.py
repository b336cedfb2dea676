"""Pictures of more than 8 bits per channel: which of their values is white."""

import io
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from usable_core.errors import ImageRefused

FULL = 65535  # white of 16 bits
# What is stored in 16 bits: 8 bits, 12 (X-ray, microscope) and 14 (thermal cameras).
_WHITES = (255, 4095, 16383)
_BITS, _PHOTOMETRIC, _HIGHEST = 258, 262, 281  # tags of TIFF 6.0


def mark(image: Image.Image, data: bytes) -> None:
    """Note in a grey picture's `info` what its file says of white: `white`, `is_inverted`."""
    if white := _stated_white(image, data):
        image.info["white"] = white
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        image.info["is_inverted"] = _first(image.tag_v2.get(_PHOTOMETRIC, 1)) == 0


def _stated_white(image: Image.Image, data: bytes) -> int | None:
    """Return the grey value that a file says is white; None where it does not say.

    TIFF says it by BitsPerSample, or by a MaxSampleValue that is one less than a power of two
    (others are statistics of the picture); PNG by the chunk sBIT.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        highest, bits = (_first(image.tag_v2.get(tag, 0)) for tag in (_HIGHEST, _BITS))
        if 0 < highest < FULL and highest & (highest + 1) == 0:
            return highest
        return 2**bits - 1 if 8 <= bits < 16 else None
    if image.format == "PNG":
        head = data[: max(data.find(b"IDAT"), 0)]
        place = head.find(b"sBIT")
        bits = head[place + 4] if place > 0 and place + 4 < len(head) else 16
        return 2**bits - 1 if 8 <= bits < 16 else None
    return None


def grey_of(image: Image.Image, name: str, white: int | None) -> NDArray[np.uint8]:
    """Return grey of more than 8 bits as 8 bits (H, W).

    Args:
        image: The picture.
        name: What it is called in the sentence of a refusal.
        white: The value that is white where the file does not say it; None where nobody knows.

    Raises:
        ImageRefused: values outside of 16 bits, or so dark that white is hardly 65535.
    """
    values = np.asarray(image).astype(np.int64)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > FULL:
        raise ImageRefused(
            f"{name} has grey values from {low} to {high}; 0 to {FULL} are understood. Save it "
            "with 8 or 16 bits."
        )
    white = image.info.get("white") or white
    if white is None and 0 < high <= _WHITES[1]:
        raise ImageRefused(
            f"{name} has 16-bit grey values up to {high} of {FULL}, as pictures of 12 bits have, "
            "and does not say which value is white: it would be nearly black. Save it with 8 bits."
        )
    white = white if white and high <= white else FULL
    if image.info.get("is_inverted"):
        values = white - values
    return np.round(values / (white / 255)).astype(np.uint8)


@dataclass
class Reach:
    """How far the 16-bit pictures of a data set reach, of those whose files do not say it.

    Attributes:
        grey: Largest grey value of 65535.
        colour: Largest value of a colour picture, of 255.
    """

    grey: int = 0
    colour: int | None = None

    def see(self, image: Image.Image, data: bytes) -> None:
        """Look at an opened picture; it is decoded only while that can tell something."""
        is_grey = image.mode.startswith("I")
        if is_grey and "white" not in image.info and self.grey <= _WHITES[-1]:
            with Image.open(io.BytesIO(data)) as again:
                self.grey = max(self.grey, int(np.asarray(again).max()))
        elif not is_grey and (self.colour or 0) <= 15 and _has_16_bits(image, data):
            with Image.open(io.BytesIO(data)) as again:
                bands = again.getextrema()
            pairs = bands if isinstance(bands[0], tuple) else (bands,)
            highest = max(int(pair[1]) for pair in pairs[: 3 if len(pairs) > 2 else 1])  # no alpha
            self.colour = max(self.colour or 0, highest)

    @property
    def white(self) -> int:
        """Return the grey value that is white: of the fewest bits that hold all pictures."""
        return next((white for white in _WHITES if 0 < self.grey <= white), FULL)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a reader of numbers on these pictures must know."""
        found = []
        if self.white != FULL:
            found.append(
                f"The 16-bit grey pictures reach {self.grey} of {FULL}, and their files do not say "
                f"their range: they were read as {self.white.bit_length()}-bit pictures, in which "
                f"{self.white} is white. Save them with 8 bits if that is not so."
            )
        if self.colour is not None and self.colour <= 15:
            found.append(
                f"The 16-bit colour pictures are nearly black: they reach {self.colour} of 255, as "
                "12-bit pictures stored in 16 bits do. Save them with 8 bits."
            )
        return tuple(found)


def _has_16_bits(image: Image.Image, data: bytes) -> bool:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return _first(image.tag_v2.get(_BITS, 8)) == 16
    return image.format == "PNG" and struct.unpack(">B", data[24:25])[0] == 16


def _first(tag: Any) -> int:  # noqa: ANN401 - whatever Pillow read: a number, or several
    return int(tag[0] if isinstance(tag, tuple) else tag)
