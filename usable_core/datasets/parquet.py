"""Parquet files of pictures and labels, one or many, in the Hugging Face convention or near it."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from usable_core.datasets import class_folders
from usable_core.datasets.columns import known_columns
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.label_columns import (
    COARSE,
    FILES,
    TAKEN,
    Value,
    first_of,
    label_column,
    label_space,
    plain_labels,
)
from usable_core.datasets.parquet_columns import (
    check_schema,
    class_names,
    plain_columns,
    read_columns,
)
from usable_core.datasets.parts import part_of, part_within, renamed
from usable_core.datasets.tree import UNREADABLE, Tree, inside
from usable_core.datasets.unlabelled import ONE_CLASS, PICTURES_NOTE, WithoutClasses
from usable_core.datasets.verified import verified
from usable_core.errors import DatasetRefused, ImageRefused, first_line
from usable_core.evaluations.specs import Refused
from usable_core.files import open_regular

EXPECTED = (
    "Expected are the columns image (struct of bytes and path, bytes, or the path of a picture "
    f"beside the file) and label (integer, text, category or boolean; also called {TAKEN}); of "
    "texts, text and label."
)
MAX_TOTAL = 16 * 2**30  # bytes of pictures: they are held in memory
IMAGES = ("image", "img", "picture", "photo", "imagebytes", "bytes", "jpg", "jpeg", "png", "webp")


def read_parquet(path: Path, name: str) -> Dataset:
    """Return the data set in the Parquet file at `path`.

    Classes are the label ids that occur, in increasing order. Their names come from `label_name`,
    else from the file's `ClassLabel` metadata; ids without names get placeholders.

    Raises:
        WithoutClasses: it has pictures, and no column of labels.
        DatasetRefused: the file or its columns are not as expected, or nothing in it is usable.
    """
    file = PurePosixPath(path.name)
    tree = Tree(name, (file,), (), lambda relative: open_regular(path.parent / relative))
    return _dataset(tree, {file: None})


def read_shards(tree: Tree) -> Dataset | None:
    """Return the data set in a tree's Parquet files, None where there are none of pictures.

    Raises:
        DatasetRefused: they belong to several data sets, stand beside class folders, or as
            `read_parquet`.
    """
    files = [path for path in tree.files if path.suffix.lower() == ".parquet"]
    if not files:
        return None
    try:
        has_folders = len(class_folders.labelling(tree).classes) > 1
    except DatasetRefused:
        has_folders = False
    if has_folders:
        if not any(_holds_pictures(tree, path) for path in files):
            return None
        raise DatasetRefused(
            f"{tree.name} holds pictures in class folders and in Parquet files (first: "
            f"{files[0]}). Give the one or the other."
        )
    named = {path: named_part(path) for path in files}
    parts = {path: part for path, (_, part) in named.items()}
    _check_one(tree.name, parts)
    is_divided = any(parts.values())
    used = {path: part for path, part in parts.items() if part or not is_divided}
    found = _dataset(tree, used)
    left = [Refused(str(p), "It is in no part of the data set.") for p in parts if p not in used]
    refused = (*tree.refused, *left, *found.refused)
    said = renamed({name: part for name, part in named.values() if part})
    return replace(found, refused=refused, notes=(*tree.notes, *said, *found.notes))


@dataclass(frozen=True)
class _Shard:
    """The columns of one file; pictures are bytes, paths, or both."""

    path: PurePosixPath
    part: str | None
    data: pa.ChunkedArray | None
    paths: Sequence[str | None] | None
    labels: list[Value]
    names: Sequence[str | None] | None
    notes: tuple[str, ...]
    about: dict[str, list[object]]
    refusal: str = ""  # of who needs labels, where no column holds them

    def read(self, tree: Tree, row: int) -> bytes:
        """Return the bytes of the picture in a row."""
        label = self.labels[row]
        if label is None or (isinstance(label, int) and label < 0):
            raise ImageRefused("has no label")
        data = None if self.data is None else self.data[row].as_py()
        if data is not None:
            return bytes(data)
        if self.paths is None or not self.paths[row]:
            raise ImageRefused("holds no image bytes")
        return tree.read(inside(self.path.parent, str(self.paths[row])))


def _dataset(tree: Tree, parts: dict[PurePosixPath, str | None]) -> Dataset:
    shards: list[_Shard] = []
    for path, part in parts.items():
        shards.append(_shard(tree, path, part))
        if sum(s.data.nbytes for s in shards if s.data is not None) > MAX_TOTAL:
            raise DatasetRefused(
                f"{tree.name} holds more than the {MAX_TOTAL / 2**30:.0f} GB of pictures that are "
                "read from Parquet files at once. Give fewer of the files, or a folder of pictures."
            )
    refusals = [shard.refusal for shard in shards if shard.refusal]
    if len(refusals) == len(shards):
        raise WithoutClasses(refusals[0], lambda: _read(tree, shards))
    if refusals:
        raise DatasetRefused(refusals[0])
    return _read(tree, shards)


def _read(tree: Tree, shards: Sequence[_Shard]) -> Dataset:
    """Return the rows of which a picture can be used."""
    rows = [(shard, row) for shard in shards for row in range(len(shard.labels))]
    names = [f"{s.path} row {row}" if len(shards) > 1 else f"row {row}" for s, row in rows]
    pictures = verified(names, lambda i: rows[i][0].read(tree, rows[i][1]))
    if not pictures.kept:
        first = f" ({names[0]}: {pictures.refused[0].reason})" if names else ""
        raise DatasetRefused(f"No row of {tree.name} holds a usable image with a label{first}.")
    kept = [rows[i] for i in pictures.kept]
    values = [shard.labels[row] for shard, row in kept]
    named = [None if s.names is None else s.names[row] for s, row in kept]
    has_names = any(shard.names is not None for shard in shards)
    space, targets = label_space(_alike(tree.name, values), named if has_names else None)
    places = [space.names[target] for target in targets]
    if len(shards) > 1:
        places = [f"{s.part}/{place}" for (s, _), place in zip(kept, places, strict=True)]
    found = pictures.dataset(tree.name, space, targets, places, [s.part for s, _ in kept])
    said = dict.fromkeys(note for shard in shards for note in shard.notes)
    about = dict.fromkeys(name for shard in shards for name in shard.about)
    columns = {c: [s.about[c][row] if c in s.about else None for s, row in kept] for c in about}
    return replace(found, notes=(*said, *found.notes), columns=known_columns(columns))


def _shard(tree: Tree, path: PurePosixPath, part: str | None) -> _Shard:
    name = tree.name if len(tree.files) == 1 else f"{path} of {tree.name}"
    try:
        with tree.open(path) as stream:
            file = pq.ParquetFile(stream)
            columns = file.schema_arrow.names
            image = next(iter(first_of(columns, (*IMAGES, *FILES))), None)
            label, notes = label_column([c for c in columns if c != image])
            refusal = "" if image and label else _lacking(columns, name)
            if image is None or (label is None and not first_of([image], IMAGES)):
                raise DatasetRefused(refusal)
            extra = [c for c in ("label_name",) if c in columns and c != label]
            metadata = file.schema_arrow.metadata
            used = [image, *filter(None, [label]), *extra]
            check_schema(file.schema_arrow, used, name)
            about = plain_columns(file.schema_arrow, [*used, *first_of(columns, COARSE)])
            size = stream.seek(0, os.SEEK_END)
            table = read_columns(file, [*used, *about], name, size)
            data, paths = _pictures(table[image], name)
            values = table[label].to_pylist() if label else [ONE_CLASS] * len(table)
            names = table[extra[0]].to_pylist() if extra else None
    except (pa.ArrowException, *UNREADABLE) as error:
        why = first_line(error)
        raise DatasetRefused(f"{name} cannot be read as Parquet: {why}. {EXPECTED}") from error
    labels = plain_labels(values, f"The column {label} of {name}")
    known = class_names(metadata, label, name) if label else None
    if names is None and known:
        names = [known[i] if isinstance(i, int) and 0 <= i < len(known) else None for i in labels]
    known_of = {column: table[column].to_pylist() for column in about}
    notes = notes if label else (PICTURES_NOTE,)
    return _Shard(path, part, data, paths, labels, names, notes, known_of, refusal)


def _lacking(columns: Sequence[str], name: str) -> str:
    """Return that columns do not hold what is expected."""
    listed = ", ".join(c[:60] for c in columns[:10]) + ", …" * (len(columns) > 10)
    return f"{name} has the columns {listed}. {EXPECTED}"


def _pictures(
    column: pa.ChunkedArray, name: str
) -> tuple[pa.ChunkedArray | None, Sequence[str | None] | None]:
    """Return bytes and paths of the pictures in a column, each None where it holds none."""
    kind = column.type
    if pa.types.is_struct(kind):
        flat = dict(zip([field.name for field in kind], column.flatten(), strict=True))
        data, paths = flat.get("bytes"), flat.get("path")
        good = (data is None or _is_bytes(data.type)) and (paths is None or _is_text(paths.type))
        if good and (data is not None or paths is not None):
            return data, None if paths is None else paths.to_pylist()
    elif _is_bytes(kind):
        return column, None
    elif _is_text(kind):
        return None, column.to_pylist()
    raise DatasetRefused(f"The image column of {name} is {kind}, not bytes or a path. {EXPECTED}")


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind)) or _is_null(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind)) or _is_null(kind)


def _is_null(kind: pa.DataType) -> bool:
    return bool(pa.types.is_null(kind))


def _alike(name: str, values: list[Value]) -> list[Value]:
    if len({type(value) for value in values}) > 1:
        raise DatasetRefused(f"The labels of {name} are numbers in one file and names in another.")
    return values


def _holds_pictures(tree: Tree, path: PurePosixPath) -> bool:
    try:
        with tree.open(path) as stream:
            columns = pq.ParquetFile(stream).schema_arrow.names
    except (pa.ArrowException, ImageRefused, *UNREADABLE):
        return False
    return bool(first_of(columns, IMAGES) and label_column(columns)[0])


def named_part(path: PurePosixPath) -> tuple[str, str | None]:
    """Return the name of a file, or of a folder it lies in, that says its part; and that part."""
    stem = re.sub(r"-\d+-of-\d+.*$", "", path.stem)
    for name in (stem, *path.parent.parts[::-1]):
        if part := part_of(name) or (part_within(name) if name == stem else None):
            return name, part
    return stem, None


def wholes(files: Iterable[PurePosixPath]) -> set[str]:
    """Return the folders of the data sets that files belong to: the Hub keeps several so."""
    parts = {path: named_part(path)[1] for path in files}
    return {
        "/".join(step for step in path.parent.parts if not part_of(step) and step != "data")
        for path, part in parts.items()
        if part or not any(parts.values())
    }


def _check_one(name: str, files: Iterable[PurePosixPath]) -> None:
    """Check that all files are of one data set."""
    if len(found := wholes(files)) > 1:
        listed = ", ".join(repr(whole or ".") for whole in sorted(found)[:5])
        raise DatasetRefused(
            f"{name} holds several data sets of Parquet files: {listed}. Give the folder of one."
        )
