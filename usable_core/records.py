"""Frozen dataclasses to JSON and back: what a config or a summary is stored as.

Only what JSON holds plus tuples, `Path`-free: names and numbers. Unknown keys are refused, so that
a stored config that no longer means the same is noticed.
"""

import dataclasses
import math
import types
from collections.abc import Mapping
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def to_json(value: object) -> Any:  # noqa: ANN401 - what json.dumps takes
    """Return `value` (dataclasses, tuples, dicts, scalars) as what `json.dumps` accepts.

    NaN and infinities become None, for JSON has no word for them. Fields whose metadata say
    `is_apart` are left out: they are files of their own.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [f for f in dataclasses.fields(value) if not f.metadata.get("is_apart")]
        return {f.name: to_json(getattr(value, f.name)) for f in fields}
    if isinstance(value, dict):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        return to_json(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


_HINTS: dict[type, Mapping[str, Any]] = {}


def hints_of(kind: type) -> Mapping[str, Any]:
    """Return the types of a class's fields; a list of runs asks for them thousands of times."""
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


def from_json(kind: type[Record], data: dict[str, Any]) -> Record:
    """Return the dataclass `kind` that `to_json` wrote as `data`.

    Raises:
        ValueError: data has keys that `kind` does not have.
    """
    hints = hints_of(kind)
    unknown = set(data) - {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if unknown:
        raise ValueError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
    return kind(**{name: restore(hints[name], item) for name, item in data.items()})


def restore(hint: Any, item: Any) -> Any:  # noqa: ANN401 - any field
    """Return the value of type `hint` that `to_json` wrote as `item`."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if item is None:
            return None
        chosen = [a for a in arguments if a is not type(None)]
        listed = [a for a in chosen if get_origin(a) is tuple and isinstance(item, (list, tuple))]
        return restore((listed or chosen)[0], item)
    if dataclasses.is_dataclass(hint):
        return from_json(hint, item)  # type: ignore[arg-type]
    if origin is tuple:
        inner = arguments[:1] * len(item) if arguments[-1] is Ellipsis else arguments
        return tuple(restore(h, i) for h, i in zip(inner, item, strict=True))
    if origin is dict:
        return {key: restore(arguments[1], value) for key, value in item.items()}
    if hint is float:
        return math.nan if item is None else float(item)  # JSON has no word for it
    return item
