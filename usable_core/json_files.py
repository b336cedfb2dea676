"""JSON that somebody else wrote: read within bounds, and only where it means one thing."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from usable_core.files import read_regular
from usable_core.records import shown

LARGEST_JSON = 4 * 2**20  # bytes: a card of 20,000 classes has one megabyte
_MOST_DIGITS = 40  # far above every count and every seed
_DEEPEST_JSON = 64  # a card has five


def read_json(path: Path) -> Any:  # noqa: ANN401 - any JSON
    """Return what a JSON file holds, where it means one thing and stays within bounds.

    Raises:
        OSError: it cannot be opened, is no regular file, or has more than 4 MB.
        ValueError: no UTF-8, no JSON, nested more than 64 deep, a name that an object has twice, or
            NaN and Infinity, which are no JSON.
    """
    return parsed_json(read_regular(path, LARGEST_JSON))


def parsed_json(data: bytes) -> Any:  # noqa: ANN401 - any JSON
    """Return what JSON in UTF-8 holds.

    Raises:
        ValueError: as `read_json`, of the content.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"it is no text in UTF-8 (byte {error.start})") from error
    too_deep = f"it is nested more than {_DEEPEST_JSON} deep"
    try:
        value = json.loads(
            text,
            parse_constant=_no_number,
            parse_int=_whole_number,
            object_pairs_hook=_named_once,
        )
    except RecursionError as error:
        raise ValueError(too_deep) from error
    level = [value]
    for _ in range(_DEEPEST_JSON):
        level = [v for held in level if isinstance(held, dict | list) for v in _held(held)]
    if level:
        raise ValueError(too_deep)
    return value


def _held(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"it holds {word}, which is no number of JSON")


def _whole_number(digits: str) -> int:
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"it holds a number of {len(digits)} digits")
    return int(digits)


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"it has {shown(twice)} twice in one object")
    return found
