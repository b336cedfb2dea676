"""What decoding a stranger's picture may cost, looked at before a pixel is decoded.

Pillow's parsers and decoders are bounded in memory but not in time: each of these limits stands for
files of a few megabytes on which they work for minutes.
"""

import io
import re
import struct

from PIL import Image, TiffImagePlugin

from usable_core.errors import ImageRefused

MAX_PIXELS = 40_000_000
MAX_BYTES = 50 * 2**20
MAX_SIDE = 65_535  # JPEG's own; resizing takes memory for a picture's longer side
MAX_SCANS = 100  # of a JPEG: each goes over all of the picture; the usual progressive one has 10
MAX_PARTS = 100_000  # strips or tiles of a TIFF
# Reads of a parser, such as of chunks, markers and blocks; a photograph has some hundred.
_STEPS_TO_OPEN, _STEPS = 10_000, 1_000_000
_METADATA = 16 * 2**20  # bytes in small pieces, which parsers put together again and again
_SMALL = 2**16
_PARTS_OF_TIFF = {273, 279, 324, 325}  # where strips and tiles begin, and how long they are
_TILE_SIDES = (322, 323)
# The end of a JPEG's scan: a marker that is neither a stuffed zero, a restart, nor filling.
_MARKER = re.compile(rb"\xff([^\x00\xd0-\xd7\xff])", re.DOTALL)
_START_OF_SCAN, _END_OF_IMAGE, _START_OF_IMAGE = 0xDA, 0xD9, 0xD8


class Reader(io.BytesIO):
    """A file's bytes for Pillow, in a bounded number of reads: fewer before it is opened."""

    def __init__(self, data: bytes, name: str) -> None:
        super().__init__(data)
        self._name = name
        self._steps, self._metadata = _STEPS_TO_OPEN, _METADATA

    def opened(self) -> None:
        """Tell that what is read from now on are pixels."""
        self._steps, self._metadata = _STEPS, MAX_BYTES * 2

    def read(self, size: int | None = -1, /) -> bytes:
        """Return bytes as a file does.

        Raises:
            ImageRefused: there were too many reads.
        """
        data = super().read(size)
        self._steps -= 1
        self._metadata -= len(data) if len(data) <= _SMALL else 0
        if self._steps < 0 or self._metadata < 0:
            raise _too_long(self._name, "it is made of too many pieces")
        return data


def check_file(data: bytes, name: str) -> None:
    """Check what is known of a file before it is opened.

    Raises:
        ImageRefused: it is empty, too large, or would take too long.
    """
    if not data:
        raise ImageRefused(f"{name} is empty (0 bytes). Choose a picture file.")
    if len(data) > MAX_BYTES:
        raise ImageRefused(
            f"{name} has {len(data) / 2**20:.0f} MB; at most {MAX_BYTES // 2**20} MB are read. "
            "Save it smaller."
        )
    if data[:2] == b"\xff\xd8" and data.count(b"\xff\xda") > MAX_SCANS:  # may be in its metadata
        if _has_more_scans(data):
            raise _too_long(name, f"it is drawn in more than {MAX_SCANS} scans")
    elif data[:2] in (b"II", b"MM") and _parts_of_tiff(data) > MAX_PARTS:
        raise _too_long(name, f"it is cut into more than {MAX_PARTS} strips or tiles")


def check_opened(image: Image.Image, name: str) -> None:
    """Check what an opened picture says of its size.

    Raises:
        ImageRefused: it is too large.
    """
    check_size(image.size, name)
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        sides = [image.tag_v2.get(tag, 1) for tag in _TILE_SIDES]
        if all(isinstance(side, int) for side in sides) and sides[0] * sides[1] > MAX_PIXELS:
            raise too_many_pixels(name, f"tiles of {sides[0]} x {sides[1]} pixels, more than")


def check_size(size: tuple[int, int], name: str) -> None:
    """Check a width and a height.

    Raises:
        ImageRefused: there are too many pixels, or too many in one direction.
    """
    width, height = size
    if width * height > MAX_PIXELS:
        raise too_many_pixels(name, f"{width} x {height} pixels, more than")
    if max(size) > MAX_SIDE:
        raise ImageRefused(
            f"{name} has {width} x {height} pixels; a side may have {MAX_SIDE}. Crop it."
        )


def too_many_pixels(name: str, what: str) -> ImageRefused:
    """Return the refusal of a picture that is too large."""
    return ImageRefused(
        f"{name} has {what} the {MAX_PIXELS // 1_000_000} million pixels that are decoded. "
        "Scale it down."
    )


def _too_long(name: str, why: str) -> ImageRefused:
    return ImageRefused(f"{name} would take too long to decode: {why}. Save it anew.")


def _has_more_scans(data: bytes) -> bool:
    """Tell whether the first picture of a JPEG file has more scans than are decoded."""
    at, scans = 2, 0
    while (marker := _MARKER.search(data, at)) and scans <= MAX_SCANS:
        kind, at = marker[1][0], marker.end()
        if kind == _END_OF_IMAGE:
            return False
        scans += kind == _START_OF_SCAN
        if kind != _START_OF_IMAGE:
            at += int.from_bytes(data[at : at + 2], "big")
    return scans > MAX_SCANS


def _parts_of_tiff(data: bytes) -> int:
    """Return the number of strips or tiles that the first directory of a TIFF tells of."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in (b"\x2b\0", b"\0\x2b")
    word, count, entry = ("Q", "Q", "HHQQ") if is_big else ("I", "H", "HHII")
    try:
        (at,) = struct.unpack_from(order + word, data, 8 if is_big else 4)
        (entries,) = struct.unpack_from(order + count, data, at)
        first, step = at + struct.calcsize(order + count), struct.calcsize(order + entry)
        found = [
            struct.unpack_from(order + entry, data, first + step * number)
            for number in range(min(entries, 2**16))
        ]
    except struct.error:
        return 0  # it is cut off, which Pillow says
    return max((count for tag, _, count, _ in found if tag in _PARTS_OF_TIFF), default=0)
