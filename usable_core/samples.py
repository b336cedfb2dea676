"""Pictures of the digits data set for display, read without importing scikit-learn."""

import functools
import gzip
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 8  # pixels
WHITE = 16  # the largest value in the file


@functools.lru_cache(maxsize=4)
def digit_strip(count: int = 10, scale: int = 8) -> Image.Image | None:
    """Return the first `count` digits side by side, enlarged; None without scikit-learn's file.

    Args:
        count: How many of the 1,797 digits; the first ten are 0 to 9.
        scale: Screen pixels per pixel.
    """
    path = _file()
    if path is None:
        return None
    with gzip.open(path, "rt", encoding="ascii") as lines:
        rows = [line.split(",")[: SIDE * SIDE] for line in islice(lines, count)]
    digits = np.array(rows, dtype=np.float32).reshape(-1, SIDE, SIDE) / WHITE  # (N, 8, 8)
    strip = np.hstack([np.pad(digit, 1) for digit in digits])
    grey = np.round(strip * 255).astype(np.uint8)
    size = (grey.shape[1] * scale, grey.shape[0] * scale)
    return Image.fromarray(grey).resize(size, Image.Resampling.NEAREST)


def _file() -> Path | None:
    spec = find_spec("sklearn")  # finds the package without running it
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
    return path if path.is_file() else None
