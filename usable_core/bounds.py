"""Logs and caches, which grow by themselves, kept within a number of bytes."""

import os
from contextlib import suppress
from pathlib import Path

from usable_core.errors import StorageError
from usable_core.files import write_bytes


def keep_tail(path: Path, most: int) -> None:
    """Shorten a log to its last half once it holds more than `most` bytes."""
    try:
        if path.stat().st_size > most:
            with path.open("rb") as file:
                file.seek(-most // 2, os.SEEK_END)
                tail = file.read().partition(b"\n")[2]
            write_bytes(path, tail)
    except (OSError, StorageError):  # there is none, or it stays long
        return


def keep_newest(folder: Path, most: int) -> None:
    """Delete the files of a cache that were used longest ago until `most` bytes hold the rest."""
    used = []
    for path in folder.glob("*"):
        with suppress(OSError):
            fact = path.stat()
            used.append((max(fact.st_atime, fact.st_mtime), size_on_disk(path), path))
    total = sum(size for _, size, _ in used)
    for _, size, path in sorted(used):
        if total <= most:
            return
        with suppress(OSError):  # in use, on Windows
            path.unlink(missing_ok=True)
            total -= size


def size_on_disk(path: Path) -> int:
    """Return the bytes that a file takes: a sparse one has fewer than its length says.

    Raises:
        OSError: it is not there.
    """
    fact = path.stat()
    blocks = getattr(fact, "st_blocks", None)  # of 512 bytes; Windows has none
    return fact.st_size if blocks is None else min(fact.st_size, 512 * blocks)
