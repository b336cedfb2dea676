"""Maps over their picture side by side in one PNG, with what they are called: to be shown about."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from usable_core.images import encode_png

SIDE, GAP = 480, 24  # pixels: the longer side of a picture, and what lies between
TITLE, TEXT = 26, 19  # pixels: heights of letters
INK, PALE, PAPER = (20, 28, 36), (88, 98, 108), (255, 255, 255)


@dataclass(frozen=True)
class Tile:
    """A picture with a line above it and one below.

    Attributes:
        title: Above.
        text: Below.
        image: RGB (H, W, 3) uint8.
    """

    title: str
    text: str
    image: np.ndarray


def sheet(title: str, rows: Sequence[Sequence[Tile]]) -> bytes:
    """Return tiles in rows under a title, PNG; words that do not fit are cut, and end in dots."""
    height_of = [max(_scaled(tile.image).height for tile in row) for row in rows]
    line = TEXT + GAP // 2
    columns = max(len(row) for row in rows)
    width = columns * (SIDE + GAP) + GAP
    height = 2 * GAP + TITLE + sum(height + 2 * line + GAP for height in height_of)
    page = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(page)
    _write(draw, (GAP, GAP), title, TITLE, INK, width - 2 * GAP)
    top = 2 * GAP + TITLE
    for row, tall in zip(rows, height_of, strict=True):
        for k, tile in enumerate(row):
            left = GAP + k * (SIDE + GAP)
            _write(draw, (left, top), tile.title, TEXT, INK, SIDE)
            page.paste(_scaled(tile.image), (left, top + line))
            _write(draw, (left, top + line + tall + GAP // 4), tile.text, TEXT, PALE, SIDE)
        top += tall + 2 * line + GAP
    return encode_png(np.asarray(page))


def _scaled(image: np.ndarray) -> Image.Image:
    """Return a picture whose longer side has its size; of few pixels each stays a square."""
    picture = Image.fromarray(image)
    factor = SIDE / max(picture.size)
    size = max(1, round(picture.width * factor)), max(1, round(picture.height * factor))
    how = Image.Resampling.NEAREST if factor > 3 else Image.Resampling.LANCZOS
    return picture.resize(size, how)


def _write(
    draw: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    size: int,
    ink: tuple[int, int, int],
    most: int,
) -> None:
    font = ImageFont.load_default(size)
    while text and draw.textlength(text, font=font) > most:
        text = text.removesuffix(" …")[:-1].rstrip() + " …" if len(text) > 2 else ""
    draw.text(at, text, font=font, fill=ink)
