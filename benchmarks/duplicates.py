"""Planted near-duplicates: how many are found, what else is reported, how long it takes.

    python -m benchmarks.duplicates [--pictures FILE.parquet] [--count 50000] [--planted 1000]

Pictures come from a Parquet file, else they are smooth random ones. Some of them are replaced by a
changed copy of another: saved as JPEG of quality 75, 2 pixels cut off every side or off the left
and the upper one and scaled back, a sixteenth cut off every side, mirrored, 5 % brighter or darker,
or several of these. Ours is `datasets/duplicates.py`; the peer is a perceptual hash (imagehash's
phash, 64 bits) within a distance: equal hashes are what CleanVision calls near duplicates.

Pairs that were not planted may be true near-duplicates of the data set, as CIFAR-10 has many;
chance pairs would mostly join different classes, so those tell how many are false at least.
"""

import argparse
import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from PIL import Image, ImageEnhance, ImageOps

from benchmarks._timing import conditions
from usable_core import images
from usable_core.datasets.contents import THUMBNAIL
from usable_core.datasets.duplicates import near_equal

DISTANCES = (0, 4, 8, 12)  # bits of the peer's hashes
ROWS = 1000  # hashes compared at once


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--planted", type=int, default=140)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    pictures, labels = loaded(asked.pictures, asked.count)
    planted = plant(pictures, asked.planted, np.random.default_rng(asked.seed))
    print(f"{conditions()}; {len(pictures)} pictures, {len(planted)} of them planted\n")

    began = time.process_time()
    small = [p.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR) for p in pictures]
    thumbnails = np.stack([np.asarray(one) for one in small])
    shrunk = time.process_time() - began
    began = time.process_time()
    found = {"ours": {tuple(pair) for pair in near_equal(thumbnails).tolist()}}
    seconds = {"ours": (shrunk, time.process_time() - began)}
    for name, pairs, spent in peer(pictures):
        found[name], seconds[name] = pairs, spent
    print(table(planted, found))
    print()
    print(summary(planted, found, seconds, labels))


def loaded(path: Path | None, count: int) -> tuple[list[Image.Image], np.ndarray]:
    """Return pictures and their classes."""
    if path is None:
        generator = np.random.default_rng(0)
        noise = generator.integers(0, 256, (count, 5, 5, 3), dtype=np.uint8)
        made = [Image.fromarray(n).resize((32, 32), Image.Resampling.BICUBIC) for n in noise]
        return made, generator.integers(0, 10, count)
    rows = pq.read_table(path).slice(0, count)
    data = rows["image"].to_pylist()
    pictures = [images.decode(row["bytes"], f"row {i}") for i, row in enumerate(data)]
    return pictures, rows["label"].to_numpy()


def saved_anew(image: Image.Image) -> Image.Image:
    """Return a picture as JPEG of quality 75 shows it."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=75)
    return images.decode(buffer.getvalue(), "copy")


def cropped(image: Image.Image, x: int, y: int, *, is_corner: bool = False) -> Image.Image:
    """Return a picture without its edges, scaled back; of a corner only left and upper edges."""
    right, bottom = (0, 0) if is_corner else (x, y)
    inner = image.crop((x, y, image.width - right, image.height - bottom))
    return inner.resize(image.size, Image.Resampling.BICUBIC)


def brightened(image: Image.Image, factor: float) -> Image.Image:
    """Return a picture with its values multiplied."""
    return ImageEnhance.Brightness(image).enhance(factor)


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 75": saved_anew,
    "crop 2 px": lambda p: cropped(p, 2, 2),
    "crop 2 px, one corner": lambda p: cropped(p, 2, 2, is_corner=True),
    "crop 1/16": lambda p: cropped(p, p.width // 16, p.height // 16),
    "flip": ImageOps.mirror,
    "brightness +5 %": lambda p: brightened(p, 1.05),
    "brightness −5 %": lambda p: brightened(p, 0.95),
    "flip, crop 2 px, +5 %, JPEG": lambda p: saved_anew(
        brightened(cropped(ImageOps.mirror(p), 2, 2), 1.05)
    ),
}


def plant(
    pictures: list[Image.Image], count: int, generator: np.random.Generator
) -> dict[tuple[int, int], str]:
    """Replace pictures by changed copies of others; return the pairs and what was done to each."""
    order = generator.permutation(len(pictures))
    names, planted = list(CHANGES), {}
    for k in range(min(count, len(pictures) // 2)):
        source, place = int(order[2 * k]), int(order[2 * k + 1])
        name = names[k % len(names)]
        pictures[place] = CHANGES[name](pictures[source])
        planted[min(source, place), max(source, place)] = name
    return planted


def peer(pictures: list[Image.Image]):  # noqa: ANN201 - name, pairs, (seconds, seconds)
    """Yield what a perceptual hash finds within each distance; nothing where it is not here."""
    try:
        import imagehash
    except ImportError:
        print("imagehash is not installed: no peer.\n")
        return
    began = time.process_time()
    bits = [np.packbits(imagehash.phash(picture).hash.ravel()) for picture in pictures]
    hashes = np.stack(bits).view(np.uint64)[:, 0]
    hashed = time.process_time() - began
    for distance in DISTANCES:
        began = time.process_time()
        found = set()
        for start in range(0, len(hashes), ROWS):
            apart = np.bitwise_count(hashes[start : start + ROWS, None] ^ hashes[None, start:])
            i, j = np.nonzero(apart <= distance)
            found |= {(start + a, start + b) for a, b in zip(i.tolist(), j.tolist()) if a < b}  # noqa: B905
        yield f"phash ≤ {distance}", found, (hashed, time.process_time() - began)


def table(planted: dict[tuple[int, int], str], found: dict[str, set[tuple[int, int]]]) -> str:
    """Return the share of planted pairs that each finds, by what was done to them."""
    lines = [f"| planted | n | {' | '.join(found)} |", "|---|---:|" + "---:|" * len(found)]
    for name in CHANGES:
        pairs = [pair for pair, change in planted.items() if change == name]
        shares = [f"{100 * np.mean([p in f for p in pairs]):.1f} %" for f in found.values()]
        lines.append(f"| {name} | {len(pairs)} | {' | '.join(shares)} |")
    shares = [f"{100 * np.mean([p in f for p in planted]):.1f} %" for f in found.values()]
    lines.append(f"| all | {len(planted)} | {' | '.join(shares)} |")
    return "\n".join(lines)


def summary(
    planted: dict[tuple[int, int], str],
    found: dict[str, set[tuple[int, int]]],
    seconds: dict[str, tuple[float, float]],
    labels: np.ndarray,
) -> str:
    """Return what else is reported, and the processor time after decoding."""
    touched = {i for pair in planted for i in pair}
    lines = [
        "| | pairs besides | pictures in them | joining two classes | describing | comparing |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, pairs in found.items():
        others = [pair for pair in pairs if not touched & set(pair)]
        within = len({i for pair in others for i in pair}) / len(labels)
        apart = sum(labels[i] != labels[j] for i, j in others)
        describing, comparing = seconds[name]
        lines.append(
            f"| {name} | {len(others)} | {100 * within:.2f} % | {apart} | {describing:.1f} s | "
            f"{comparing:.1f} s |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
