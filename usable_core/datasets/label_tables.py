"""Pictures whose labels are in a table: `metadata.csv`, `labels.csv`, `_classes.csv`, `train.csv`.

A table can only name files that lie in the data. Where folders are classes too, both must agree;
pictures that only the table knows are added.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from usable_core.datasets import class_folders
from usable_core.datasets.columns import known_columns
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.label_columns import (
    FILES,
    PARTS,
    TAKEN,
    Value,
    first_of,
    label_column,
    numbers,
    plain_labels,
)
from usable_core.datasets.labelled_files import (
    Label,
    Labelling,
    labelled_dataset,
    unlabelled_dataset,
)
from usable_core.datasets.parts import part_of, part_within
from usable_core.datasets.tables import Table, paths_of_tables, read_table
from usable_core.datasets.tree import Tree, is_picture, joined
from usable_core.datasets.unlabelled import WithoutClasses
from usable_core.errors import DatasetRefused, ImageRefused
from usable_core.evaluations.specs import Refused

_IS_PLAIN = re.compile(r"\w[^/\\:]*(?<![.\s])")  # no path, so that it points to no other place


def read_label_tables(tree: Tree) -> Dataset | None:
    """Return the data set whose labels are in tables, None where no table names its pictures.

    Raises:
        DatasetRefused: tables contradict each other or the folders, or have no column of labels.
    """
    if not (paths := paths_of_tables(tree)):
        return None
    pictures, named, refusals = _Pictures(tree), list[_Named](), list[str]()
    for path in paths:
        try:
            one = _named(read_table(tree, path), pictures)
        except (DatasetRefused, ImageRefused) as refusal:
            refusals.append(str(refusal))
        else:
            named += [one] if one else []
    unclear = [one.refusal for one in named if one.refusal]
    labelled = [one for one in named if one.labels]
    try:
        folders = class_folders.labelling(tree)
    except DatasetRefused:
        folders = Labelling({}, ())
    if len(folders.classes) < 2:
        folders = Labelling({}, ())
    if labelled:
        found = _merged(tree, labelled, folders)
        found = replace(found, notes=(*found.notes, *refusals, *unclear))
        return _with_columns(found, named)
    if not folders.labels and (refusals or unclear):
        raise WithoutClasses([*unclear, *refusals][0], lambda: unlabelled_dataset(tree))
    if not unclear:
        return None
    notes = (*folders.notes, f"The classes are the folders. {unclear[0]}")
    return _with_columns(labelled_dataset(tree, replace(folders, notes=notes)), named)


@dataclass(frozen=True)
class _Named:
    """What a table says.

    Attributes:
        table: The table.
        files: The picture of each row (N,); None where it is not there.
        labels: Label of each row (N,); None where no column holds labels.
        parts: Part of each row (N,).
        notes: What is to be said of its columns.
        refused: Rows whose picture is not there.
        refusal: Why it has no labels.
        about: Columns that are neither.
    """

    table: Table
    files: list[PurePosixPath | None]
    labels: list[Value] | None
    parts: list[str | None]
    notes: tuple[str, ...] = ()
    refused: tuple[Refused, ...] = ()
    refusal: str = ""
    about: tuple[str, ...] = ()

    def rows(self) -> Iterator[tuple[PurePosixPath, Value, str | None]]:
        """Yield file, label and part of each row whose picture is there."""
        for file, label, part in zip(self.files, self.labels or (), self.parts, strict=True):
            if file is not None:
                yield file, label, part


class _Pictures:
    """The pictures of a tree by what tables call them: path, name, or name without suffix."""

    def __init__(self, tree: Tree) -> None:
        self._by_path = {str(path): path for path in tree.files if is_picture(path)}
        self._by_name: dict[str, list[PurePosixPath]] = defaultdict(list)
        for path in self._by_path.values():
            for name in {path.name, path.stem}:
                self._by_name[name].append(path)

    def find(self, table: PurePosixPath, text: str) -> PurePosixPath | None:
        """Return the picture that a table means; None where there is none, or one of several.

        Raises:
            ImageRefused: it points outside of the tree.
        """
        last = text.strip().replace("\\", "/").rpartition("/")[2]
        if last not in self._by_name and _IS_PLAIN.fullmatch(text):
            return None  # most rows of a table that is about other things
        for steps in (table.parts[:-1], ()):
            if found := self._by_path.get(joined(steps, text)):
                return found
        if not (near := self._by_name.get(last, [])):
            return None
        part = part_within(table.stem)
        groups = (
            [p for p in near if str(p).endswith(f"/{text}")],
            [p for p in near if table.parent in p.parents and part in (None, _part_of_path(p))],
            [p for p in near if part is not None and _part_of_path(p) == part],
            near,
        )
        return next((group[0] for group in groups if len(group) == 1), None)


def _named(table: Table, pictures: _Pictures) -> _Named | None:
    """Return what a table says of pictures; None where it names none."""
    outside = None
    for column in first_of(table.columns, FILES):
        files: list[PurePosixPath | None] = []
        refused: list[Refused] = []
        for value in table.columns[column]:
            found = None
            try:
                found = pictures.find(table.path, str(value)) if value not in (None, "") else None
                reason = f"{table.path} names it, but it is not there, or several are called so."
            except ImageRefused as error:
                reason = outside = str(error)
            files.append(found)
            refused += [] if found else [Refused(str(value), reason)]
        if any(files):
            none: list[str | None] = [None] * len(files)
            return _labelled(_Named(table, files, None, none, refused=tuple(refused)), column)
    if outside:
        return _Named(table, [], None, [], refusal=f"{table.path} names no picture: {outside}")
    return None


def _labelled(found: _Named, column: str) -> _Named:
    """Return what a table says with labels and parts, where it has columns of them."""
    columns, path = found.table.columns, found.table.path
    (split,) = first_of(columns, PARTS)[:1] or (None,)
    rest = [name for name in columns if name not in (column, split)]
    parts = [_part_of_path(file) if file else None for file in found.files]
    if split is not None:
        parts = [part_of(str(value)) for value in columns[split]]
    elif not any(parts):
        parts = [part_within(path.stem) or _part_of_path(path)] * len(parts)
    label, notes = label_column(rest)
    if label is None and len(rest) == 1:
        label, notes = rest[0], (f"The labels are those of the column {rest[0]} of {path}.",)
    about = tuple(name for name in rest if name != label)
    found = replace(found, parts=parts, notes=notes, about=about)
    if label is not None:
        what = f"The column {label} of {path}"
        return replace(found, labels=numbers(plain_labels(columns[label], what), what))
    if (marked := _marked(path, {name: columns[name] for name in rest})) is not None:
        return replace(found, labels=marked, about=())
    listed = ", ".join(columns)
    return replace(
        found,
        refusal=f"{path} names pictures, but which of its columns ({listed}) holds the labels is "
        f"not clear. Call it {TAKEN}.",
    )


def _marked(path: PurePosixPath, columns: dict[str, list[object]]) -> list[Value] | None:
    """Return the column that is 1 in each row, where all columns hold 0 and 1."""
    if len(columns) < 2 or any(
        str(v) not in ("0", "1", "0.0", "1.0") for values in columns.values() for v in values
    ):
        return None
    found: list[Value] = []
    for row, values in enumerate(zip(*columns.values(), strict=True)):
        names = [n for n, v in zip(columns, values, strict=True) if str(v).startswith("1")]
        if len(names) > 1:
            raise DatasetRefused(
                f"Row {row + 1} of {path} has several labels ({', '.join(names[:3])}). One label "
                "per picture is expected."
            )
        found.append(names[0] if names else None)
    return found


def _merged(tree: Tree, tables: Sequence[_Named], folders: Labelling) -> Dataset:
    """Return the data set that tables and folders tell of together."""
    told: dict[PurePosixPath, tuple[Value, str | None]] = {}
    for table in tables:
        for file, label, part in table.rows():
            before, _ = told.setdefault(file, (label, part))
            if label is not None and before not in (None, label):
                raise DatasetRefused(
                    f"{file} is labelled {before!r} and, in {table.table.path}, {label!r}. Give "
                    "each picture one label."
                )
    classes = _folder_of_each_label(tree, told, folders)
    if folders.labels and all(file in folders.labels for file in told):
        return labelled_dataset(tree, folders)
    labels = dict(folders.labels)
    reasons = {**folders.reasons, PurePosixPath(): "No table of labels names it."}
    is_divided = any(part for _, part in told.values())
    for file, (value, part) in told.items():
        if value is None:
            reasons[file] = "The table of labels gives it none."
        elif is_divided and part is None:
            reasons[file] = "It is in no part (train, validation or test) of the data set."
        elif file not in labels:
            name = classes.get(value, str(value))
            labels[file] = Label(name, part, f"{part}/{name}")
    names = {label.name for label in labels.values()}
    ids = None
    if not folders.labels and all(not isinstance(value, str) for value, _ in told.values()):
        ids = tuple(sorted(map(int, names)))
    notes = (*folders.notes, *dict.fromkeys(note for table in tables for note in table.notes))
    listed = sorted(names) if ids is None else [str(i) for i in ids]
    used = frozenset(table.table.path for table in tables)
    found = labelled_dataset(tree, Labelling(labels, listed, reasons, notes, ids, used))
    absent = [one for table in tables for one in table.refused]
    return replace(found, refused=(*found.refused, *absent))


def _with_columns(dataset: Dataset, tables: Sequence[_Named]) -> Dataset:
    """Return a data set with what tables say of its pictures beside their classes."""
    values: dict[str, dict[str, object]] = defaultdict(dict)  # by column, then by file
    for table in tables:
        for name in table.about:
            rows = zip(table.files, table.table.columns[name], strict=True)
            values[name].update({str(file): value for file, value in rows if file is not None})
    files = [dataset.place(i) for i in range(len(dataset))] if values else []
    columns = {name: [of.get(file) for file in files] for name, of in values.items()}
    return replace(dataset, columns=known_columns(columns))


def _folder_of_each_label(
    tree: Tree, told: dict[PurePosixPath, tuple[Value, str | None]], folders: Labelling
) -> dict[Value, str]:
    """Return the class folder that each label of the tables stands for.

    Raises:
        DatasetRefused: there is none, for tables and folders divide the pictures otherwise.
    """
    found: dict[Value, str] = {}
    for file, (value, _) in told.items():
        folder = folders.labels.get(file)
        if folder is None or value is None:
            continue
        if found.setdefault(value, folder.name) != folder.name:
            raise DatasetRefused(
                f"{tree.name} can be read in two ways: its table says that {file} is {value!r}, "
                f"like other pictures in {found[value]!r}, but it lies in the folder "
                f"{folder.name!r}. If the folders are right, remove the table; if the table is "
                "right, put all pictures into one folder."
            )
    if len(set(found.values())) < len(found):
        a, b = next((a, b) for a in found for b in found if a != b and found[a] == found[b])
        raise DatasetRefused(
            f"{tree.name} can be read in two ways: its table has the labels {a!r} and {b!r} for "
            f"pictures in the folder {found[a]!r}. If the folders are right, remove the table; if "
            "the table is right, put all pictures into one folder."
        )
    return found


def _part_of_path(path: PurePosixPath) -> str | None:
    return next(filter(None, map(part_of, path.parent.parts[::-1])), None)
