"""A record of JSON with files beside it that belong to it: the record holds their hashes."""

import hashlib
import io
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usable_core import files
from usable_core.errors import StorageError
from usable_core.records import to_json

_PARTS = "files"  # entry of the record: name to SHA-256
_WAITS = (0.05, 0.2, 0.5)  # seconds


def write(folder: Path, name: str, record: object, parts: dict[str, bytes]) -> None:
    """Write a record `name` and its parts, each whole; parts that are there already stay untouched.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    for part, data in parts.items():
        path = folder / part
        if not path.is_file() or path.read_bytes() != data:  # else it is not worth a flush
            files.write_bytes(path, data)
    files.write_json(folder / name, {**to_json(record), _PARTS: _hashes(parts)})


def read(folder: Path, name: str, endings: tuple[str, ...]) -> tuple[Any, dict[str, bytes]]:
    """Return a record as JSON, and its parts by name.

    While a newer record takes the place of another there are parts of both, so that is waited for.

    Args:
        folder: Where they are.
        name: The record's file.
        endings: Of the parts of records from before these held hashes.

    Raises:
        OSError: a file is gone.
        ValueError: the record is no JSON object.
        StorageError: the parts belong to another record.
    """
    for wait in _WAITS:
        try:
            return _read(folder, name, endings)
        except StorageError:
            time.sleep(wait)
    return _read(folder, name, endings)


def _read(folder: Path, name: str, endings: tuple[str, ...]) -> tuple[Any, dict[str, bytes]]:
    record = json.loads((folder / name).read_text(encoding="utf-8"))
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    expected = record.pop(_PARTS, None)
    if expected is None:
        paths = [path for path in folder.iterdir() if path.suffix in endings]
        return record, {path.name: path.read_bytes() for path in paths}
    if not isinstance(expected, dict):
        raise ValueError(f"{_PARTS} is no JSON object")
    parts = {part: (folder / Path(part).name).read_bytes() for part in expected}
    if _hashes(parts) != expected:
        raise StorageError(
            f"The files in {folder} are not all of one answer: one was replaced, or not written to "
            "its end. Explain again."
        )
    return record, parts


def bytes_of(array: NDArray[Any]) -> bytes:
    """Return an array as a file of NumPy."""
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def array_of(data: bytes) -> NDArray[Any]:
    """Return the array in a file of NumPy.

    Raises:
        ValueError: it is none, or holds objects.
    """
    array: NDArray[Any] = np.load(io.BytesIO(data), allow_pickle=False)
    return array


def _hashes(parts: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in parts.items()}
