"""Text files of rows and columns, `.csv`, `.tsv`, `.jsonl`, as people and tools write them."""

import codecs
import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from usable_core.datasets.tree import Tree, text_of
from usable_core.decoding_limits import MAX_BYTES
from usable_core.errors import DatasetRefused

MAX_CELLS = 10_000_000  # of a table: they are all held in memory
csv.field_size_limit(MAX_BYTES)  # one text that is too long is left out, and not its table
SUFFIXES = {".csv", ".tsv", ".jsonl", ".ndjson"}
WHOLE = ".json"  # a list of rows, or columns by name; what else is called so is no table


@dataclass(frozen=True)
class Table:
    """Rows of a file.

    Attributes:
        path: The file.
        columns: Values (N,) by the column's name.
    """

    path: PurePosixPath
    columns: dict[str, list[object]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), []))


def read_table(tree: Tree, path: PurePosixPath) -> Table:
    """Return the table in a file of a tree.

    Raises:
        DatasetRefused: it is too large, or its lines are not what its name says.
        ImageRefused: it cannot be read.
    """
    data = tree.read(path)
    if len(data) > MAX_BYTES:
        raise DatasetRefused(
            f"The table {path} has more than {MAX_BYTES // 2**20} MB, so it was not read. Put the "
            "pictures into one folder per class."
        )
    text = text_in(data)
    if path.suffix.lower() == WHOLE:
        return Table(path, _of_whole_json(path, text))
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        return Table(path, _of_json(path, text.split("\n")))  # texts hold other ends of lines
    try:
        return Table(path, _of_csv(path, text))
    except csv.Error as error:
        raise DatasetRefused(f"{path} is no table: {error}.") from error


def _check_cells(path: PurePosixPath, rows: int, columns: int) -> None:
    if rows * columns > MAX_CELLS:
        raise DatasetRefused(
            f"The table {path} has {rows:,} rows of {columns:,} columns; at most {MAX_CELLS:,} "
            "cells are read. Keep the columns file_name and label."
        )


def paths_of_tables(tree: Tree) -> list[PurePosixPath]:
    """Return the files that may be tables; forms for answers (submissions) are none."""
    return [
        path
        for path in tree.files
        if path.suffix.lower() in SUFFIXES and "submission" not in path.name.lower()
    ]


def text_in(data: bytes) -> str:
    """Return the text of a file, which may be of UTF-8, UTF-16 or an old code page."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return text_of(data.removeprefix(codecs.BOM_UTF8), otherwise="cp1252")[0]


def _of_csv(path: PurePosixPath, text: str) -> dict[str, list[object]]:
    head = text.partition("\n")[0]
    commas = Counter(character for character in head if character in ",;\t|")
    delimiter = commas.most_common(1)[0][0] if commas else ","
    _check_cells(path, text.count("\n") + 1, commas[delimiter] + 1)  # before they take memory
    _check_cells(path, 1, text.count(delimiter))
    lines = io.StringIO(text, newline="")  # ends of lines within quotes are part of a value
    rows = [row for row in csv.reader(lines, delimiter=delimiter) if any(row)]
    if not rows:
        return {}
    names = [name.strip() for name in rows[0]]
    filled = [[*row, *[""] * (len(names) - len(row))] for row in rows[1:]]
    return {name: [row[i].strip() for row in filled] for i, name in enumerate(names)}


def _of_whole_json(path: PurePosixPath, text: str) -> dict[str, list[object]]:
    """Return the columns of one JSON value; none where it is not one of rows or of columns."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetRefused(f"{path} is no JSON: {error}.") from error
    if isinstance(said, list) and said and all(isinstance(row, dict) for row in said):
        return _of_rows(path, said)
    if not isinstance(said, dict) or not all(isinstance(one, list) for one in said.values()):
        return {}
    lengths = {name: len(one) for name, one in said.items()}
    if len(set(lengths.values())) > 1:
        raise DatasetRefused(f"The columns of {path} are not of one length: {lengths}.")
    return said


def _of_json(path: PurePosixPath, lines: Sequence[str]) -> dict[str, list[object]]:
    rows = []
    for number, line in enumerate(filter(str.strip, lines), 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DatasetRefused(f"Line {number} of {path} is no JSON: {error}.") from error
        if not isinstance(row, dict):
            raise DatasetRefused(f"Line {number} of {path} is no JSON object with columns.")
        rows.append(row)
    return _of_rows(path, rows)


def _of_rows(path: PurePosixPath, rows: Sequence[dict[str, object]]) -> dict[str, list[object]]:
    names = dict.fromkeys(name for row in rows for name in row)
    _check_cells(path, len(rows), len(names))
    return {str(name): [row.get(name) for row in rows] for name in names}
