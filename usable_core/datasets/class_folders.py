"""Class-per-folder pictures: `CLASS/picture`, `PART/CLASS/picture`, or `CLASS/PART/picture`.

Parts are seen by their names and by their form, the same class names below each. What could be
read in two ways is refused; a folder called `class=NAME` says that it is a class.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from usable_core.datasets import parts as naming
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.labelled_files import (
    EXPECTED,
    Label,
    Labelling,
    labelled_dataset,
    unlabelled_dataset,
)
from usable_core.datasets.parts import SIGN, is_fold, may_be_part, part_of, part_within
from usable_core.datasets.tree import Tree, is_picture, with_parents
from usable_core.datasets.unlabelled import WithoutClasses
from usable_core.errors import DatasetRefused

_WRAPPERS = {"images", "image", "img", "imgs", "pictures", "photos", "jpg", "jpeg", "png", "data"}


def read_class_folders(tree: Tree) -> Dataset:
    """Return the data set whose classes are folders.

    Raises:
        DatasetRefused: fewer than two classes, a class without a usable picture, or a layout that
            can be read in two ways.
    """
    return labelled_dataset(tree, labelling(tree))


def labelling(tree: Tree, is_example: Callable[[PurePosixPath], bool] = is_picture) -> Labelling:
    """Return what the folders say of the files in them.

    Args:
        tree: The files.
        is_example: Tells those that are examples; a folder without one is no class.

    Raises:
        DatasetRefused: they can be read in two ways, or say nothing.
    """
    return _Folders(tree, is_example).labelling()


class _Folders:
    """The folders of a tree that matter: those with an example below, and empty ones."""

    def __init__(self, tree: Tree, is_example: Callable[[PurePosixPath], bool]) -> None:
        self._tree = tree
        self._flat = {path.parent for path in tree.files if is_example(path)}  # directly inside
        self._filled = with_parents(self._flat)
        used = with_parents(path.parent for path in tree.files)
        self._below: dict[PurePosixPath, list[str]] = defaultdict(list)
        for folder in sorted({*tree.folders, *self._filled} - {PurePosixPath()}):
            if folder in self._filled or folder not in used:
                self._below[folder.parent].append(folder.name)
        self._reasons: dict[PurePosixPath, str] = {}
        self._notes: list[str] = []
        self._top = self._unwrapped(PurePosixPath())

    def labelling(self) -> Labelling:
        """Return what the folders say; see the function of this name."""
        tops = self._below[self._top]
        if any(top.startswith(SIGN) for top in tops):
            return self._labelling({self._top: None})
        if any(is_fold(top) for top in tops):
            raise self._folds(tops)
        levels = {top: self._class_level(self._top / top) for top in tops}
        known = self._known_parts(tops, levels)
        if not known:
            return self._without_parts(tops)
        with_classes = {top: part for top, part in known.items() if self._below[levels[top]]}
        others = [t for t in tops if t not in known and self._top / t in self._filled]
        self._check_others(known, with_classes, others, levels)
        self._leave_out([t for t in known if t not in with_classes], others)
        return self._of_parts(with_classes, levels)

    def _known_parts(self, tops: list[str], levels: dict[str, PurePosixPath]) -> dict[str, str]:
        """Return the folders that are parts by their names, or by a word in them and their form."""
        known = {top: part for top in tops if (part := part_of(top))}
        within = {top: part for top in tops if (part := part_within(top))}
        if known or len(set(within.values())) < 2:
            return within | known if naming.unique(within | known) else known
        classes = [set(self._below[levels[top]]) for top in within if self._below[levels[top]]]
        is_form = len(classes) > 1 and bool(set.intersection(*classes))
        return within if is_form or (len(within) == len(tops) and not classes) else {}

    def _without_parts(self, tops: list[str]) -> Labelling:
        """Return classes, of which each may have parts."""
        below = {top: self._below[self._top / top] for top in tops}
        is_deep = all(below.values()) and not any(self._top / t in self._flat for t in tops)
        if tops and is_deep and all(part_of(name) for names in below.values() for name in names):
            return self._parts_in_classes(below)
        counts = Counter(name for names in below.values() for name in names)
        shared = sorted(name for name, n in counts.items() if n > 1 and name not in _WRAPPERS)
        if not is_deep or len(shared) < 2:
            return self._labelling({self._top: None})
        raise DatasetRefused(
            f"{self._tree.name} can be read in two ways: its folders {_some(tops)} hold folders of "
            f"the same names ({_some(shared)}). If those are the classes, call the outer folders "
            f"train, validation or test, or give one of them. If the outer folders are the "
            f"classes, say so by calling one of them {SIGN + tops[0]!r}."
        )

    def _folds(self, tops: list[str]) -> DatasetRefused:
        folds = [top for top in tops if is_fold(top)]
        return DatasetRefused(
            f"{self._tree.name} holds the numbered folds {_some(folds)}, which are neither classes "
            "nor train, validation and test. Call the folder that is to be held out test, and put "
            f"the others into train; if they are classes, call one {SIGN + folds[0]!r}."
        )

    def _check_others(
        self,
        known: dict[str, str],
        with_classes: dict[str, str],
        others: list[str],
        levels: dict[str, PurePosixPath],
    ) -> None:
        """Check that folders of known names are parts for sure, whatever is beside them."""
        classes = {c for top in with_classes for c in self._below[levels[top]]}
        if not classes and not others:
            parts = {self._top / top: part for top, part in known.items()}
            raise WithoutClasses(
                f"{self._tree.name} has the parts {_some(known)}, but nothing says the classes of "
                f"the pictures in them. {EXPECTED}. If they are classes, say so by calling one of "
                f"the folders {SIGN + next(iter(known))!r}.",
                lambda: unlabelled_dataset(self._tree, parts),
            )
        alike = [t for t in others if classes & set(self._below[self._top / t])]
        if alike:
            raise DatasetRefused(
                f"{self._tree.name} has the parts {_some(known)}; {_some(alike)} beside them has "
                "the same classes, but its name is that of no part. Call it train, validation or "
                "test, or move it away."
            )
        if others and len(with_classes) < 2:
            first = next(iter(known))
            raise DatasetRefused(
                f"{self._tree.name} can be read in two ways: {_some(known)} may be part of a data "
                f"set or a class, like {_some(others)} beside it. If it is a class, say so by "
                f"calling the folder {SIGN + first!r}; if it is a part, move {_some(others)} away."
            )

    def _leave_out(self, flat: list[str], others: list[str]) -> None:
        for top in [*flat, *others]:
            why = "has no class folders" if top in flat else "is no part of the data set"
            self._reasons[self._top / top] = f"It is in {top!r}, which {why}."

    def _of_parts(self, parts: dict[str, str], levels: dict[str, PurePosixPath]) -> Labelling:
        unique = naming.unique(parts)
        if unique is None:
            twice = [t for t, part in parts.items() if list(parts.values()).count(part) > 1]
            raise DatasetRefused(
                f"{self._tree.name} has several folders for one part ({_some(twice)}). Put them "
                "together, or call them train, validation and test."
            )
        self._notes += naming.renamed(unique)
        return self._labelling({levels[top]: part for top, part in unique.items()})

    def _parts_in_classes(self, below: dict[str, list[str]]) -> Labelling:
        labels: dict[PurePosixPath, Label] = {}
        for path in self._tree.files:
            steps = path.relative_to(self._top).parts
            if len(steps) > 2 and steps[0] in below:
                place = "/".join((*steps[1:2], steps[0], *steps[2:-1]))
                labels[path] = Label(_name(steps[0]), part_of(steps[1]), place)
        names = {name: str(part_of(name)) for names in below.values() for name in names}
        if naming.unique(names) is None:
            raise DatasetRefused(
                f"{self._tree.name} has several folders for one part ({_some(names)}) in its "
                "classes. Call them train, validation and test."
            )
        self._notes.append(f"Each class was divided by its folders {_some(names)}.")
        return Labelling(labels, sorted(map(_name, below)), self._reasons, tuple(self._notes))

    def _labelling(self, levels: dict[PurePosixPath, str | None]) -> Labelling:
        """Return the folders just below each level as classes; its part beside it."""
        below = {level: set(self._below[level]) for level in levels}
        classes = set[str]().union(*below.values())
        doubtful = sorted(filter(may_be_part, classes))
        if doubtful and not any(name.startswith(SIGN) for name in classes):
            raise DatasetRefused(
                f"In {self._tree.name}, {_some(doubtful)} would be a class, but is called like a "
                f"part of a data set. If it is a class, say so by calling the folder "
                f"{SIGN + doubtful[0]!r}; if it is a part, put it beside the other parts."
            )
        of_folder: dict[PurePosixPath, Label] = {}
        for folder in with_parents(path.parent for path in self._tree.files):
            for level in folder.parents:
                if level in levels:
                    (name, *_) = folder.relative_to(level).parts
                    if name in below[level]:
                        place = str(folder.relative_to(self._top))
                        of_folder[folder] = Label(_name(name), levels[level], place)
                    break
        labels = {p: of_folder[p.parent] for p in self._tree.files if p.parent in of_folder}
        return Labelling(labels, sorted(map(_name, classes)), self._reasons, tuple(self._notes))

    def _unwrapped(self, top: PurePosixPath) -> PurePosixPath:
        """Return the folder that wraps all; zips often have one, named like the zip."""
        while True:
            inner = [name for name in self._below[top] if top / name in self._filled]
            if len(inner) != 1 or not self._is_deep(top / inner[0]):
                return top
            top /= inner[0]

    def _is_deep(self, folder: PurePosixPath) -> bool:
        return any(folder / name in self._filled for name in self._below[folder])

    def _class_level(self, part: PurePosixPath) -> PurePosixPath:
        """Return the folder whose folders are the classes of a part: `train`, `train/images`."""
        level = part
        if part_within(part.name) is None:
            return level
        while len(self._below[level]) == 1 and level not in self._flat:
            (inner,) = self._below[level]
            if inner.lower() not in _WRAPPERS and part_within(inner) != part_within(part.name):
                break
            level /= inner
        return level


def _name(folder: str) -> str:
    return folder.removeprefix(SIGN)


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = ", …" if len(listed) > 5 else ""
    return ", ".join(repr(name) for name in listed[:5]) + more
