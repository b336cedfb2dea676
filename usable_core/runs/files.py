"""Files that are either whole or absent: written under another name, flushed, then renamed."""

import errno
import io
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from usable_core.errors import StorageError
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd

TEMPORARY_PREFIX = ".writing-"


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as one step: a reader sees the old content, or all of the new.

    Raises:
        StorageError: the disk is full.
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and is_disk_full(error):
            raise StorageError(disk_full(path.parent)) from error
        raise


def write_json(path: Path, value: object) -> None:
    """Write a record (see `records.to_json`) as JSON, as one step."""
    write_bytes(path, json.dumps(to_json(value), ensure_ascii=False).encode())


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
