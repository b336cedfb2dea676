"""Which pictures of a data set show the same, or nearly so, whatever their files.

Every picture is decoded once. Where that was dear, what was found is kept for the next time.
"""

import hashlib
import time
import zipfile
import zlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from usable_core import settings
from usable_core.bounds import keep_newest
from usable_core.datasets.duplicates import near_equal
from usable_core.errors import ImageRefused, StorageError
from usable_core.evaluations.specs import InputKind, Report, silent
from usable_core.files import is_there, replacing
from usable_core.texts import alike_key

THUMBNAIL = 16  # pixels, both ways
MOST = 100_000  # pictures: of more, files are compared by their bytes alone
_FORM = 2  # of what is kept: raised where it says something else
# Width and height in pixels; mean and deviation of the luminance (ITU-R BT.601), in [0, 1].
LOOKS = ("width", "height", "brightness", "contrast")
_PIECE = 64  # pictures per piece of work
_WORKERS = 4
_DEAR = 1.0  # seconds of looking, from which it is worth a file
_IN_MEMORY = 8  # data sets
_ON_DISK = 256 * 2**20  # bytes of all data sets
_BROKEN = (zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Contents:
    """What the pictures of a data set show.

    Attributes:
        hashes: Of each picture's size and pixels (N,); of its file where it cannot be decoded.
        near: Pairs (P, 2), first < second, of pictures that are equal or nearly so; None where
            these are too many, and of more than 100,000 pictures, whose hashes are those of their
            files.
        looks: `LOOKS` of each picture (N, 4); NaN where it was not decoded.
    """

    hashes: NDArray[np.str_]
    near: NDArray[np.int64] | None
    looks: NDArray[np.float32]


@dataclass(frozen=True)
class Examples:
    """Pictures, or texts, to be looked at.

    Attributes:
        key: Name of this very set of examples, in this order.
        ids: Hash of each file, or text (N,).
        open: Decodes example i.
        kind: What they are.
    """

    key: str
    ids: Sequence[str]
    open: Callable[[int], Any]
    kind: InputKind = "picture"


_known: dict[str, Contents] = {}


def contents_of(examples: Examples, report: Report = silent) -> Contents:
    """Return what examples show; from memory or disk where they were looked at before.

    Raises:
        DatasetRefused: the data set gives another picture at each look.
        Cancelled: through `report`.
    """
    if examples.key not in _known:
        path = settings.home() / "contents" / f"{examples.key}_{_FORM}.npz"
        began = time.monotonic()
        found = _read(path, len(examples.ids)) or _look(examples, report)
        if time.monotonic() - began > _DEAR and not is_there(path):
            with suppress(StorageError):  # only time is lost
                _write(path, found)
        while len(_known) >= _IN_MEMORY:
            _known.pop(next(iter(_known)))
        _known[examples.key] = found
    return _known[examples.key]


def _look(examples: Examples, report: Report) -> Contents:
    count = len(examples.ids)
    if examples.kind == "text":
        return _look_at_texts([examples.open(i) for i in range(count)])
    looks = np.full((count, len(LOOKS)), np.nan, dtype=np.float32)
    if count > MOST:
        return Contents(np.array(examples.ids), None, looks)
    hashes = np.array(examples.ids, dtype="U16")
    thumbnails = np.zeros((count, THUMBNAIL, THUMBNAIL, 3), dtype=np.uint8)

    def look(start: int) -> None:
        for i in range(start, min(start + _PIECE, count)):
            with suppress(ImageRefused):  # it is told of where the picture is needed
                picture = examples.open(i)
                hashes[i] = _hash(picture)
                looks[i] = look_of(picture)
                small = picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR)
                thumbnails[i] = np.asarray(small)

    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="look") as pool:
        starts = range(0, count, _PIECE)
        for done, _ in enumerate(pool.map(look, starts), start=1):
            report(min(done * _PIECE, count), count, "Looking for equal pictures")
    report(count, count, "Looking for nearly equal pictures")
    return Contents(hashes, near_equal(thumbnails), looks)


def _look_at_texts(texts: Sequence[str]) -> Contents:
    """Return which texts are equal, or nearly so: they differ in case, spaces and punctuation."""
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:16] for text in texts]
    first: dict[str, int] = {}
    pairs = [(first.setdefault(alike_key(text) or text, i), i) for i, text in enumerate(texts)]
    near = [(a, b) for a, b in pairs if a != b and hashes[a] != hashes[b]]
    looks = np.full((len(texts), len(LOOKS)), np.nan, dtype=np.float32)
    return Contents(np.array(hashes), np.array(near, dtype=np.int64).reshape(-1, 2), looks)


def look_of(picture: Image.Image) -> tuple[float, ...]:
    """Return `LOOKS` of a picture (RGB)."""
    counts = np.array(picture.convert("L").histogram())
    greys = np.arange(256) / 255
    mean = float(counts @ greys / counts.sum())
    return *picture.size, mean, float(np.sqrt(counts @ (greys - mean) ** 2 / counts.sum()))


def _hash(picture: Image.Image) -> str:
    size = "x".join(map(str, picture.size))
    return hashlib.sha256(size.encode() + picture.tobytes()).hexdigest()[:16]


def _read(path: Path, count: int) -> Contents | None:
    """Return what was found before; None where that is not there, damaged, or of other pictures."""
    try:
        with path.open("rb") as file, np.load(file) as arrays:
            found = Contents(arrays["hashes"], arrays["near"], arrays["looks"])
        pairs = found.near
        is_whole = found.hashes.shape == (count,) and found.hashes.dtype.kind == "U"
        is_whole &= found.looks.shape == (count, len(LOOKS))
        is_whole &= pairs is not None and pairs.dtype == np.int64 and pairs.shape[1:] == (2,)
        is_whole &= pairs is not None and bool(((pairs >= 0) & (pairs < count)).all())
    except (
        OSError,
        ValueError,
        LookupError,
        EOFError,
        MemoryError,
        zipfile.BadZipFile,
        zlib.error,
    ):
        return None
    return found if is_whole else None


def _write(path: Path, contents: Contents) -> None:
    if contents.near is not None:
        with replacing(path) as file:
            np.savez(file, hashes=contents.hashes, near=contents.near, looks=contents.looks)
        keep_newest(path.parent, _ON_DISK)
