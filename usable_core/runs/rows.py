"""What a row of the table means as a `Run`: ids, titles, and reading it back."""

import functools
import json
import secrets
import time
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args, get_origin

from usable_core import tasks
from usable_core.catalog.titles import model_title
from usable_core.errors import StorageError, UsableError, first_line
from usable_core.evaluations.result import Config
from usable_core.records import hints_of
from usable_core.runs.run import Run, RunHead, Status
from usable_core.runs.uploads import data_title
from usable_core.task import Task

Columns = Sequence[tuple[str, tuple[Any, ...]]]  # names of columns, and the types of their values
AnyRun = TypeVar("AnyRun", bound=RunHead)

_EPOCH = 1_704_067_200  # 2024-01-01, so that ids stay short
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_id(last: str = "") -> str:
    """Return microseconds since `_EPOCH` in base 36 (10 digits) and 3 random digits.

    It sorts after `last` even where the clock was set back since.
    """
    number, digits = (time.time_ns() - _EPOCH * 10**9) // 1000, ""
    if len(last) == 13 and set(last) <= set(_DIGITS):
        number = max(number, int(last[:10], 36) + 1)
    for _ in range(10):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits + "".join(secrets.choice(_DIGITS) for _ in range(3))


def title_of(config: Config) -> str:
    """Return "Accuracy of VGG on Digits", with what the config has."""
    parts = [tasks.TASKS[tasks.name_of(config)].title]
    model = getattr(config, "model", None)
    name = model.reference if model is not None else getattr(config, "architecture", None)
    parts += [f"of {model_title(name)}"] if name else []
    dataset = getattr(config, "dataset", None)
    parts += [f"on {data_title(dataset.reference)}"] if dataset is not None else []
    return " ".join(parts)


def to_run(row: Mapping[str, Any]) -> Run:
    """Return the run of a row.

    Raises:
        StorageError: another version of Usable wrote it, or it is damaged.
    """
    values = _values(_RUN, row)
    try:
        config = _config(row["task"], tasks.TASKS.get(row["task"]), json.dumps(row["config"]))
    except StorageError as error:
        raise StorageError(f"Run {row['id']}: {error}") from error
    except (UsableError, AttributeError, LookupError, ValueError, TypeError) as error:
        raise StorageError(
            f"The question of run {row['id']} was stored by another version of Usable and cannot "
            f"be read ({first_line(error)}). Ask it again."
        ) from error
    return Run(**values, config=config)


@functools.lru_cache(maxsize=1000)
def _config(name: str, task: Task | None, stored: str) -> Config:
    """Return a question; those of runs that asked the same are one, read and checked once."""
    del task  # in the key alone, for a name may be given to another kind of evaluation
    return tasks.config_from_json(name, json.loads(stored))


def to_head(row: Mapping[str, Any]) -> RunHead:
    """Return what a list shows of a row; its question need not be one that this version knows.

    Raises:
        StorageError: another version of Usable wrote it, or it is damaged.
    """
    return RunHead(**_values(_HEAD, row))


def is_sound(row: Mapping[str, Any]) -> bool:
    """Tell whether the columns by which processes look after a run hold what they should."""
    try:
        _values(_RUN, row)
    except StorageError:
        return False
    asked, attempts = row["cancel_requested"], row["attempts"]
    is_timed = isinstance(row["heartbeat"], int | float) and isinstance(asked, int | float | None)
    return is_timed and isinstance(attempts, int)


def readable(
    rows: Iterable[Mapping[str, Any]], read: Callable[[Mapping[str, Any]], AnyRun]
) -> tuple[list[AnyRun], list[str]]:
    """Return what `read` makes of rows, and the ids of those that it cannot read."""
    found, unreadable = [], []
    for row in rows:
        try:
            found.append(read(row))
        except StorageError:
            unreadable.append(str(row["id"]))
    return found, unreadable


def _values(columns: Columns, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a run that are columns, and what its question names.

    Raises:
        StorageError: a column holds what this version does not know.
    """
    values: dict[str, Any] = _named_in(row["config"])
    for name, allowed in columns:
        value = row[name]
        if type(value) in allowed:  # most of a long list
            values[name] = value
            continue
        try:
            values[name] = _value(value, allowed)
        except (TypeError, ValueError, OverflowError, OSError) as error:
            raise StorageError(
                f"Run {str(row['id'])[:40]!r} was stored by another version of Usable, or is "
                f"damaged: its {name} is {str(value)[:40]!r}. Delete it, or update Usable."
            ) from error
    return values


def _columns(kind: type[RunHead]) -> Columns:
    """Return the columns that are fields of `kind`, each with the types of its values."""
    found = []
    for name, hint in hints_of(kind).items():
        if name not in ("config", "model_name", "data_name"):
            parts = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
            found.append((name, tuple(get_origin(part) or part for part in parts)))
    return tuple(found)


_HEAD, _RUN = _columns(RunHead), _columns(Run)
HEAD_COLUMNS = ("config", *(name for name, _ in _HEAD))  # what `to_head` reads


def _value(value: Any, allowed: tuple[Any, ...]) -> object:  # noqa: ANN401 - any column
    if allowed[0] is Status:
        return Status(value)
    if allowed[0] is datetime and isinstance(value, (int, float)):
        return datetime.fromtimestamp(value, UTC)
    if not isinstance(value, allowed):
        raise TypeError(f"a {type(value).__name__} is none of {allowed}")
    return value


def _named_in(question: object) -> dict[str, str | None]:
    """Return the names of the model and of the data in a stored question of any version."""
    fields = question if isinstance(question, dict) else {}

    def reference(name: str) -> str | None:
        spec = fields.get(name)
        found = spec.get("reference") if isinstance(spec, dict) else None
        return found if isinstance(found, str) else None

    architecture = fields.get("architecture")
    trained = architecture if isinstance(architecture, str) else None
    return {"model_name": reference("model") or trained, "data_name": reference("dataset")}
