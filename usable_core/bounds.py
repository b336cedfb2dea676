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
            used.append((max(fact.st_atime, fact.st_mtime), fact.st_size, path))
    total = sum(size for _, size, _ in used)
    for _, size, path in sorted(used):
        if total <= most:
            return
        path.unlink(missing_ok=True)
        total -= size
