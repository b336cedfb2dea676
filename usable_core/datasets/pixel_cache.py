"""Decoded pictures of a data set in one file of the home, for those that memory does not hold.

The file has a place for every picture of the whole data set, so that all its parts, limits and
seeds share it, and is sparse: a picture that was never decoded takes no space. Behind the pixels
stands a mark of each picture, its check sum, which is written after them and looked at whenever
they are read: a picture of which an ended process left a half, or that the disk has changed, does
not fit its mark and is decoded again.

The file is read and written by calls, not through memory: a full disk is then an error with a
sentence, and no signal that ends the process. What was read stays in the system's own cache.
"""

import errno
import math
import os
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from io import FileIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core import settings
from usable_core.bounds import keep_newest, size_on_disk
from usable_core.datasets.dataset import Dataset, hash_all
from usable_core.datasets.pixels import CHUNK, decoded, unreadable
from usable_core.errors import DatasetRefused, StorageError
from usable_core.evaluations.specs import Report, silent
from usable_core.files import is_disk_full, make_folder, refusing, touch, why
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.machine import free_bytes
from usable_core.versions import versions

SHARE = 0.5  # of the disk that would be free without them: so much may all these files take
AHEAD = 2  # batches that may wait to be asked for
_RULE = 1  # of how a file becomes pixels: raised where that changes
_MARK = np.dtype("<u8")
_IS_THERE = 1 << 32  # in a mark, above its check sum


