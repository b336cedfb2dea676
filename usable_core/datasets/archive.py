"""A zip of a class-per-folder directory, read in place: nothing is ever extracted to disk."""

import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.labelled_files import from_files, is_litter
from usable_core.errors import DatasetRefused, ImageRefused
from usable_core.images import MAX_BYTES

MAX_MEMBERS = 200_000
MAX_TOTAL = 8 * 2**30  # bytes after decompression
# Pictures hardly compress; a zip bomb does. Small archives may hold a few flat BMP files.
MAX_RATIO = 100
RATIO_MATTERS_FROM = 64 * 2**20
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)


def read_zip(path: Path, name: str) -> Dataset:
    """Return the data set in the zip file at `path`.

    Raises:
        DatasetRefused: not a zip, unsafe (path traversal, bomb, encryption), or not one picture
            folder per class.
    """
    try:
        archive = zipfile.ZipFile(path)
    except _UNREADABLE as error:
        raise DatasetRefused(
            f"{name} cannot be read as a zip file: {error}. Zip it again."
        ) from error
    members = archive.infolist()
    _check_size(name, path.stat().st_size, members)
    paths = {_safe_path(name, member): member for member in members}
    inside = {path: member for path, member in paths.items() if path.parts and not is_litter(path)}
    files = [p for p, m in inside.items() if not m.is_dir()]
    folders = {p for p, m in inside.items() if m.is_dir()}
    folders |= {parent for p in files for parent in p.parents if parent.parts}

    def read(relative: PurePosixPath) -> bytes:
        member = inside[relative]
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ImageRefused(f"{relative} is a link, not a picture.")
        try:
            with archive.open(member) as file:
                return file.read(MAX_BYTES + 1)
        except _UNREADABLE as error:
            raise ImageRefused(f"{relative} cannot be unpacked: {error}.") from error

    return from_files(name, files, folders, read)


def _check_size(name: str, size: int, members: list[zipfile.ZipInfo]) -> None:
    total = sum(member.file_size for member in members)
    if len(members) > MAX_MEMBERS:
        raise DatasetRefused(
            f"{name} holds {len(members)} files; at most {MAX_MEMBERS} are read. Use a folder."
        )
    if total > MAX_TOTAL:
        raise DatasetRefused(
            f"{name} would unpack to {total / 2**30:.1f} GB; at most {MAX_TOTAL / 2**30:.0f} GB "
            "are read. Use a folder."
        )
    if total > RATIO_MATTERS_FROM and total > MAX_RATIO * size:
        raise DatasetRefused(
            f"{name} would unpack to {total / size:.0f} times its size, as zip bombs do and "
            f"pictures do not (at most {MAX_RATIO} times). Use a folder."
        )
    if any(member.flag_bits & 1 for member in members):
        raise DatasetRefused(f"{name} is encrypted. Zip it without a password.")


def _safe_path(name: str, member: zipfile.ZipInfo) -> PurePosixPath:
    path = PurePosixPath(member.filename.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
        raise DatasetRefused(
            f"{name} is unsafe: the entry {member.filename!r} points outside of the archive. "
            "Zip the folder again."
        )
    return path
