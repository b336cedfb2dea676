"""Files whose classes are known, as a data set; what is a class, and in which part, is told."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath
from types import MappingProxyType

import numpy as np

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.tree import Tree, is_picture
from usable_core.datasets.unlabelled import ONE_CLASS, PICTURES_NOTE, WithoutClasses
from usable_core.datasets.verified import verified
from usable_core.errors import DatasetRefused, ImageRefused
from usable_core.evaluations.specs import Refused
from usable_core.labels import LabelSpace

EXPECTED = (
    "Expected is one folder per class with its pictures inside, at least two classes; or train, "
    "validation and test folders of those; or a table with the columns file_name and label"
)
_ARCHIVES = {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"}


@dataclass(frozen=True)
class Label:
    """Class of a file, the part it is in (None: nobody says), and its place for the fingerprint."""

    name: str
    part: str | None
    place: str


@dataclass
class Labelling:
    """What is known of the files of a tree.

    Attributes:
        labels: Of each file that has one.
        classes: All classes, those without a file too, sorted.
        reasons: Why a file, or all in a folder, has no label.
        notes: What a reader of numbers must know of how it was found.
        ids: The source's own number of each class; None where it gave names.
        tables: Files that were read for the labels.
    """

    labels: dict[PurePosixPath, Label]
    classes: Sequence[str]
    reasons: dict[PurePosixPath, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    ids: tuple[int, ...] | None = None
    tables: frozenset[PurePosixPath] = frozenset()

    def reason(self, path: PurePosixPath) -> str:
        """Return why a file has no label."""
        if path.suffix.lower() in _ARCHIVES:
            return "It is an archive. Unpack it, or give its own path."
        found = (self.reasons[p] for p in (path, *path.parents) if p in self.reasons)
        return next(found, "It is in no class folder.")


def labelled_dataset(tree: Tree, labelling: Labelling) -> Dataset:
    """Return the data set of the files that have a label.

    Raises:
        WithoutClasses: there are fewer than two classes.
        DatasetRefused: a class has no usable picture.
    """
    found, classes = _read(tree, labelling), labelling.classes
    first = found.refused[:1]
    if len(classes) < 2:
        said = f"only the class {classes[0]!r}" if classes else "no class folder"
        sentence = f"{tree.name} holds {said}. {EXPECTED}.{_said(first)}"
        parts = {path: label.part for path, label in labelling.labels.items() if label.part}
        raise WithoutClasses(sentence, lambda: unlabelled_dataset(tree, parts))
    _check_filled(tree.name, classes, found.targets, first)
    if "train" in (own := found.own_split or {}):
        learnt = found.targets[own["train"]]
        _check_filled(f"The train part of {tree.name}", classes, learnt, first)
    return found


def unlabelled_dataset(
    tree: Tree, parts: Mapping[PurePosixPath, str] = MappingProxyType({})
) -> Dataset:
    """Return the data set of all pictures in a tree, as of one class.

    Args:
        tree: The files.
        parts: Of files, or of folders, that are of a part of the data set.

    Raises:
        DatasetRefused: there is no picture that can be used.
    """
    files = [path for path in tree.files if is_picture(path)]
    labels = {}
    for path in files:
        part = next((parts[one] for one in (path, *path.parents) if one in parts), None)
        labels[path] = Label(ONE_CLASS, part, part or "")
    reasons = {PurePosixPath(): "It is no picture."}
    found = _read(tree, Labelling(labels, (ONE_CLASS,), reasons, (PICTURES_NOTE,)))
    if not len(found):
        raise DatasetRefused(f"{tree.name} holds no usable picture.{_said(found.refused[:1])}")
    return found


def _read(tree: Tree, labelling: Labelling) -> Dataset:
    """Return the files that have a label and can be used."""
    files = [path for path in tree.files if path not in labelling.tables]

    def read(row: int) -> bytes:
        if files[row] not in labelling.labels:
            raise ImageRefused(labelling.reason(files[row]))
        return tree.read(files[row])

    pictures = verified([str(path) for path in files], read)
    labels = [labelling.labels[files[row]] for row in pictures.kept]
    position = {name: i for i, name in enumerate(labelling.classes)}
    space = LabelSpace(tuple(labelling.classes))
    if labelling.ids is not None:
        names = tuple(f"class {i}" for i in labelling.ids)
        space = LabelSpace(names, is_named=False, ids=labelling.ids)
    found = pictures.dataset(
        name=tree.name,
        labels=space,
        targets=[position[label.name] for label in labels],
        places=[label.place for label in labels],
        parts=[label.part for label in labels],
    )
    return replace(
        found,
        refused=(*tree.refused, *pictures.refused),
        notes=(*tree.notes, *labelling.notes, *_left_out(tree, labelling), *found.notes),
    )


def _left_out(tree: Tree, labelling: Labelling) -> tuple[str, ...]:
    """Return a note on each folder whose pictures have no label."""
    unlabelled = [p for p in tree.files if p not in labelling.labels and is_picture(p)]
    found = []
    for folder, reason in labelling.reasons.items():
        own = [p for p in unlabelled if folder in p.parents and labelling.reason(p) == reason]
        if own:
            found.append(f"{len(own)} files were left out, such as {own[0]}: {reason}")
    return tuple(found)


def _check_filled(
    name: str, classes: Sequence[str], targets: np.ndarray, first: Sequence[Refused]
) -> None:
    """Check that each class has a picture.

    Raises:
        DatasetRefused: one has none.
    """
    filled = {classes[target] for target in np.unique(targets)}
    empty = [c for c in classes if c not in filled]
    if empty:
        shown = ", ".join(repr(c) for c in empty[:5])
        raise DatasetRefused(
            f"{name} has no usable picture of {len(empty)} of its {len(classes)} classes ({shown})."
            f"{_same_name(empty, filled)} Put pictures there or remove the folder.{_said(first)}"
        )


def _said(first: Sequence[Refused]) -> str:
    """Return a hint of what was refused, where something was."""
    return f" First refusal: {first[0].name}: {first[0].reason}" if first else ""


def _same_name(empty: Sequence[str], filled: set[str]) -> str:
    """Return a hint where a class is there under another spelling."""
    spelt = {_plain(name): name for name in filled}
    same = [(name, spelt[_plain(name)]) for name in empty if _plain(name) in spelt]
    if not same:
        return ""
    return f" It has {same[0][1]!r}, which differs from {same[0][0]!r} in case or accents only."


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
