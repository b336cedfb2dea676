"""A directory and all that is in it, links included."""

import os
from pathlib import Path, PurePosixPath

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.tree import Tree, is_litter, read_tree, text_of
from usable_core.errors import DatasetRefused
from usable_core.evaluations.specs import Refused


def read_folder(path: Path, name: str) -> Dataset:
    """Return the data set in the directory `path`.

    Raises:
        DatasetRefused: it has no layout that is known, or could be read in two ways.
    """
    walk = _Walk(name)
    walk.into(str(path), PurePosixPath(), frozenset())
    return read_tree(walk.tree())


class _Walk:
    """What was found below a directory; links to folders are followed, but never in a circle."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._real: dict[PurePosixPath, str] = {}  # the path as it is shown: as the system has it
        self._folders: list[PurePosixPath] = []
        self._refused: list[Refused] = []
        self._foreign: list[str] = []  # names that are not UTF-8

    def into(self, real: str, shown: PurePosixPath, above: frozenset[tuple[int, int]]) -> None:
        """Look into a folder that lies within the folders `above` (device and inode)."""
        status = Path(real).stat()
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            self._refuse(shown, "It is a link to a folder that it lies in.")
            return
        try:
            entries = sorted(os.scandir(real), key=lambda entry: entry.name)
        except OSError as error:
            self._refuse(shown, f"It cannot be read: {error.strerror}.")
            return
        if shown.parts:
            self._folders.append(shown)
        for entry in entries:
            text, is_utf8 = text_of(os.fsencode(entry.name))
            path = shown / text
            if is_litter(path):
                continue
            if not is_utf8:
                self._foreign.append(text)
            if Path(entry.path).is_dir() if entry.is_symlink() else entry.is_dir():
                self.into(entry.path, path, above | {identity})
            else:
                self._add(path, entry)

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
            open=lambda path: Path(self._real[path]).open("rb"),
            refused=tuple(self._refused),
            notes=notes,
        )

    def _add(self, path: PurePosixPath, entry: "os.DirEntry[str]") -> None:
        if Path(entry.path).is_file() if entry.is_symlink() else entry.is_file():
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
