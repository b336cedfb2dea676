"""Jobs: the processes that work on runs, one at a time per accelerator. They outlive nothing.

A job is detached, so it survives a reload of the page and a restart of the dashboard.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from usable_core import answering, settings, tasks
from usable_core.errors import StorageError, StoreUnusable
from usable_core.evaluations.result import Config, Result
from usable_core.evaluations.specs import Report, silent
from usable_core.jobs import known
from usable_core.jobs.execution import GRACE_SECONDS, Unkept, execute
from usable_core.jobs.processes import is_job, kill_job, spawn
from usable_core.runs import Run, RunStore, Status
from usable_core.runs.living import FAR_SILENCE_SECONDS, is_held, is_lost, lock_path, working_on
from usable_core.runs.rows import title_of

STARTING_SECONDS = 30.0  # at most, from the question to its process
MAX_ATTEMPTS = 3  # processes that may die while waiting for their turn

log = logging.getLogger(__name__)

__all__ = ["again", "cancel", "queue_position", "recover", "run_here", "start"]


def start(config: Config, *, title: str | None = None, owner: str | None = None) -> str:
    """Return the id of a new run, for which a process of its own is started.

    Args:
        config: The question.
        title: As people see it.
        owner: Who asks; the operating system's user when not given.

    Raises:
        UsableError: a name is plainly wrong; there is no run then.
        StorageError: too many runs are waiting, or no process can be started.
    """
    config = tasks.placed(config)
    tasks.check_names(config)
    store = RunStore()
    run = store.create(config, title=title, owner=owner)
    _spawn(store, run.id, attempts=0)
    return run.id


def again(run_id: str, *, owner: str | None = None) -> str:
    """Return the id of a new run of the same question, called and tagged as that was.

    One that ended before its answer goes on from its finished parts, where its kind can.

    Raises:
        UnknownName: there is no run of this id.
        UsableError: as `start`.
    """
    store = RunStore()
    before = store.get(run_id)
    new = start(before.config, title=before.title, owner=owner)
    store.describe(new, name=before.name, note=before.note, tags=before.tags)
    return new


def run_here(
    config: Config,
    report: Report = silent,
    *,
    parent: str | None = None,
    title: str | None = None,
    objects: Mapping[str, Any] | None = None,
) -> tuple[Run, Result]:
    """Work on a question in this process, without waiting for a turn; return its run and answer.

    Args:
        config: The question.
        report: Told the progress; may raise `Cancelled`.
        parent: Run that this is a part of; its cancel ends this one too, through `report`.
        title: As people see it.
        objects: What the config names, as `answering.resolve` returns it; None loads it.

    Raises:
        Cancelled: a person stopped it.
        UsableError: what it names cannot be loaded, and there is no run then; or it failed. A store
            that cannot be used is a warning, where there is an answer all the same.
    """
    settings.check_writable()
    config = tasks.placed(config)
    if objects is None:
        tasks.check_names(config)
    if parent is None:
        recover()  # a run that was killed is LOST from here on, and its parts can be gone on from
    if objects is None and not known.is_answered(config):
        objects = known.loaded(config, report)
    store = RunStore()
    try:
        run = store.create(config, parent=parent, title=title, pid=os.getpid())
        with working_on(store.home, run.id):
            result = execute(store, run, report, None if objects is None else dict(objects))
    except (StoreUnusable, Unkept) as error:
        if parent is not None:  # whose own answer names this one
            raise
        return _unkept(config, dict(objects or {}), report, error)
    return store.get(run.id), result


def _unkept(
    config: Config, objects: dict[str, Any], report: Report, why: StorageError
) -> tuple[Run, Result]:
    """Return an answer that the store does not hold; its run has no id, and says why.

    Raises:
        StorageError: there is no answer without a store, for it is a model, or many runs.
    """
    name = tasks.name_of(config)
    task = tasks.TASKS[name]
    if task.makes_model or task.is_of_parts or not objects:
        raise why
    result = why.result if isinstance(why, Unkept) else answering.run(config, objects, report, None)
    log.warning("Note: This answer is not kept. %s", why)
    return Run(
        id="",
        task=name,
        title=title_of(config),
        status=Status.FAILED,
        created=datetime.now(UTC),
        error=str(why),
        config=config,
    ), result


def cancel(run_id: str) -> None:
    """Stop a run: at once while it waits, else at its next progress, else by force.

    Raises:
        UnknownName: there is no run of this id.
    """
    RunStore().request_cancel(run_id)


def queue_position(run_id: str) -> int | None:
    """Return how many runs of its machine are before a QUEUED one; None when it does not wait.

    0: it is next. Each machine has a queue of its own, for each has its own accelerators.

    Raises:
        UnknownName: there is no run of this id.
    """
    store = RunStore()
    row = store.row(run_id)
    return len(_ahead(store, row)) if row["status"] == Status.QUEUED else None


def recover() -> None:
    """Make runs LOST whose process is gone, and start those anew that only waited.

    Cheap; the pages call it at every look. Cancelled jobs that do not listen are killed here too,
    should their own watch have failed. Nothing is done where what is kept is only shown.
    """
    if settings.is_read_only():
        return
    try:
        _recover(RunStore())
    except StorageError as error:  # who needs the store will say it better
        log.debug("%s", error)


def _recover(store: RunStore) -> None:
    for row in store.active_rows():
        asked = row["cancel_requested"]
        if _is_gone(store, row):
            _bury(store, row)
        elif asked is not None and time.time() - asked > 2 * GRACE_SECONDS and _is_ours(row):
            kill_job(row["pid"], row["id"])
            store.cancelled(row["id"])


def _spawn(store: RunStore, run_id: str, attempts: int) -> None:
    if not store.claim_restart(run_id, attempts):
        return
    try:
        process = spawn(["run", run_id], store.log_path(run_id))
    except OSError as error:
        sentence = f"No process could be started for this run ({error.strerror}). Try it again."
        store.fail(run_id, sentence)
        raise StorageError(sentence) from error
    store.attach(run_id, process.pid)


def _ahead(store: RunStore, run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the jobs that wait on the machine of a run and were asked before."""
    rows = [r for r in store.active_rows() if r["host"] == run["host"] and r["id"] < run["id"]]
    return [r for r in rows if r["status"] == Status.QUEUED and not r["parent"]]


def _is_gone(store: RunStore, row: Mapping[str, Any]) -> bool:
    """Tell whether a run that waits or runs has no process any more."""
    if is_lost(row, store.home):
        return True
    if row["status"] == Status.RUNNING or is_held(lock_path(store.home, row["id"])):
        return False
    silence = time.time() - row["heartbeat"]
    if row["host"] != socket.gethostname():
        return bool(silence > FAR_SILENCE_SECONDS)
    if row["pid"] is not None:  # it starts, and takes its lock soon
        return not is_job(row["pid"], row["id"])
    return bool(abs(silence) > STARTING_SECONDS)


def _is_ours(row: Mapping[str, Any]) -> bool:
    """Tell whether the run has a process of this machine that exists for it alone."""
    is_here = row["host"] == socket.gethostname()
    return is_here and row["pid"] is not None and row["attempts"] > 0


def _bury(store: RunStore, row: Mapping[str, Any]) -> None:
    may_restart = row["status"] == Status.QUEUED and 0 < row["attempts"] < MAX_ATTEMPTS
    if row["cancel_requested"] is not None:
        store.cancelled(row["id"])
    elif may_restart and row["host"] == socket.gethostname():
        _spawn(store, row["id"], row["attempts"])
    else:
        store.lose(row["id"])
