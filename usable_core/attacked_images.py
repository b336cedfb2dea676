"""The pictures that a robustness run kept: each attacked example at every epsilon, and the change.

They are PNG files: JPEG would destroy the perturbation. `measuring/gallery.py` writes them.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

COLUMNS = ("file", "index", "epsilon", "prediction", "saved_prediction")
SHOWN = 160  # px, the least width of a picture on the screen

Picture = NDArray[np.uint8]


def kept_images(folder: Path) -> pd.DataFrame:
    """Return one row per picture of a run's folder; no rows where it kept none.

    Columns: file, index, epsilon, prediction, saved_prediction (after rounding to grey levels).
    """
    listing = folder / "gallery" / "gallery.json"
    if not listing.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    stored = json.loads(listing.read_text(encoding="utf-8"))
    entries = stored["entries"] if isinstance(stored, dict) else stored  # a list before 0.2
    return pd.DataFrame(entries, columns=list(COLUMNS))


def kept_files(folder: Path, epsilon: float) -> dict[int, Path]:
    """Return the kept pictures at one epsilon, by the index of their example."""
    kept = kept_images(folder)
    at = kept[np.isclose(kept["epsilon"].astype(float), epsilon, rtol=1e-9)]
    return {
        int(index): folder / "gallery" / Path(file).name
        for index, file in zip(at["index"], at["file"], strict=True)
    }


def open_image(folder: Path, file: str) -> Picture:
    """Return a kept picture (H, W, 3); `file` is as `kept_images` lists it."""
    return np.array(Image.open(folder / "gallery" / Path(file).name).convert("RGB"))


def amplified_difference(clean: Picture, attacked: Picture, factor: float) -> Picture:
    """Return (attacked − clean) · factor around middle grey (H, W, 3): what the attack changed."""
    change = attacked.astype(np.float64) - clean.astype(np.float64)
    return np.clip(np.rint(127.5 + factor * change), 0, 255).astype(np.uint8)


def enlarged(picture: Picture, width: int = SHOWN) -> Picture:
    """Return a small picture with every pixel a square, at least `width` wide; never smoothed."""
    times = max(1, -(-width // picture.shape[1]))
    return np.repeat(np.repeat(picture, times, axis=0), times, axis=1)


def side_by_side(pictures: Sequence[Picture], gap: int = 8) -> Picture:
    """Return pictures (H, W, 3) of one size in a row (H, W', 4), transparent between them."""
    height = pictures[0].shape[0]
    space = np.zeros((height, gap, 4), dtype=np.uint8)
    parts = []
    for picture in pictures:
        opaque = np.full((*picture.shape[:2], 1), 255, dtype=np.uint8)
        parts += [np.concatenate([picture, opaque], axis=2), space]
    return np.concatenate(parts[:-1], axis=1)
