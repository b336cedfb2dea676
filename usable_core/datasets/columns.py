"""What data say of each picture beside its class: camera, site, date. Slices are made of it."""

import datetime
import math
import re
from collections.abc import Mapping, Sequence

import numpy as np

Column = tuple[float | str | None, ...]

MOST = 20  # columns of one data set: each is searched alone and with each other
MOST_LETTERS = 200  # of a value: what is longer is a description, of which no two are alike
_MISSING = {"", "nan", "nat", "null", "none", "n/a"}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")


def known_columns(columns: Mapping[str, Sequence[object]]) -> dict[str, Column]:
    """Return the columns by which pictures can be divided, at most `MOST`, their values made plain.

    Numbers are floats, also where a text file holds them; truth values, dates (ISO 8601) and
    categories are texts; a missing value is None. Columns of one value, of other things (lists,
    bytes), and texts that are another one for each picture are left out: they divide nothing.

    Args:
        columns: Values (N,) by the column's name, as a file or a library gives them.
    """
    found: dict[str, Column] = {}
    for name, values in columns.items():
        plain = _column(values)
        if plain is not None and _divides(plain) and len(found) < MOST:
            found[str(name)] = plain
    return found


def taken(columns: Mapping[str, Column], rows: Sequence[int]) -> dict[str, Column]:
    """Return the columns of some of the pictures."""
    return {name: tuple(values[row] for row in rows) for name, values in columns.items()}


def is_date(values: Sequence[object]) -> bool:
    """Tell whether texts are dates that sort as they follow each other."""
    return all(isinstance(value, str) and _DATE.fullmatch(value) for value in values)


def _column(values: Sequence[object]) -> Column | None:
    """Return plain values; None where one of them is neither a number nor a text."""
    plain = []
    for value in values:
        try:
            plain.append(_plain(value))
        except TypeError:
            return None
    known = [value for value in plain if value is not None]
    if any(isinstance(value, float) for value in known):
        if all(isinstance(value, float) for value in known):
            return tuple(plain)
        return tuple(f"{v:g}" if isinstance(v, float) else v for v in plain)
    numbers = [_number(str(value)) for value in known]
    if any(number is None for number in numbers):
        return tuple(plain)
    return tuple(None if value is None else _number(str(value)) for value in plain)


def _plain(value: object) -> float | str | None:
    """Return a number as a float, all else as a text; None where it is missing.

    Raises:
        TypeError: it is no single value.
    """
    if value is None:
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value)).lower()
    if isinstance(value, int | float | np.integer | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, datetime.date | datetime.time):
        return None if value != value else value.isoformat()  # NaT is not itself
    if isinstance(value, np.datetime64):
        return None if np.isnat(value) else str(value)
    if not isinstance(value, str):
        raise TypeError
    text = " ".join(value.split())
    return None if text.lower() in _MISSING else text


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and "_" not in text else None


def _divides(column: Column) -> bool:
    known = [value for value in column if value is not None]
    different = set(known)
    if len(different) + (len(known) < len(column)) < 2:
        return False
    if any(isinstance(value, str) and len(value) > MOST_LETTERS for value in different):
        return False
    is_text = any(isinstance(value, str) for value in different)
    return not is_text or len(different) < len(known) or is_date(known)
