"""What a row of the table means as a `Run`: ids, titles, and reading it back."""

import logging
import secrets
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from usable_core import tasks
from usable_core.errors import StorageError, UsableError
from usable_core.evaluations.result import Config
from usable_core.runs.run import Run, Status
from usable_core.runs.uploads import data_title

log = logging.getLogger(__name__)
_EPOCH = 1_704_067_200  # 2024-01-01, so that ids stay short
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def new_id() -> str:
    """Return microseconds since `_EPOCH` in base 36 (10 digits) and 3 random digits."""
    number, digits = (time.time_ns() - _EPOCH * 10**9) // 1000, ""
    for _ in range(10):
        number, digit = divmod(number, 36)
        digits = _DIGITS[digit] + digits
    return digits + "".join(secrets.choice(_DIGITS) for _ in range(3))


def title_of(config: Config) -> str:
    """Return "Accuracy of bundled/vgg on Digits", with what the config has."""
    parts = [tasks.TASKS[tasks.name_of(config)].title]
    model = getattr(config, "model", None)
    name = model.reference if model is not None else getattr(config, "architecture", None)
    parts += [f"of {name}"] if name else []
    dataset = getattr(config, "dataset", None)
    parts += [f"on {data_title(dataset.reference)}"] if dataset is not None else []
    return " ".join(parts)


def to_run(row: Mapping[str, Any]) -> Run:
    """Return the run of a row.

    Raises:
        StorageError: another version of Usable wrote it and it cannot be read.
    """
    values = {name: row[name] for name in Run.__dataclass_fields__}
    for name in ("created", "started", "finished", "heartbeat"):
        if values[name] is not None:
            values[name] = datetime.fromtimestamp(values[name], UTC)
    try:
        values["config"] = tasks.config_from_json(row["task"], row["config"])
    except StorageError as error:
        raise StorageError(f"Run {row['id']}: {error}") from error
    except (UsableError, KeyError, ValueError, TypeError) as error:
        raise StorageError(
            f"The question of run {row['id']} was stored by another version of Usable and cannot "
            f"be read ({error}). Ask it again."
        ) from error
    values["status"] = Status(row["status"])
    return Run(**values)


def readable(rows: Iterable[Mapping[str, Any]]) -> list[Run]:
    """Return the runs of rows, without those that another version wrote and this cannot read."""
    found = []
    for row in rows:
        try:
            found.append(to_run(row))
        except StorageError as error:
            log.warning("%s", error)
    return found
