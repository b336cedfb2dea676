"""The files of one run's folder: the answer, the progress, and what is left without an answer."""

import contextlib
import dataclasses
import hashlib
import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from usable_core import files, tasks
from usable_core.catalog import lookup
from usable_core.catalog.models import CARD_FILE, LAST_GOOD, WEIGHTS_FILE
from usable_core.errors import StorageError, UsableError, first_line
from usable_core.evaluations.result import Result
from usable_core.records import MALFORMED, restore, to_json

if TYPE_CHECKING:
    import pandas as pd

RESULT = "result.json"
RECORDS = "records.parquet"
FILES = "files.json"  # names of the others, as they were when the answer was stored
DIGEST = "records_sha256"  # in the answer, of its records
EVENTS = "events.jsonl"
LOG = "log.txt"
PARTS = "shards"  # finished parts of an evaluation that is not over
CHECKPOINT = ".checkpoint"  # ending of a training's, among the parts; its name begins with the step
TAIL_BYTES = 16_384  # about 200 lines; a log can be long, a page shows its end
TAIL_LINES = 40
STEP = ["time", "done", "total", "message"]  # what each line of the progress says


def write_result(folder: Path, result: Result) -> None:
    """Write an answer: its records as Parquet, the rest as JSON, each whole or not at all.

    The JSON holds the hash of the records, for they belong together.

    Raises:
        StorageError: the disk is full.
    """
    fields = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    fields[DIGEST] = files.write_parquet(folder / RECORDS, fields.pop("records"))
    files.write_json(folder / FILES, _listed(folder))
    fields["config"] = tasks.config_to_json(fields["config"])
    files.write_json(folder / RESULT, fields)


def read_result(folder: Path, task: str) -> Result:
    """Return the answer that `write_result` wrote for a run of `task`.

    Raises:
        StorageError: its files are gone, or another version wrote them.
    """
    import pandas as pd

    kind: Any = lookup(tasks.TASKS, "task", task).result
    types = {field.name: field.type for field in dataclasses.fields(kind)}
    try:
        data = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        stored = (folder / RECORDS).read_bytes()
        if data.pop(DIGEST, None) not in (None, hashlib.sha256(stored).hexdigest()):
            raise ValueError(f"{RECORDS} is not the one that was stored with it")
        records = pd.read_parquet(io.BytesIO(stored))
        values = {name: _restored(types[name], value, task) for name, value in data.items()}
        result: Result = kind(**values, records=records)
    except OSError as error:
        raise StorageError(
            f"The files of this result are gone from {folder}. Delete the run and ask again."
        ) from error
    except (*MALFORMED, UsableError) as error:
        raise StorageError(
            f"The result in {folder} was stored by another version of Usable, or is damaged, and "
            f"cannot be read ({type(error).__name__}: {first_line(error)}). Delete the run and ask "
            "again."
        ) from error
    return result


def gone(folder: Path, task: str) -> tuple[str, ...]:
    """Return the names of the files that a run of `task` left with its answer and that are gone."""
    makes_model = lookup(tasks.TASKS, "task", task).makes_model
    names = {RECORDS, *((WEIGHTS_FILE, CARD_FILE) if makes_model else ())}
    with contextlib.suppress(OSError, ValueError):  # the first versions left no list
        listed = json.loads((folder / FILES).read_text(encoding="utf-8"))
        names |= {name for name in listed if isinstance(name, str)}
    return tuple(sorted(name for name in {*names, RESULT} if not (folder / name).is_file()))


def _listed(folder: Path) -> list[str]:
    """Return the names of the files of an answer that lie in a run's folder."""
    paths = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    others = (LOG, EVENTS, FILES, PARTS, LAST_GOOD)
    return sorted(path.as_posix() for path in paths if path.parts[0] not in others)


def append_event(folder: Path, event: dict[str, object]) -> None:
    """Append one step of the progress.

    Raises:
        OSError: the disk is full, or the folder is gone.
    """
    line = json.dumps(to_json(event), ensure_ascii=False) + "\n"
    with files.opened(folder / EVENTS, "ab") as file:
        file.write(line.encode(errors="backslashreplace"))


def read_events(folder: Path) -> "pd.DataFrame":
    """Return the progress: time (UTC), done, total, message, and the live numbers."""
    import pandas as pd

    path = folder / EVENTS
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:  # there is none yet, or it is gone: curves are no answer
        lines = []
    events: list[dict[str, Any]] = []
    for line in lines:
        # A line that is being written, was torn, or is of another form is no step.
        with contextlib.suppress(*MALFORMED):
            event = json.loads(line)
            events += [event] if {*STEP} <= event.keys() else []
    frame = pd.DataFrame(events, columns=None if events else STEP)
    for name in frame.columns.difference(["message"]):
        frame[name] = pd.to_numeric(frame[name], errors="coerce")
    return frame.assign(time=pd.to_datetime(frame["time"], unit="s", utc=True, errors="coerce"))


def newest_step(folder: Path) -> int | None:
    """Return the step of a training's newest checkpoint; None where there is none."""
    names = (path.name.partition(".")[0] for path in (folder / PARTS).glob(f"*{CHECKPOINT}"))
    return max((int(name) for name in names if name.isdecimal()), default=None)


def log_tail(path: Path) -> str:
    """Return the last lines of a log file; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - TAIL_BYTES))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-TAIL_LINES:])


def clear(folder: Path, *, keep_parts: bool = False) -> None:
    """Remove every artifact but log, progress and last good weights: there is no answer.

    Finished parts stay too where the same question may go on from them.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name == LAST_GOOD or (keep_parts and path.name == PARTS):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name not in (LOG, EVENTS):
            with contextlib.suppress(OSError):  # a read-only disk: without its row it is no answer
                path.unlink(missing_ok=True)


def _restored(hint: object, value: Any, task: str) -> object:  # noqa: ANN401 - any JSON
    """Return a result's field from its JSON."""
    if tasks.TASKS[task].config in (hint, *get_args(hint)):
        return tasks.config_from_json(task, value)
    return restore(hint, value)
