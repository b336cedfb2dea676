"""A zip of a data folder, read in place: nothing is ever extracted to disk."""

import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.tree import UNREADABLE, Tree, is_litter, read_tree, text_of, with_parents
from usable_core.errors import DatasetRefused, ImageRefused

MAX_MEMBERS = 200_000
MAX_TOTAL = 8 * 2**30  # bytes after decompression
# Pictures hardly compress; a zip bomb does. Small archives may hold a few flat BMP files.
MAX_RATIO = 100
RATIO_MATTERS_FROM = 64 * 2**20
_IS_UTF8 = 0x800  # bit 11 of the flags, APPNOTE.TXT 4.4.4


def read_zip(path: Path, name: str) -> Dataset:
    """Return the data set in the zip file at `path`.

    Raises:
        DatasetRefused: not a zip, unsafe (path traversal, bomb, encryption), or as `read_tree`.
    """
    try:
        archive = zipfile.ZipFile(path)
    except UNREADABLE as error:
        raise DatasetRefused(
            f"{name} cannot be read as a zip file: {error}. Zip it again."
        ) from error
    members = archive.infolist()
    _check_size(name, path.stat().st_size, members)
    foreign: list[str] = []
    paths = {_safe_path(name, member, foreign): member for member in members}
    inside = {path: member for path, member in paths.items() if path.parts and not is_litter(path)}
    files = [p for p, m in inside.items() if not m.is_dir()]
    folders = {p for p, m in inside.items() if m.is_dir()}
    folders |= with_parents(path.parent for path in files) - {PurePosixPath()}

    def open_member(relative: PurePosixPath) -> IO[bytes]:
        member = inside.get(relative)
        if member is None:
            raise ImageRefused(f"{relative} is not in the zip file.")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise ImageRefused(f"{relative} is a link, not a picture.")
        return archive.open(member)

    notes: tuple[str, ...] = ()
    if foreign:
        notes = (
            f"{len(foreign)} names in the zip file are not marked as UTF-8 and may be spelt wrong "
            f"(the first was read as {foreign[0]!r}).",
        )
    tree = Tree(name, tuple(sorted(files)), tuple(sorted(folders)), open_member, notes=notes)
    return read_tree(tree)


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


def _safe_path(name: str, member: zipfile.ZipInfo, foreign: list[str]) -> PurePosixPath:
    path = PurePosixPath(_name_of(member, foreign).replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in (path.parts or ("",))[0]:
        raise DatasetRefused(
            f"{name} is unsafe: the entry {member.filename!r} points outside of the archive. "
            "Zip the folder again."
        )
    return path


def _name_of(member: zipfile.ZipInfo, foreign: list[str]) -> str:
    """Return a member's name: UTF-8, also where that is not said, else the old code page 437."""
    if member.filename.isascii() or member.flag_bits & _IS_UTF8:
        return member.filename
    text, _ = text_of(member.filename.encode("cp437"), otherwise="cp437")
    foreign.append(text)
    return text
