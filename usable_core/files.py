"""Files that are either whole or absent: written under another name, flushed, then renamed."""

import errno
import io
import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from usable_core.errors import StorageError
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield an open file that becomes `path` when the block ends; an error leaves all as it was.

    A reader sees the old content, or all of the new.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(_not_written(path, error)) from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as one step, see `replacing`."""
    with replacing(path) as file:
        file.write(data)


def write_json(path: Path, value: object, *, indent: int | None = None) -> None:
    """Write a record (see `records.to_json`) as JSON, as one step."""
    text = json.dumps(to_json(value), indent=indent, ensure_ascii=False)
    # A path may hold bytes that are no text; JSON has an escape for them.
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_parquet(path: Path, frame: "pd.DataFrame") -> None:
    """Write a table as Parquet, as one step."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())


def is_disk_full(error: OSError) -> bool:
    """Tell whether the operating system refused to store more."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def disk_full(folder: Path) -> str:
    """Return the sentence that tells a person what a full disk means and what to do."""
    return (
        f"The disk is full: the files of this run do not fit into {folder}. Nothing half-written "
        "was kept. Free some space (delete old runs on the Runs page) and start it again."
    )


def _not_written(path: Path, error: OSError) -> str:
    if is_disk_full(error):
        return disk_full(path.parent)
    return (
        f"{path.name} could not be written to {path.parent}: {error.strerror or error}. "
        "Choose another folder (USABLE_HOME), or change who may write there."
    )
