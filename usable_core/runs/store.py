"""`RunStore`: every question ever asked, what became of it, and the folder of its artifacts.

The table is written by several processes at once, so every change is one statement that says in
its `WHERE` which state it expects. A run is DONE only after its artifacts are on disk.
"""

import builtins
import contextlib
import os
import shutil
import socket
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pandas as pd
import sqlalchemy as sql

from usable_core import settings, tasks
from usable_core.errors import Cancelled, StorageError, UnknownName
from usable_core.records import to_json
from usable_core.runs import artifacts
from usable_core.runs.rows import new_id, readable, title_of, to_run
from usable_core.runs.run import ACTIVE, Run, Status
from usable_core.runs.table import engine, runs
from usable_core.versions import versions

QUOTA = 200  # runs waiting or running, so that no visitor can fill the machine
Condition = sql.ColumnElement[bool]


class RunStore:
    """The run table and the folders beside it."""

    def __init__(self, url: str | None = None, home: Path | None = None) -> None:
        self.home = home or settings.home()
        default = settings.database_url() if home is None else f"sqlite:///{home / 'runs.sqlite'}"
        self._engine = engine(url or default)

    # Asking

    def create(
        self, config: tasks.Config, *, parent: str | None = None, title: str | None = None
    ) -> Run:
        """Store a question and return its run, QUEUED.

        Raises:
            StorageError: too many runs are waiting, or the store cannot be written.
        """
        waiting = sql.select(sql.func.count()).where(runs.c.status.in_(ACTIVE))
        with self._engine.connect() as connection:
            count = connection.execute(waiting.where(runs.c.parent.is_(None))).scalar_one()
        if parent is None and count >= QUOTA:
            raise StorageError(
                f"At most {QUOTA} runs can wait or run at once, and there are {count}. Cancel some "
                "on the Runs page, or wait until some are over."
            )
        name, now = new_id(), time.time()
        row = {
            "id": name,
            "task": tasks.name_of(config),
            "title": title or title_of(config),
            "config": to_json(config),
            "status": Status.QUEUED,
            "created": now,
            "heartbeat": now,
            "parent": parent,
            "versions": versions(),
            "host": socket.gethostname(),
        }
        self._own_folder(name).mkdir(parents=True)
        self._write(sql.insert(runs).values(row))
        return self.get(name)

    def get(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            UnknownName: there is none of this id.
        """
        return to_run(self.row(run_id))

    def row(self, run_id: str) -> dict[str, Any]:
        """Return the table's row of a run: what `Run` shows and what only recovery needs.

        Raises:
            UnknownName: there is none of this id.
        """
        with self._engine.connect() as connection:
            found = (
                connection.execute(sql.select(runs).where(runs.c.id == run_id)).mappings().first()
            )
            if found is None:
                known = connection.execute(sql.select(runs.c.id).limit(1000)).scalars().all()
                raise UnknownName("run", run_id, known)
        return {str(name): value for name, value in found.items()}

    def list(
        self, task: str | None = None, statuses: Collection[Status] | None = None, limit: int = 200
    ) -> "builtins.list[Run]":
        """Return runs, newest first."""
        query = sql.select(runs).order_by(runs.c.created.desc(), runs.c.id.desc()).limit(limit)
        if task is not None:
            query = query.where(runs.c.task == task)
        if statuses is not None:
            query = query.where(runs.c.status.in_(builtins.list(statuses)))
        return readable(self._rows(query))

    def children(self, run_id: str) -> "builtins.list[Run]":
        """Return the parts of a run, oldest first."""
        query = sql.select(runs).where(runs.c.parent == run_id).order_by(runs.c.created)
        return readable(self._rows(query))

    def active_rows(self) -> "builtins.list[dict[str, Any]]":
        """Return the rows of all runs that wait or run, oldest first."""
        query = sql.select(runs).where(runs.c.status.in_(ACTIVE))
        return self._rows(query.order_by(runs.c.created, runs.c.id))

    def find(self, key: str) -> Run | None:
        """Return the newest DONE run that measured the answer of `key` and still has it."""
        query = sql.select(runs).where(
            runs.c.key == key, runs.c.status == Status.DONE, runs.c.answered_by.is_(None)
        )
        for row in self._rows(query.order_by(runs.c.created.desc())):
            if (self._own_folder(row["id"]) / artifacts.RESULT).is_file():
                return to_run(row)
        return None

    # Folders

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run's artifacts (those of the run that answered it).

        Raises:
            UnknownName: there is no run of this id.
        """
        row = self.row(run_id)
        return self._own_folder(row["answered_by"] or row["id"])

    def log_path(self, run_id: str) -> Path:
        """Return the path of what the run's process wrote to its terminal."""
        return self._own_folder(self.row(run_id)["id"]) / artifacts.LOG

    def _own_folder(self, checked_id: str) -> Path:
        return self.home / "runs" / checked_id

    # Life

    def attach(self, run_id: str, pid: int) -> None:
        """Note the process that waits for its turn to work on a QUEUED run."""
        self._change(
            run_id, (Status.QUEUED,), pid=pid, heartbeat=time.time(), host=socket.gethostname()
        )

    def claim_restart(self, run_id: str, attempts: int) -> bool:
        """Return whether this caller alone may start process number `attempts` + 1 for the run."""
        return self._change(
            run_id, (Status.QUEUED,), runs.c.attempts == attempts,
            attempts=attempts + 1, heartbeat=time.time(), pid=None,
        )  # fmt: skip

    def start(self, run_id: str, pid: int) -> None:
        """Make a QUEUED run RUNNING.

        Raises:
            Cancelled: it is no longer QUEUED.
        """
        now = time.time()
        started = self._change(
            run_id, (Status.QUEUED,), status=Status.RUNNING, pid=pid, started=now, heartbeat=now,
            host=socket.gethostname(), message="Loading",
        )  # fmt: skip
        if not started:
            raise Cancelled

    def heartbeat(self, run_id: str) -> None:
        """Say that the process of a run lives; a run that was thought LOST is found again."""
        self._change(run_id, ACTIVE, heartbeat=time.time())
        self._change(
            run_id, (Status.LOST,), runs.c.pid == os.getpid(),
            status=Status.RUNNING, finished=None, error=None, heartbeat=time.time(),
        )  # fmt: skip

    def progress(self, run_id: str, done: int, total: int, message: str, **metrics: float) -> None:
        """Store how far a run is, and append it to its `events.jsonl`."""
        numbers = to_json(metrics)
        changed = {"metrics": numbers} if numbers else {}
        now = time.time()
        self._change(
            run_id, ACTIVE, done=done, total=total, message=message[:500], heartbeat=now, **changed
        )
        event = {"time": now, "done": done, "total": total, "message": message, **metrics}
        artifacts.append_event(self._own_folder(run_id), event)

    def events(self, run_id: str) -> pd.DataFrame:
        """Return the progress of a run: time (UTC), done, total, message, and its live numbers.

        Those of the run that measured the answer, where that was an earlier one.
        """
        return artifacts.read_events(self.folder(run_id))

    def request_cancel(self, run_id: str) -> None:
        """Ask for the end of a run; one that still waits is CANCELLED at once."""
        self.row(run_id)
        self._change(
            run_id,
            (Status.RUNNING,),
            runs.c.cancel_requested.is_(None),
            cancel_requested=time.time(),
        )
        now = time.time()
        self._change(
            run_id, (Status.QUEUED,), status=Status.CANCELLED, finished=now, cancel_requested=now
        )

    def is_cancel_requested(self, run_id: str) -> bool:
        """Tell whether the work on a run should stop: it was cancelled, or deleted."""
        query = sql.select(runs.c.cancel_requested).where(runs.c.id == run_id)
        with self._engine.connect() as connection:
            found = connection.execute(query).first()
        return found is None or found[0] is not None

    def set_key(self, run_id: str, key: str) -> None:
        """Store the identity of the question."""
        self._change(run_id, ACTIVE, key=key)

    # Ends

    def finish(self, run_id: str, result: tasks.Result) -> None:
        """Store an answer: its files first, then DONE.

        Raises:
            StorageError: the disk is full; then no file of the answer is left.
        """
        folder = self._own_folder(run_id)
        try:
            artifacts.write_result(folder, result)
            summary = to_json(result.summary())
            steps = {"done": sql.case((runs.c.total > 0, runs.c.total), else_=runs.c.done)}
            self._end(run_id, Status.DONE, summary=summary, message="Done", **steps)
        except BaseException:
            artifacts.clear(folder)
            raise

    def answered_by(self, run_id: str, earlier: Run) -> None:
        """Store that an earlier run of the same key has the answer."""
        when = f"{earlier.finished:%Y-%m-%d %H:%M} UTC" if earlier.finished else "earlier"
        self._end(
            run_id, Status.DONE, answered_by=earlier.id, summary=earlier.summary,
            done=earlier.total, total=earlier.total, metrics=earlier.metrics,
            message=f"Answered from the store: run {earlier.id} measured the same on {when}",
        )  # fmt: skip

    def fail(self, run_id: str, error: str, traceback: str | None = None) -> None:
        """Make a run FAILED with a sentence; the traceback goes to its log and row only."""
        artifacts.clear(self._own_folder(run_id))
        self._end(run_id, Status.FAILED, error=error, traceback=traceback and traceback[-20_000:])
        if traceback:  # the table has it; a full disk may refuse the log
            with (
                contextlib.suppress(OSError),
                (self._own_folder(run_id) / artifacts.LOG).open("a", encoding="utf-8") as log,
            ):
                log.write(traceback)

    def cancelled(self, run_id: str) -> None:
        """Make a run and its parts CANCELLED."""
        artifacts.clear(self._own_folder(run_id))
        self._end(run_id, Status.CANCELLED, message="Cancelled")
        parts = sql.update(runs).where(runs.c.parent == run_id, runs.c.status.in_(ACTIVE))
        self._write(
            parts.values(status=Status.CANCELLED, finished=time.time(), message="Cancelled")
        )

    def lose(self, run_id: str) -> None:
        """Make a run LOST: its process ended without a word."""
        sentence = (
            "The process working on this ended without a word (the machine was switched off, or "
            "memory ran out). Start it again."
        )
        self._end(run_id, Status.LOST, error=sentence)

    def delete(self, run_id: str) -> None:
        """Delete a run, its parts and its files.

        An answer that later runs share passes to the eldest of them.

        Raises:
            UnknownName: there is no run of this id.
            StorageError: it is still waiting or running.
        """
        row = self.row(run_id)
        if row["status"] in ACTIVE:
            raise StorageError("This run is not over. Cancel it first, then delete it.")
        for child in self.children(run_id):
            if child.status.is_over:
                self.delete(child.id)
        self._hand_over(row["id"])
        self._write(sql.delete(runs).where(runs.c.id == row["id"]))
        shutil.rmtree(self._own_folder(row["id"]), ignore_errors=True)

    def load(self, run_id: str) -> tasks.Result:
        """Return the answer of a DONE run.

        Raises:
            UnknownName: there is no run of this id.
            StorageError: it has no answer, or its files are gone.
        """
        run = self.get(run_id)
        if run.status is not Status.DONE:
            raise StorageError(
                f"Run {run.id} is {run.status.value} and has no result. Run it again."
            )
        return artifacts.read_result(self.folder(run_id), run.task)

    # Within

    def _hand_over(self, run_id: str) -> None:
        query = sql.select(runs).where(runs.c.answered_by == run_id).order_by(runs.c.created)
        heirs = [row["id"] for row in self._rows(query)]
        if not heirs:
            return
        target = self._own_folder(heirs[0])
        shutil.rmtree(target, ignore_errors=True)
        self._own_folder(run_id).rename(target)
        shared = sql.update(runs).where(runs.c.answered_by == run_id)
        eldest = runs.c.id == heirs[0]
        self._write(shared.values(answered_by=sql.case((eldest, sql.null()), else_=heirs[0])))

    def _end(self, run_id: str, status: Status, **values: object) -> None:
        expected = ACTIVE if status is Status.LOST else (*ACTIVE, Status.LOST)
        self._change(run_id, expected, status=status, finished=time.time(), **values)

    def _change(
        self, run_id: str, expected: Collection[Status], *conditions: Condition, **values: object
    ) -> bool:
        """Change a run that is in one of the expected states; return whether it was."""
        where = (runs.c.id == run_id, runs.c.status.in_(builtins.list(expected)), *conditions)
        return self._write(sql.update(runs).where(*where).values(**values)) == 1

    def _write(self, statement: sql.Update | sql.Insert | sql.Delete) -> int:
        try:
            with self._engine.begin() as connection:
                return int(connection.execute(statement).rowcount)
        except sql.exc.OperationalError as error:
            raise StorageError(
                f"The run table cannot be written ({error.orig}). Check that the disk of "
                f"{self.home} is not full and that you may write there, then try again."
            ) from error

    def _rows(self, query: sql.Select[Any]) -> "builtins.list[dict[str, Any]]":
        with self._engine.connect() as connection:
            found = connection.execute(query).mappings().all()
        return [{str(name): value for name, value in row.items()} for row in found]