class PixelCache:
    """Decoded pictures of a part of a data set, uint8 (n, 3, H, W), read when they are asked for.

    Attributes:
        device: Where they come to.
        path: The file.
    """

    device = torch.device("cpu")

    def __init__(self, dataset: Dataset, geometry: Preprocessing) -> None:
        """Look what is there; nothing is written.

        Args:
            dataset: The part.
            geometry: How a picture becomes pixels.
        """
        whole = dataset.whole or dataset
        self._dataset, self._geometry, self._total = dataset, geometry, len(whole)
        self._shape = (3, *geometry.crop)
        self._size = math.prod(self._shape)
        self.path = settings.home() / settings.PIXELS / f"{_key(whole, geometry)}.pixels"
        of_whole = np.arange(self._total) if dataset.positions is None else dataset.positions
        self._positions: NDArray[np.int64] = of_whole
        self._marks, self._places = self._read_marks(), np.zeros(0, dtype=np.int64)
        self._expected: dict[tuple[int, ...], Future[Tensor]] = {}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pixels")

    @property
    def needed(self) -> int:
        """Return the bytes that `fill` writes."""
        return len(self._lacking()) * self._size

    @property
    def room(self) -> float:
        """Return the bytes that `fill` may write: files of other data give way."""
        return self._most() - _bytes([self.path])

    def fill(self, report: Report = silent) -> Tensor:
        """Decode what is not there yet and return which pictures of the part can be read (n,).

        One that cannot is left out, and listed by `dataset.left_out`. Of other data those files
        are deleted that were used longest ago, until there is room.

        Raises:
            DatasetRefused: not one can be read.
            StorageError: the disk is full, or the file cannot be written.
            Cancelled: through `report`; what is decoded is kept.
        """
        dataset = self._dataset
        with refusing(self.path):
            self._file = self._opened()
        self._marks = self._read_marks()
        lacking = self._lacking()
        if math.isfinite(most := self._most()):
            keep_newest(self.path.parent, int(most) - self.needed)
        done = len(dataset) - len(lacking)
        for chunk, indices in decoded(dataset.take(lacking), self._geometry, CHUNK):
            for pixels, index in zip(chunk.numpy(), indices.tolist(), strict=True):
                self._write(int(self._positions[lacking[index]]), pixels)
            done += len(indices)
            report(done, len(dataset), "Reading images")
        self._places = np.flatnonzero(self._marks[self._positions])
        if len(dataset) and not len(self._places):
            raise unreadable(dataset)
        for position in self._positions[self._places]:  # another model may have refused its shape
            dataset.unreadable.pop(int(position), None)
        return torch.from_numpy(self._places)

    def expect(self, rows: Tensor) -> None:
        """Begin to read the pictures at `rows`, which will be asked for soon."""
        wanted = self._wanted(rows)
        self._expected[wanted] = self._thread.submit(self._read, wanted)
        while len(self._expected) > AHEAD:
            self._expected.pop(next(iter(self._expected))).cancel()

    def __getitem__(self, rows: Tensor | slice) -> Tensor:
        """Return the pictures (B, 3, H, W) at `rows` (indices or slice) of those that can be read.

        Raises:
            DatasetRefused: one is neither in the file, undamaged, nor in the data set any more.
        """
        wanted = self._wanted(rows)
        begun = self._expected.pop(wanted, None) or self._thread.submit(self._read, wanted)
        return begun.result()

    def _wanted(self, rows: Tensor | slice) -> tuple[int, ...]:
        return tuple(self._places[rows if isinstance(rows, slice) else rows.numpy()].tolist())

    def _read(self, indices: Sequence[int]) -> Tensor:
        found = np.empty((len(indices), *self._shape), dtype=np.uint8)
        for pixels, index in zip(found, indices, strict=True):
            position = int(self._positions[index])
            self._file.seek(position * self._size)
            self._file.readinto(pixels.data)
            if _mark(pixels) != self._marks[position]:
                pixels[:] = self._decoded_again(index)
        return torch.from_numpy(found)

    def _decoded_again(self, index: int) -> NDArray[np.uint8]:
        dataset, position = self._dataset, int(self._positions[index])
        pixels = dataset.tried(index, self._geometry.read)
        if pixels is None:
            raise DatasetRefused(
                f"The decoded pixels of {dataset.place(position)} in {self.path} are damaged, and "
                f"the picture itself can no longer be read: {dataset.unreadable[position]} Put it "
                "back and start again; a training goes on from its last checkpoint."
            )
        with suppress(StorageError):
            self._write(position, pixels.numpy())
        return pixels.numpy()

    def _write(self, position: int, pixels: NDArray[np.uint8]) -> None:
        pixels = np.ascontiguousarray(pixels)
        mark = _mark(pixels)
        places = (position * self._size, self._total * self._size + position * _MARK.itemsize)
        try:
            for place, data in zip(places, (pixels.tobytes(), _as_mark(mark)), strict=True):
                self._file.seek(place)
                if self._file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, "No space left on device")
        except OSError as error:
            reason = "the disk is full" if is_disk_full(error) else why(error)
            raise StorageError(
                f"The decoded pictures cannot be written to {self.path}: {reason}. Free some "
                "space, or name another folder by USABLE_HOME, and start again: what is decoded "
                "is kept."
            ) from error
        self._marks[position] = mark

    def _lacking(self) -> NDArray[np.int64]:
        """Return which pictures of the part are to be decoded."""
        return np.flatnonzero(self._marks[self._positions] == 0)

    def _most(self) -> float:
        """Return the bytes that all such files may take together."""
        free = free_bytes(self.path.parent)
        return math.inf if free is None else SHARE * (free + _bytes(self.path.parent.glob("*")))

    def _opened(self) -> FileIO:
        make_folder(self.path.parent)
        touch(self.path)
        os.utime(self.path)  # it is the newest
        file = self.path.open("r+b", buffering=0)
        file.truncate(self._total * (self._size + _MARK.itemsize))
        return file

    def _read_marks(self) -> NDArray[np.uint64]:
        """Return the marks of all pictures of the whole (N,), 0 where there is none."""
        found = np.zeros(self._total, dtype=_MARK)
        with suppress(OSError), self.path.open("rb") as file:
            file.seek(self._total * self._size)
            data = file.read(found.nbytes)
            if len(data) == found.nbytes:
                found = np.frombuffer(data, dtype=_MARK).copy()
        return np.where(found >> np.uint64(32) == 1, found, 0).astype(np.uint64)


def _key(whole: Dataset, geometry: Preprocessing) -> str:
    libraries = versions()
    rule = (geometry.pixels_identity, str(_RULE), libraries["pillow"], libraries["torchvision"])
    return hash_all([whole.fingerprint, *whole.ids, *rule])


def _mark(pixels: NDArray[np.uint8]) -> int:
    return _IS_THERE | zlib.crc32(pixels.data)


def _as_mark(value: int) -> bytes:
    return np.array(value, dtype=_MARK).tobytes()


def _bytes(paths: Iterable[Path]) -> int:
    found = 0
    for path in paths:
        with suppress(OSError):  # it is not there, or no more
            found += size_on_disk(path)
    return found
