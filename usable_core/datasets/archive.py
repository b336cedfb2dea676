"""A zip of a data folder, read in place: nothing is ever extracted to disk."""

import os
import stat
import zipfile
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.tree import (
    MAX_DEPTH,
    TOO_DEEP,
    UNREADABLE,
    Tree,
    is_litter,
    read_tree,
    text_of,
    with_parents,
)
from usable_core.errors import DatasetRefused, ImageRefused, first_line, quoted
from usable_core.evaluations.specs import Refused
from usable_core.files import open_regular

MAX_MEMBERS = 200_000
MAX_TOTAL = 8 * 2**30  # bytes after decompression
# Pictures hardly compress; a zip bomb does. Small archives may hold a few flat BMP files.
MAX_RATIO = 100
RATIO_MATTERS_FROM = 64 * 2**20
MAX_DIRECTORY = 64 * 2**20  # bytes of the list of members: some 300 for each
_LONGEST_END = 22 + 76 + 2**16  # bytes of the records behind that list, with a comment
_IS_UTF8 = 0x800  # bit 11 of the flags, APPNOTE.TXT 4.4.4


def read_zip(path: Path, name: str) -> Dataset:
    """Return the data set in the zip file at `path`.

    Raises:
        DatasetRefused: not a zip, unsafe (path traversal, bomb, encryption), or as `read_tree`.
    """
    try:
        file = open_regular(path)
        size = os.fstat(file.fileno()).st_size
        _check_directory(name, file, size)
        archive = zipfile.ZipFile(file)
    except UNREADABLE as error:
        raise DatasetRefused(
            f"{name} cannot be read as a zip file: {first_line(error)}. Zip it again."
        ) from error
    members = archive.infolist()
    _check_size(name, size, members)
    foreign: list[str] = []
    paths = {_safe_path(name, member, foreign): member for member in members}
    found = {path: member for path, member in paths.items() if path.parts and not is_litter(path)}
    deep = tuple(Refused(str(path), TOO_DEEP) for path in found if len(path.parts) > MAX_DEPTH)
    inside = {path: member for path, member in found.items() if len(path.parts) <= MAX_DEPTH}
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

    tree = Tree(
        name=name,
        files=tuple(sorted(files)),
        folders=tuple(sorted(folders)),
        open=open_member,
        refused=deep,
        notes=_notes(members, foreign),
    )
    return read_tree(tree)


def _notes(members: list[zipfile.ZipInfo], foreign: list[str]) -> tuple[str, ...]:
    """Return what is to be said of the names in a zip file."""
    notes = []
    if foreign:
        notes.append(
            f"{len(foreign)} names in the zip file are not marked as UTF-8 and may be spelt wrong "
            f"(the first was read as {foreign[0]!r})."
        )
    times = Counter(member.filename for member in members if member.filename[-1:] != "/")
    if twice := [name for name, count in times.items() if count > 1]:
        notes.append(
            f"{len(twice)} names are in the zip file more than once, such as {quoted(twice[0])}; "
            "the last file of each is used."
        )
    return tuple(notes)


def _check_directory(name: str, file: BinaryIO, size: int) -> None:
    """Check the size of the list of members, which `zipfile` reads at once and member by member.

    The list is followed by its end record, APPNOTE.TXT 4.3.16; of large files by others before it.
    """
    file.seek(max(0, size - _LONGEST_END))
    end = file.read(_LONGEST_END)
    at = end.rfind(b"PK\5\6")
    length = int.from_bytes(end[at + 12 : at + 16], "little")
    if end[at - 76 : at - 72] == b"PK\6\6":  # the record of large files, 4.3.14
        length = max(int.from_bytes(end[at - 36 : at - 28], "little"), length % (2**32 - 1))
    count = 0
    if length <= MAX_DIRECTORY:
        file.seek(max(0, size - _LONGEST_END - length))
        count = file.read(length + _LONGEST_END).count(b"PK\1\2")
    file.seek(0)
    if length > MAX_DIRECTORY or count > 2 * MAX_MEMBERS:  # signs of members are no proof
        raise DatasetRefused(
            f"{name} lists too many files for a zip; at most {MAX_MEMBERS} are read. Use a folder."
        )


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
            f"{name} is unsafe: the entry {quoted(member.filename)} points outside of the archive. "
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
