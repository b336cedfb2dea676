"""Texts in tables: Parquet, CSV, TSV or JSON lines with a column of texts and one of labels."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from usable_core.datasets.columns import known_columns
from usable_core.datasets.dataset import Dataset, hash_all, hash_bytes
from usable_core.datasets.label_columns import Value, first_of, label_space, numbers, plain_labels
from usable_core.datasets.parquet import IMAGES, named_part, read_parquet
from usable_core.datasets.parquet_columns import (
    check_schema,
    class_names,
    plain_columns,
    read_columns,
)
from usable_core.datasets.parts import indices_of, renamed
from usable_core.datasets.tables import SUFFIXES, WHOLE, paths_of_tables, read_table
from usable_core.datasets.text_columns import EXPECTED, Chosen, TextTable, chosen_of
from usable_core.datasets.tree import UNREADABLE, Tree, is_picture
from usable_core.datasets.unlabelled import ONE_CLASS
from usable_core.errors import DatasetRefused, ImageRefused, TextRefused
from usable_core.evaluations.specs import Refused
from usable_core.files import open_regular
from usable_core.labels import LabelSpace
from usable_core.texts import cleaned


def read_texts(tree: Tree) -> Dataset | None:
    """Return the data set of the texts in a tree's tables, None where it holds none, or pictures.

    Tables without labels are read where the tree holds no other examples.

    Raises:
        DatasetRefused: a table cannot be read, each example is of two texts, or none is usable.
    """
    files = [path for path in tree.files if path.suffix.lower() == ".parquet"]
    files += paths_of_tables(tree)
    files += [path for path in tree.files if path.suffix.lower() == WHOLE]
    if not files or any(is_picture(path) for path in tree.files):
        return None
    named = {path: named_part(path) for path in files}
    is_divided = any(part for _, part in named.values())
    tables, bare, left = list[TextTable](), list[TextTable](), list[Refused]()
    for path, (_, part) in named.items():
        table = _table(tree, path, part)
        is_here = table is not None and (part or not is_divided or any(table.parts))
        if table is not None and is_here and table.is_labelled:
            tables.append(table)
        elif table is not None and is_here:
            bare.append(table)
        elif path.suffix.lower() != WHOLE:  # much is kept in JSON
            left.append(Refused(str(path), f"It is no table of this data set. {EXPECTED}."))
    has_others = any(path.suffix.lower() == ".txt" for path in tree.files)
    if not tables and bare and len(bare) == len(files) and not has_others:
        tables, bare = bare, []
    if not tables:
        return None
    left += [Refused(str(one.path), f"It has no labels. {EXPECTED}.") for one in bare]
    said = renamed({name: part for name, part in named.values() if part})
    found = dataset_of(tree.name, tables)
    refused = (*tree.refused, *left, *found.refused)
    return replace(found, refused=refused, notes=(*tree.notes, *said, *found.notes))


def read_text_file(path: Path, name: str) -> Dataset:
    """Return the data set of the texts in one file.

    Raises:
        DatasetRefused: it is no such table, or as `read_texts`.
    """
    found = texts_of_file(path, name)
    if found is None:
        raise DatasetRefused(
            f"{name} has no column of texts. {EXPECTED}. A table of pictures' "
            "labels is read with its folder: give that."
        )
    return found


def read_parquet_file(path: Path, name: str) -> Dataset:
    """Return the data set in one Parquet file, of texts or else of pictures.

    Raises:
        DatasetRefused: as `read_texts` and `parquet.read_parquet`.
    """
    return texts_of_file(path, name) or read_parquet(path, name)


def texts_of_file(path: Path, name: str) -> Dataset | None:
    """Return the data set of the texts in one file, None where it has no columns of these."""
    file = PurePosixPath(path.name)
    tree = Tree(name, (file,), (), lambda relative: open_regular(path.parent / relative))
    table = _table(tree, file, None)
    return None if table is None else dataset_of(name, [table])


def from_texts(
    name: str,
    texts: Sequence[str],
    targets: NDArray[np.int64],
    labels: LabelSpace,
    about: Mapping[str, Sequence[object]] = MappingProxyType({}),
) -> Dataset:
    """Return a data set of texts that are in memory, with columns that say more of each.

    Raises:
        DatasetRefused: one of them cannot be used.
    """
    kept: list[str] = []
    for position, text in enumerate(texts):
        try:
            kept.append(cleaned(text))
        except TextRefused as error:
            raise DatasetRefused(f"Text {position} cannot be used: {error}") from error
    return _made(name, kept, targets, labels, [labels.names[t] for t in targets], about)


def _made(
    name: str,
    texts: Sequence[str],
    targets: Sequence[int] | NDArray[np.int64],
    labels: LabelSpace,
    places: Sequence[str],
    about: Mapping[str, Sequence[object]],
) -> Dataset:
    """Return texts as a data set; `places` is what its fingerprint says of each beside them."""
    ids = tuple(hash_bytes(text.encode()) for text in texts)
    sizes = {"words": [len(t.split()) for t in texts], "characters": [len(t) for t in texts]}
    return Dataset(
        name=name,
        labels=labels,
        targets=np.asarray(targets, dtype=np.int64),
        ids=ids,
        open=texts.__getitem__,
        fingerprint=hash_all([f"{i} {p}" for i, p in zip(ids, places, strict=True)]),
        columns=known_columns({**sizes, **about}),
        place="text {}".format,
        kind="text",
    )


def dataset_of(name: str, tables: Sequence[TextTable]) -> Dataset:
    """Return the data set of the texts in tables, those that cannot be used refused.

    Raises:
        DatasetRefused: none can be used, or the labels are not of one kind.
    """
    rows = [(table, row) for table in tables for row in range(len(table.texts))]
    kept, texts, refused = list[tuple[TextTable, int]](), list[str](), list[Refused]()
    where = [_place(table, row, is_alone=len(tables) == 1) for table, row in rows]
    places = []
    for (table, row), place in zip(rows, where, strict=True):
        try:
            texts.append(_usable(table, row))
        except TextRefused as error:
            refused.append(Refused(place, str(error)))
        else:
            kept.append((table, row))
            places.append(place)
    if not kept:
        first = f" ({refused[0].name}: {refused[0].reason})" if refused else ""
        raise DatasetRefused(f"No row of {name} holds a usable text with a label{first}.")
    values = [table.labels[row] for table, row in kept]
    if len({type(value) for value in values}) > 1:
        raise DatasetRefused(f"The labels of {name} are numbers in one place and names in another.")
    has_names = any(table.names is not None for table, _ in kept)
    names = [None if t.names is None else t.names[row] for t, row in kept] if has_names else None
    space, targets = label_space(values, names)
    parts = [table.parts[row] for table, row in kept]
    said = [space.names[target] for target in targets]
    if any(parts):
        said = [f"{part}/{one}" for part, one in zip(parts, said, strict=True)]
    about = dict.fromkeys(column for table in tables for column in table.about)
    columns = {c: [t.about[c][row] if c in t.about else None for t, row in kept] for c in about}
    notes = dict.fromkeys(note for table in tables for note in table.notes)
    found = _made(name, texts, targets, space, said, columns)
    return replace(
        found,
        own_split=indices_of(parts),
        refused=tuple(refused),
        notes=tuple(notes),
        place=places.__getitem__,
    )


def _place(table: TextTable, row: int, *, is_alone: bool) -> str:
    if table.places is not None:
        return table.places[row]
    return f"row {row}" if is_alone else f"{table.path} row {row}"


def _usable(table: TextTable, row: int) -> str:
    label = table.labels[row]
    if label is None or (isinstance(label, int) and label < 0):
        raise TextRefused("It has no label.")
    return cleaned(table.texts[row])


def _table(tree: Tree, path: PurePosixPath, part: str | None) -> TextTable | None:
    """Return what a file says of texts; None where it has no column of texts.

    Raises:
        DatasetRefused: it cannot be read, or each example is of two texts.
    """
    name = tree.name if len(tree.files) == 1 else f"{path} of {tree.name}"
    if path.suffix.lower() in {*SUFFIXES, WHOLE}:
        try:
            columns = read_table(tree, path).columns
        except ImageRefused as error:
            raise DatasetRefused(str(error)) from error
        chosen = chosen_of(list(columns), name)
        if chosen is None:
            return None
        labels = _labels(chosen, columns, name, is_text=True)
        return chosen.table(path, columns, labels, None, part)
    return _of_parquet(tree, path, name, part)


def _of_parquet(tree: Tree, path: PurePosixPath, name: str, part: str | None) -> TextTable | None:
    try:
        with tree.open(path) as stream:
            file = pq.ParquetFile(stream)
            schema = file.schema_arrow
            if first_of(schema.names, IMAGES) or (chosen := chosen_of(schema.names, name)) is None:
                return None
            used = [c for c in (chosen.text, chosen.label, chosen.names) if c is not None]
            check_schema(schema, used, name)
            about = plain_columns(schema, used)
            table = read_columns(file, [*used, *about], name, stream.seek(0, os.SEEK_END))
    except (pa.ArrowException, ImageRefused, *UNREADABLE):
        return None  # what reads pictures says why
    columns = {column: table[column].to_pylist() for column in [*used, *about]}
    labels = _labels(chosen, columns, name, is_text=False)
    known = None if chosen.label is None else class_names(schema.metadata, chosen.label, name)
    return chosen.table(path, columns, labels, known, part)


def _labels(
    chosen: Chosen, columns: Mapping[str, Sequence[object]], name: str, *, is_text: bool
) -> Sequence[Value]:
    """Return the label of each row; `is_text` where numbers are written as text, too."""
    if chosen.label is None:
        return [ONE_CLASS] * len(columns[chosen.text])
    what = f"The column {chosen.label} of {name}"
    labels = plain_labels(columns[chosen.label], what)
    return numbers(labels, what) if is_text else labels
