"""Columns of a table that hold labels or name pictures, and what their values mean."""

import re
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np

from usable_core.errors import DatasetRefused, quoted
from usable_core.labels import LabelSpace

# As people call them, without case and signs; the first that is there counts.
LABELS = (
    *("label", "labels", "finelabel", "class", "classes", "classname", "category", "target"),
    *("targets", "y", "cls", "classid", "categoryid", "labelid", "labelname", "labeltext"),
)
FILES = (
    *("filename", "file", "imagename", "imagefile", "imagepath", "filepath", "path", "image"),
    *("img", "imgname", "imgpath", "imageid", "id", "name", "picture", "photo"),
)
COARSE = ("coarselabel", "superclass")
PARTS = ("split", "subset", "partition", "part", "set")
TAKEN = "label, labels, fine_label, class, category, target or y"
Value = int | str | None


def plain(column: str) -> str:
    """Return a column's name without case and signs."""
    return re.sub(r"[^a-z0-9]", "", column.lower())


def first_of(columns: Iterable[str], wanted: Sequence[str]) -> list[str]:
    """Return the columns whose names are wanted, in the order of `wanted`."""
    names = {plain(column): column for column in reversed(list(columns))}
    return [names[key] for key in wanted if key in names]


def label_column(
    columns: Sequence[str], more: Sequence[str] = ()
) -> tuple[str | None, tuple[str, ...]]:
    """Return the column of labels, None where there is none, and what is to be said of others.

    Args:
        columns: Those that there are.
        more: What it may be called beside `LABELS`, where none is called so.
    """
    found = first_of(columns, (*LABELS, *more))
    others = [c for c in found[1:] if plain(c) not in ("labelname", "labeltext")]
    others += first_of(columns, COARSE) if found else []
    if not others:
        return (found[0] if found else None), ()
    listed = " and ".join(others)
    return found[0], (f"The labels are those of the column {found[0]}, not of {listed}.",)


def plain_labels(values: Sequence[object], what: str) -> list[Value]:
    """Return labels as whole numbers or as text; None where there is none.

    Args:
        values: Numbers (whole, or floats that are), booleans, text, or lists of one of these.
        what: The column, for the sentence of a refusal.

    Raises:
        DatasetRefused: a value is none of these, or several labels.
    """
    found = [_plain_label(value, what) for value in values]
    if any(isinstance(v, str) for v in found) and any(isinstance(v, int) for v in found):
        return [None if v is None else str(v) for v in found]
    return found


def numbers(values: Sequence[Value], what: str) -> list[Value]:
    """Return labels that are text as whole numbers, where all of them are numbers.

    Raises:
        DatasetRefused: they are numbers, but not whole ones.
    """
    texts = [str(v) for v in values if v is not None]
    if not all(re.fullmatch(r"-?\d{1,18}(\.\d*)?", text) for text in texts):
        return list(values)  # longer ones are names, as of people or files
    return plain_labels([None if v is None else _number(str(v)) for v in values], what)


def _number(text: str) -> int | float:
    """Return the number in a text of digits, exactly where it is a whole one."""
    whole, _, fraction = text.partition(".")
    return float(text) if fraction.strip("0") else int(whole)


def label_space(
    values: Sequence[Value], names: Sequence[str | None] | None = None
) -> tuple[LabelSpace, list[int]]:
    """Return the classes of labels that are all there, and each label's position in them.

    Args:
        values: Labels (N,), all numbers or all text.
        names: Name of each label (N,) where labels are numbers; None where nobody gave any.

    Raises:
        DatasetRefused: a number has no name, or two.
    """
    order = sorted(set(values))  # type: ignore[type-var]
    position = {value: i for i, value in enumerate(order)}
    targets = [position[value] for value in values]
    if not all(isinstance(value, int) for value in order):
        return LabelSpace(tuple(map(str, order))), targets
    ids = tuple(int(value) for value in order if value is not None)
    if names is None:
        return LabelSpace(tuple(f"class {i}" for i in ids), is_named=False, ids=ids), targets
    name_of: dict[Value, str] = {}
    for value, name in zip(values, names, strict=True):
        if name is None or name_of.setdefault(value, name) != name:
            raise DatasetRefused(
                f"Label {value} is called {name!r} in one place and {name_of.get(value)!r} before. "
                "Give each label one name."
            )
    return LabelSpace(tuple(name_of[i] for i in ids), ids=ids), targets


def _plain_label(value: object, what: str) -> Value:
    if isinstance(value, (list, tuple)):
        if len(value) > 1:
            raise DatasetRefused(
                f"{what} holds several labels of one picture ({value[0]!r}, {value[1]!r}). One "
                "label per picture is expected."
            )
        value = value[0] if value else None
    if value is None or value == "" or value != value:  # NaN
        return None
    if isinstance(value, (bool, str)):
        return str(value).strip() or None
    is_whole = isinstance(value, int | np.integer)
    is_whole = is_whole or (isinstance(value, float | np.floating) and float(value).is_integer())
    if is_whole and abs(number := int(cast(float, value))) < 2**63:
        return number
    raise DatasetRefused(
        f"{what} holds {quoted(value)}, a {type(value).__name__}. Labels are whole numbers or "
        "names; numbers have at most 63 bits."
    )
