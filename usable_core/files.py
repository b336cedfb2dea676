"""Files of people are read where they are files; ours are whole or absent, never half.

What lies in `USABLE_HOME` is its user's alone, whatever the umask; other places follow the umask.
"""

import errno
import functools
import hashlib
import io
import json
import logging
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from usable_core import settings
from usable_core.errors import StorageError
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd

OTHERS = 0o077  # what a mode must not give to a group or to all
log = logging.getLogger(__name__)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it; the home and all in it are for its user alone.

    Raises:
        OSError: it cannot be made.
    """
    home = settings.home()
    is_private = folder.is_relative_to(home)
    if not folder.is_dir():
        if folder.parent != folder:
            make_folder(folder.parent)
        folder.mkdir(mode=0o777 & ~OTHERS if is_private else 0o777, exist_ok=True)
    if is_private:
        _keep_out_others(home)


def opened(path: Path, mode: Literal["xb", "ab"]) -> BinaryIO:
    """Return a file opened for writing; a new one in the home is for its user alone.

    Raises:
        OSError: it cannot be opened.
    """
    permitted = 0o666 & ~OTHERS if path.is_relative_to(settings.home()) else 0o666

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, permitted)

    return cast(BinaryIO, open(path, mode, opener=opener))


def touch(path: Path) -> None:
    """Make an empty file where there is none, as `opened` does.

    Raises:
        OSError: it cannot be made.
    """
    if not path.exists():
        opened(path, "ab").close()


def check_file(path: Path) -> None:
    """Check, before long work, that a file can be written; what it holds stays.

    Raises:
        StorageError: it cannot.
    """
    with refusing(path):
        make_folder(path.parent)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if path.is_file():
            opened(path, "ab").close()
        elif not path.exists():  # else a pipe, or a device: to open it may mean to wait
            opened(path, "xb").close()
            path.unlink()


def check_folder(folder: Path) -> None:
    """Check, before long work, that files can be written into a folder, which is made.

    Raises:
        StorageError: they cannot.
    """
    with refusing(folder):
        make_folder(folder)
        check = folder / f".{uuid.uuid4().hex[:8]}"
        opened(check, "xb").close()
        check.unlink()


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Say in a sentence that a place cannot be written.

    Raises:
        StorageError: the block met an error of the system.
    """
    try:
        yield
    except (OSError, ValueError) as error:
        raise StorageError(
            f"{path} cannot be written: {why(error)}. Name another place."
        ) from error


def is_there(path: Path) -> bool:
    """Tell whether a file is there to be asked for; `Path.is_file` raises in a locked folder."""
    return os.path.isfile(path)  # noqa: PTH113


def why(error: Exception) -> str:
    """Return what the system says of an error."""
    return getattr(error, "strerror", None) or str(error)


@functools.lru_cache(maxsize=16)
def _keep_out_others(home: Path) -> None:
    """Mend the mode of a home that others can enter; once per process and home."""
    found = home.stat()
    if os.name != "posix" or not found.st_mode & OTHERS:
        return
    if found.st_mode & stat.S_ISVTX:  # such as /tmp: others need it as it is
        reason = "it is shared"
    elif found.st_uid != os.geteuid():
        reason = "it belongs to another user"
    else:
        reason = "its file system keeps no modes"
        with suppress(OSError):
            home.chmod(stat.S_IMODE(found.st_mode) & ~OTHERS)
    if home.stat().st_mode & OTHERS:
        log.warning(
            "Note: Others can enter %s and see what is in it: %s. Name a folder of your own by "
            "USABLE_HOME.",
            home,
            reason,
        )


_OTHERS = ((stat.S_ISDIR, "folder"), (stat.S_ISFIFO, "pipe"), (stat.S_ISSOCK, "socket"))


def status_of(path: str | Path) -> os.stat_result | None:
    """Return what the system knows of a path, links followed; None where it cannot be looked at."""
    try:
        return Path(path).stat()
    except (OSError, ValueError):  # absent, forbidden, a loop of links, too long, no name
        return None


def is_file(path: str | Path) -> bool:
    """Tell whether this is a regular file; False where that cannot be seen."""
    status = status_of(path)
    return status is not None and stat.S_ISREG(status.st_mode)


def is_folder(path: str | Path) -> bool:
    """Tell whether this is a folder; False where that cannot be seen."""
    status = status_of(path)
    return status is not None and stat.S_ISDIR(status.st_mode)


def size_said(size: int) -> str:
    """Return bytes as people say them: `512 B`, `48 kB`, `3.1 MB`."""
    for unit, one in (("GB", 1e9), ("MB", 1e6)):
        if size >= one:
            return f"{size / one:.1f} {unit}"
    return f"{size / 1e3:.0f} kB" if size >= 1e3 else f"{size} B"


def placed(path: str | Path) -> Path:
    """Return the path that a person wrote, with their own folder for `~`."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # nobody of that name
        return Path(path)


def resolved(path: str | Path) -> str:
    """Return the path that means the same in every folder; as it was said where there is none."""
    try:
        return str(placed(path).resolve())
    except (OSError, ValueError, RuntimeError):  # a NUL, or a loop of links
        return str(path)


def open_regular(path: str | Path) -> BinaryIO:
    """Open a file that somebody named, for reading; it never waits, as a pipe would.

    Raises:
        OSError: it cannot be opened or is no regular file; `strerror` says why, for a sentence.
    """
    try:
        _check_regular(path, Path(path).stat().st_mode)  # opening a device can do something
        file = open(path, "rb", opener=_at_once)  # noqa: SIM115 - Path has no opener
    except ValueError as error:  # NUL, or a lone surrogate
        raise OSError(errno.EINVAL, "no file can have this name", str(path)) from error
    try:
        _check_regular(path, os.fstat(file.fileno()).st_mode)  # it may have become another one
    except OSError:
        file.close()
        raise
    return file


def read_regular(path: str | Path, most_bytes: int) -> bytes:
    """Return what a file that somebody named holds, as long as it was when it was opened.

    So a file that grows, or one that is endless and claims to be empty (`/proc`), ends.

    Raises:
        OSError: as `open_regular`, or it holds more than `most_bytes`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            most = f"{most_bytes / 2**20:.0f} MB" if most_bytes >= 2**20 else f"{most_bytes} bytes"
            raise OSError(errno.EFBIG, f"it has more than the {most} that are read", str(path))
        return file.read(size)


def _check_regular(path: str | Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = next((what for is_kind, what in _OTHERS if is_kind(mode)), "device")
        raise OSError(errno.EINVAL, f"it is a {what}, not a file", str(path))


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has none


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield an open file that becomes `path` when the block ends; an error leaves all as it was.

    A reader sees the old content, or all of the new.

    Raises:
        StorageError: the disk is full, or the folder cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}")
    try:
        make_folder(path.parent)
        with opened(temporary, "xb") as file:
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


def write_parquet(path: Path, frame: "pd.DataFrame") -> str:
    """Write a table as Parquet, as one step, and return the SHA-256 of the file."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_bytes(path, buffer.getvalue())
    return hashlib.sha256(buffer.getvalue()).hexdigest()


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
