"""`Tree`: the files of a data set, in whatever holds them; its first layout that fits is read."""

import re
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import PurePosixPath
from typing import IO

from usable_core.catalog import implementation
from usable_core.catalog.datasets import LAYOUTS
from usable_core.datasets.dataset import Dataset
from usable_core.decoding_limits import MAX_BYTES
from usable_core.errors import ImageRefused, first_line
from usable_core.evaluations.specs import Refused

# What readers of zips and of Parquet raise on broken files, beside their own errors.
UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, LZMAError, struct.error, EOFError, OSError, RuntimeError),
    *(ValueError, LookupError, OverflowError, MemoryError),
)
MAX_DEPTH = 100  # folders within folders
TOO_DEEP = f"It lies more than {MAX_DEPTH} folders deep."
_ELSEWHERE = re.compile(r"\s*(?:[A-Za-z]:|\w+://)")  # a drive or an address
_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}
# What lies beside pictures: it is listed, but decides nothing about the layout.
_BESIDE_ENDINGS = (
    "csv tsv json jsonl ndjson xml yaml yml toml txt md rst html htm xls xlsx doc docx rtf "
    "pdf tex bib db sqlite ini cfg log lock url parquet avro npy npz mat h5 hdf5 pickle pkl "
    "joblib tfrecord pt pth safetensors zip tar gz tgz bz2 xz zst rar 7z torrent py m sh bat "
    "ipynb"
)
_BESIDE = frozenset(_BESIDE_ENDINGS.split())


@dataclass(frozen=True)
class Tree:
    """The files of a folder or an archive, by their paths from its top.

    Attributes:
        name: Reference of the data set.
        files: Every file but litter, sorted.
        folders: Every folder, so that an empty class is noticed.
        open: Opens a file; raises `ImageRefused`.
        refused: What is there and cannot be read, such as links that lead nowhere.
        notes: What a reader of numbers must know of how it was read.
    """

    name: str
    files: tuple[PurePosixPath, ...]
    folders: tuple[PurePosixPath, ...]
    open: Callable[[PurePosixPath], IO[bytes]]
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()

    def read(self, path: PurePosixPath) -> bytes:
        """Return what is in a file, as far as pictures reach.

        Raises:
            ImageRefused: it cannot be read.
        """
        try:
            with self.open(path) as file:
                return file.read(MAX_BYTES + 1) or b""  # None of a file that makes one wait
        except UNREADABLE as error:
            why = (isinstance(error, OSError) and error.strerror) or first_line(error)
            raise ImageRefused(f"{path} cannot be read: {why}.") from error


def read_tree(tree: Tree) -> Dataset:
    """Return the data set in a tree, by the first of `LAYOUTS` that it has.

    Raises:
        DatasetRefused: it has none, or could be read in two ways.
    """
    found = (implementation(row.function)(tree) for row in LAYOUTS.values())
    dataset: Dataset = next(dataset for dataset in found if dataset is not None)
    return dataset


def is_litter(path: PurePosixPath) -> bool:
    """Tell whether an operating system left this file, not a person."""
    return any(part in _LITTER or part.startswith(".") for part in path.parts)


def is_picture(path: PurePosixPath) -> bool:
    """Tell whether a file may be a picture by its name; its bytes are looked at later."""
    suffix = path.suffix.lower().lstrip(".")
    return suffix not in _BESIDE and path.name.lower() not in ("readme", "license", "makefile")


def with_parents(folders: Iterable[PurePosixPath]) -> set[PurePosixPath]:
    """Return folders and all that they lie in, the top included."""
    found = set(folders)
    return found | {parent for folder in found for parent in folder.parents}


def text_of(name: bytes, otherwise: str = "latin-1") -> tuple[str, bool]:
    """Return a file's name as text, and whether it is UTF-8, as names should be."""
    try:
        return name.decode(), True
    except UnicodeDecodeError:
        return name.decode(otherwise, "replace"), False  # a code page lacks some bytes


def inside(base: PurePosixPath, text: str) -> PurePosixPath:
    """Return the path that a table in the folder `base` of a tree means.

    Raises:
        ImageRefused: it points outside of the tree.
    """
    return PurePosixPath(joined(base.parts, text))


def joined(base: Sequence[str], text: str) -> str:
    """Return `inside` as text, of a folder's steps: a table can have millions of rows.

    Raises:
        ImageRefused: it points outside of the tree.
    """
    plain = text.strip().replace("\\", "/")
    steps = [*base]
    is_outside = plain.startswith("/") or bool(_ELSEWHERE.match(text))
    for step in plain.split("/"):
        if step == "..":
            is_outside = is_outside or not steps
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
        if is_outside:
            raise ImageRefused(
                f"{text!r} points outside of the data. Give paths from the table's own folder."
            )
    return "/".join(steps)
