"""`RunStore`: every question ever asked, what became of it, and the folder of its artifacts.

A run is DONE only after its artifacts are on disk. The statements are those of `RunTable`.
"""

import builtins
import contextlib
import functools
import os
import shutil
import socket
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usable_core import settings, tasks
from usable_core.errors import Cancelled, StorageError
from usable_core.evaluations.result import Config, Result
from usable_core.records import to_json
from usable_core.runs import artifacts
from usable_core.runs.rows import new_id, readable, title_of, to_run
from usable_core.runs.run import ACTIVE, Run, Status
from usable_core.versions import versions

if TYPE_CHECKING:
    import pandas as pd

    from usable_core.runs.table import RunTable

QUOTA = 200  # runs waiting or running, so that no visitor can fill the machine


class RunStore:
    """The run table and the folders beside it."""

    def __init__(self, url: str | None = None, home: Path | None = None) -> None:
        self.home = home or settings.home()
        default = settings.database_url() if home is None else f"sqlite:///{home / 'runs.sqlite'}"
        self._url = url or default

    @functools.cached_property
    def _table(self) -> "RunTable":
        """The opened database; not before it is needed, for SQLAlchemy takes a while to import."""
        from usable_core.runs.table import RunTable

        return RunTable(self._url)

    @property
    def is_untouched(self) -> bool:
        """Tell whether nothing was ever stored here, without opening the database."""
        file = self.home / "runs.sqlite"
        is_default = self._url == f"sqlite:///{file}"
        return "_table" not in vars(self) and is_default and not file.exists()

    # Asking

    def create(self, config: Config, *, parent: str | None = None, title: str | None = None) -> Run:
        """Store a question and return its run, QUEUED.

        Raises:
            StorageError: too many runs are waiting, or the store cannot be written.
        """
        count = self._table.active_count()
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
            "config": tasks.config_to_json(config),
            "status": Status.QUEUED,
            "created": now,
            "heartbeat": now,
            "parent": parent,
            "versions": versions(),
            "host": socket.gethostname(),
        }
        folder = self._own_folder(name)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise StorageError(
                f"The run's folder {folder} cannot be made: {error.strerror}. Free some space, or "
                "name another place by USABLE_HOME."
            ) from error
        self._table.add(row)
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
        return self._table.row(run_id)

    def list(
        self, task: str | None = None, statuses: Collection[Status] | None = None, limit: int = 200
    ) -> "builtins.list[Run]":
        """Return runs, newest first."""
        return readable([] if self.is_untouched else self._table.newest(task, statuses, limit))

    def children(self, run_id: str) -> "builtins.list[Run]":
        """Return the parts of a run, oldest first."""
        return readable(self._table.children(run_id))

    def active_rows(self) -> "builtins.list[dict[str, Any]]":
        """Return the rows of all runs that wait or run, oldest first."""
        return [] if self.is_untouched else self._table.active()

    def find(self, key: str) -> Run | None:
        """Return the newest DONE run that measured the answer of `key` and still has it."""
        for row in self._table.measured(key):
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
        self._table.change(
            run_id, (Status.QUEUED,), pid=pid, heartbeat=time.time(), host=socket.gethostname()
        )

    def claim_restart(self, run_id: str, attempts: int) -> bool:
        """Return whether this caller alone may start process number `attempts` + 1 for the run."""
        return self._table.change(
            run_id,
            (Status.QUEUED,),
            {"attempts": attempts},
            attempts=attempts + 1,
            heartbeat=time.time(),
            pid=None,
        )

    def start(self, run_id: str, pid: int) -> None:
        """Make a QUEUED run RUNNING.

        Raises:
            Cancelled: it is no longer QUEUED.
        """
        now = time.time()
        started = self._table.change(
            run_id,
            (Status.QUEUED,),
            status=Status.RUNNING,
            pid=pid,
            started=now,
            heartbeat=now,
            host=socket.gethostname(),
            message="Loading",
        )
        if not started:
            raise Cancelled

    def heartbeat(self, run_id: str) -> None:
        """Say that the process of a run lives; a run that was thought LOST is found again."""
        self._table.change(run_id, ACTIVE, heartbeat=time.time())
        self._table.change(
            run_id,
            (Status.LOST,),
            {"pid": os.getpid()},
            status=Status.RUNNING,
            finished=None,
            error=None,
            heartbeat=time.time(),
        )

    def progress(self, run_id: str, done: int, total: int, message: str, **metrics: float) -> None:
        """Store how far a run is, and append it to its `events.jsonl`."""
        numbers = to_json(metrics)
        changed = {"metrics": numbers} if numbers else {}
        now = time.time()
        self._table.change(
            run_id, ACTIVE, done=done, total=total, message=message[:500], heartbeat=now, **changed
        )
        event = {"time": now, "done": done, "total": total, "message": message, **metrics}
        artifacts.append_event(self._own_folder(run_id), event)

    def events(self, run_id: str) -> "pd.DataFrame":
        """Return the progress of a run: time (UTC), done, total, message, and its live numbers.

        Those of the run that measured the answer, where that was an earlier one.
        """
        return artifacts.read_events(self.folder(run_id))

    def request_cancel(self, run_id: str) -> None:
        """Ask for the end of a run; one that still waits is CANCELLED at once."""
        self.row(run_id)
        self._table.change(
            run_id, (Status.RUNNING,), {"cancel_requested": None}, cancel_requested=time.time()
        )
        now = time.time()
        self._table.change(
            run_id, (Status.QUEUED,), status=Status.CANCELLED, finished=now, cancel_requested=now
        )

    def is_cancel_requested(self, run_id: str) -> bool:
        """Tell whether the work on a run should stop: it was cancelled, or deleted."""
        return self._table.is_cancel_requested(run_id)

    def set_key(self, run_id: str, key: str) -> None:
        """Store the identity of the question."""
        self._table.change(run_id, ACTIVE, key=key)

    def go_on(self, run_id: str, key: str) -> bool:
        """Take over the finished parts of a LOST run of the same key; return whether there are any.

        They move, so that two runs never write the same part: should the lost one come back to
        life, it fails.
        """
        for row in self._table.lost(key):
            lost = self._own_folder(row["id"])
            if (lost / artifacts.PARTS).is_dir():
                for path in lost.iterdir():
                    if path.is_dir():
                        path.rename(self._own_folder(run_id) / path.name)
                return True
        return False

    # Ends

    def finish(self, run_id: str, result: Result) -> None:
        """Store an answer: its files first, then DONE.

        Raises:
            StorageError: the disk is full; then no file of the answer is left.
        """
        folder = self._own_folder(run_id)
        try:
            artifacts.write_result(folder, result)
            summary = to_json(result.summary())
            row = self.row(run_id)
            steps = row["total"] or row["done"]
            self._end(run_id, Status.DONE, summary=summary, message="Done", done=steps)
        except BaseException:
            artifacts.clear(folder)
            raise

    def answered_by(self, run_id: str, earlier: Run) -> None:
        """Store that an earlier run of the same key has the answer."""
        when = f"{earlier.finished:%Y-%m-%d %H:%M} UTC" if earlier.finished else "earlier"
        self._end(
            run_id,
            Status.DONE,
            answered_by=earlier.id,
            summary=earlier.summary,
            done=earlier.total,
            total=earlier.total,
            metrics=earlier.metrics,
            message=f"Answered from the store: run {earlier.id} measured the same on {when}",
        )

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
        self._table.change_children(
            run_id, ACTIVE, status=Status.CANCELLED, finished=time.time(), message="Cancelled"
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
        self._table.delete(row["id"])
        shutil.rmtree(self._own_folder(row["id"]), ignore_errors=True)

    def load(self, run_id: str) -> Result:
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
        heirs = [row["id"] for row in self._table.answered_by(run_id)]
        if not heirs:
            return
        target = self._own_folder(heirs[0])
        shutil.rmtree(target, ignore_errors=True)
        self._own_folder(run_id).rename(target)
        self._table.pass_answer(run_id, heirs[0])

    def _end(self, run_id: str, status: Status, **values: Any) -> None:  # noqa: ANN401 - any column
        expected = ACTIVE if status is Status.LOST else (*ACTIVE, Status.LOST)
        self._table.change(run_id, expected, status=status, finished=time.time(), **values)
