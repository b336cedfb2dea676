"""A directory and all that is in it, links included."""

import os
import stat
from itertools import islice
from pathlib import Path, PurePosixPath

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.tree import (
    MAX_DEPTH,
    TOO_DEEP,
    Tree,
    is_litter,
    read_tree,
    text_of,
)
from usable_core.errors import DatasetRefused
from usable_core.evaluations.specs import Refused
from usable_core.files import open_regular
from usable_core.images import suffixes

MAX_ENTRIES = 2_000_000  # files and folders; ImageNet has 1.3 million
TOO_MANY_OTHERS = 30_000  # entries; fewer are looked through whatever they are called
_Above = frozenset[tuple[int, int]]  # device and inode of each folder
_Folder = tuple[str, PurePosixPath, _Above]  # as the system has it, as it is shown, what it lies in


def read_folder(path: Path, name: str) -> Dataset:
    """Return the data set in the directory `path`.

    Raises:
        DatasetRefused: it has no layout that is known, could be read in two ways, or holds so much
            else that it is hardly a data set.
    """
    return read_tree(tree_of(path, name))


def tree_of(path: Path, name: str) -> Tree:
    """Return the files in the directory `path`.

    Raises:
        DatasetRefused: it holds so much else that it is hardly a data set.
    """
    walk = _Walk(name)
    walk.through(path)
    return walk.tree()


class _Walk:
    """What was found below a directory; links to folders are followed, but never in a circle."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._real: dict[PurePosixPath, str] = {}  # the path as it is shown: as the system has it
        self._folders: list[PurePosixPath] = []
        self._refused: list[Refused] = []
        self._foreign: list[str] = []  # names that are not UTF-8
        self._entries = self._pictures = 0
        self._suffixes = {*suffixes(), ".parquet", ".txt"}

    def through(self, top: Path) -> None:
        """Look into a folder and into all that lie below it."""
        waiting: list[_Folder] = [(str(top), PurePosixPath(), frozenset())]
        while waiting:
            waiting.extend(reversed(self._into(*waiting.pop())))

    def _into(self, real: str, shown: PurePosixPath, above: _Above) -> "list[_Folder]":
        """Look into a folder that lies within the folders `above`; return the folders in it."""
        try:
            status = Path(real).stat()
            with os.scandir(real) as found:
                entries = sorted(islice(found, MAX_ENTRIES), key=lambda entry: entry.name)
        except OSError as error:
            self._refuse(shown, f"It cannot be read: {error.strerror}.")
            return []
        within = above | {(status.st_dev, status.st_ino)}
        if len(within) == len(above):
            self._refuse(shown, "It is a link to a folder that it lies in.")
            return []
        if shown.parts:
            self._folders.append(shown)
        inside: list[_Folder] = []
        for entry in entries:
            text, is_utf8 = text_of(os.fsencode(entry.name))
            path = shown / text
            if is_litter(path):
                continue
            self._count(text)
            if not is_utf8:
                self._foreign.append(text)
            if len(path.parts) > MAX_DEPTH:
                self._refuse(path, TOO_DEEP)
            elif stat.S_ISDIR(mode := _mode(entry)):
                inside.append((entry.path, path, within))
            else:
                self._add(path, entry, is_file=stat.S_ISREG(mode))
        return inside

    def _count(self, name: str) -> None:
        """Count an entry, and give up where there is hardly a picture among very many."""
        self._entries += 1
        self._pictures += PurePosixPath(name).suffix.lower() in self._suffixes
        is_other = self._entries > TOO_MANY_OTHERS and self._pictures * 100 < self._entries
        if is_other or self._entries > MAX_ENTRIES:
            raise DatasetRefused(
                f"{self._name} was given up after {self._entries:,} files and folders, of which "
                f"{self._pictures:,} are called like examples. Give the folder of the data set "
                "itself."
            )

    def tree(self) -> Tree:
        """Return what was found."""
        notes: tuple[str, ...] = ()
        if self._foreign:
            notes = (
                f"{len(self._foreign)} names of files or folders are not UTF-8 and were read as "
                f"Latin-1 (the first: {self._foreign[0]!r}).",
            )
        return Tree(
            name=self._name,
            files=tuple(sorted(self._real)),
            folders=tuple(sorted(self._folders)),
            open=lambda path: open_regular(self._real[path]),
            refused=tuple(self._refused),
            notes=notes,
        )

    def _add(self, path: PurePosixPath, entry: "os.DirEntry[str]", *, is_file: bool) -> None:
        if is_file:
            if path in self._real:
                raise DatasetRefused(
                    f"{self._name} holds two files called {path}, one in UTF-8 and one in Latin-1. "
                    "Rename one."
                )
            self._real[path] = entry.path
        elif entry.is_symlink():
            self._refuse(path, "It is a link that leads nowhere.")
        else:
            self._refuse(path, "It is no file.")

    def _refuse(self, path: PurePosixPath, reason: str) -> None:
        self._refused.append(Refused(str(path), reason))


def _mode(entry: "os.DirEntry[str]") -> int:
    """Return what kind of thing an entry is, links followed; 0 where that cannot be seen."""
    try:
        return entry.stat().st_mode
    except OSError:
        return 0
