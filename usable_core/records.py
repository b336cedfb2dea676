"""Frozen dataclasses to JSON and back: what a config or a summary is stored as.

Only what JSON holds plus tuples, `Path`-free: names and numbers. Unknown keys are refused, so that
a stored config that no longer means the same is noticed, and so is a value of another type than the
field's annotation says: this is the one place where what comes from a file is checked for its type.
"""

import dataclasses
import math
import reprlib
import sys
import types
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")
_PLAIN = (str, bool, int)  # what JSON holds as it is
_LONGEST = 60  # characters of a value in a sentence
# What a scalar of each type is called; values of other types are taken as they are.
_WORDS = {
    int: "a whole number",
    float: "a finite number",
    str: "a text",
    bool: "true or false",
    dict: "an object of named fields",
    list: "a list",
    type(None): "null",
}


def to_json(value: object) -> Any:  # noqa: ANN401 - what json.dumps takes
    """Return `value` (dataclasses, tuples, dicts, scalars) as what `json.dumps` accepts.

    NaN and infinities become None, for JSON has no word for them. Fields whose metadata say
    `is_apart` are left out: they are files of their own.
    """
    if value is None or isinstance(value, _PLAIN):  # most of what a long list holds
        return value
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


# What reading JSON or a table of another form raises; a RuntimeError where it is too deep.
MALFORMED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
_HINTS: dict[type, Mapping[str, Any]] = {}


def hints_of(kind: type) -> Mapping[str, Any]:
    """Return the types of a class's fields; a list of runs asks for them thousands of times."""
    if kind not in _HINTS:
        _HINTS[kind] = get_type_hints(kind)
    return _HINTS[kind]


def from_json(kind: type[Record], data: object, at: str = "") -> Record:
    """Return the dataclass `kind` that `to_json` wrote as `data`, each field of its own type.

    Whatever checks `kind` makes of itself (`__post_init__`) are made as well.

    Args:
        kind: The dataclass.
        data: What `json.loads` gives.
        at: What `data` is called in sentences, such as the field that holds it.

    Raises:
        ValueError: data is no object, has keys that `kind` does not have, lacks one that it needs,
            or has a value of another type; the sentence names the field, what is expected, and
            what came.
    """
    if not isinstance(data, dict):
        raise ValueError(_other_type(at or kind.__name__, "an object of named fields", data))
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    if unknown := set(data) - {field.name for field in fields}:
        named = ", ".join(sorted(map(str, unknown)))
        raise ValueError(f"{at or kind.__name__} has no field {shown(named)}")
    lacking = [f.name for f in fields if f.name not in data and _is_needed(f)]
    if lacking:
        raise ValueError(f"{at or kind.__name__} lacks {', '.join(lacking)}")
    hints = hints_of(kind)
    prefix = f"{at}." if at else ""
    return kind(**{name: restore(hints[name], v, f"{prefix}{name}") for name, v in data.items()})


def restore(hint: Any, item: Any, at: str = "value") -> Any:  # noqa: ANN401 - any field
    """Return the value of type `hint` that `to_json` wrote as `item`.

    Args:
        hint: A field's annotation; one that JSON has no form for takes the item as it is.
        item: What `json.loads` gives.
        at: What the value is called in sentences.

    Raises:
        ValueError: the item is of another type; see `from_json`.
    """
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _one_of(hint, item, at)
    if dataclasses.is_dataclass(hint):
        return from_json(hint, item, at)  # type: ignore[arg-type]
    if origin is tuple:
        is_any = arguments[-1] is Ellipsis
        if not isinstance(item, list | tuple) or not (is_any or len(item) == len(arguments)):
            raise ValueError(_other_type(at, described(hint), item))
        inner = arguments[:1] * len(item) if is_any else arguments
        places = enumerate(zip(inner, item, strict=True))
        return tuple(restore(h, i, f"{at}[{k}]") for k, (h, i) in places)
    if origin is dict:
        if not isinstance(item, dict):
            raise ValueError(_other_type(at, described(hint), item))
        return {key: restore(arguments[1], v, f"{at}.{key}"[:80]) for key, v in item.items()}
    return _scalar(hint, item, at)


def described(hint: Any) -> str:  # noqa: ANN401 - any annotation
    """Return what a field of this annotation holds, in words."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, arguments))}"
    if origin in (Union, types.UnionType):
        return " or ".join(described(kind) for kind in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return f"a list, each {described(arguments[0])}"
    if origin is tuple:
        return f"a list of {len(arguments)}, each {described(arguments[0])}"
    if hint is dict or origin is dict or dataclasses.is_dataclass(hint):
        return "an object of named fields"
    return _WORDS.get(hint, getattr(hint, "__name__", str(hint)))


def shown(value: object) -> str:
    """Return a value as a sentence shows it: at most 60 characters, on one line."""
    if isinstance(value, str):
        text = repr(value) if len(value) <= _LONGEST else f"{value[:_LONGEST]!r}…"
        return text.replace("\n", " ")
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 200:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, list | tuple | dict) and len(value) > _LONGEST:
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    if isinstance(value, tuple):
        return ", ".join(map(shown, value)) or "nothing"
    text = reprlib.repr(value)  # within bounds, however deep or long the value is
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def brief(name: str) -> str:
    """Return a name as a sentence lists it: as it is, where it is short and of one line."""
    return name if len(name) <= 2 * _LONGEST and name.isprintable() else shown(name)


def _is_needed(field: "dataclasses.Field[Any]") -> bool:
    if not field.init or field.metadata.get("is_apart"):
        return False
    return field.default is field.default_factory is dataclasses.MISSING


def _other_type(at: str, expected: str, came: object) -> str:
    return f"{at} must be {expected}, but is {shown(came)}"


def _one_of(hint: Any, item: Any, at: str) -> Any:  # noqa: ANN401 - any field
    """Return the value by the first alternative of a union that it is of."""
    kinds = get_args(hint)
    if item is None and type(None) in kinds:
        return None
    problems = []
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return restore(kind, item, at)
        except ValueError as error:
            problems.append(error)
    if len(problems) == 1:  # what is wrong within it
        raise problems[0]
    raise ValueError(_other_type(at, described(hint), item))


def _scalar(hint: Any, item: Any, at: str) -> Any:  # noqa: ANN401 - any field
    if get_origin(hint) is Literal:
        if any(item == one and type(item) is type(one) for one in get_args(hint)):
            return item
        raise ValueError(_other_type(at, described(hint), item))
    if hint is float:
        if item is None:
            return math.nan  # JSON has no word for it
        # Of whole numbers only those that a float can hold.
        is_number = isinstance(item, float | int) and not isinstance(item, bool)
        if is_number and abs(item) <= sys.float_info.max:
            return float(item)
    elif hint not in _WORDS or (type(item) is hint):
        return item
    raise ValueError(_other_type(at, described(hint), item))
