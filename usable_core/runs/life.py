"""`RunLife`: what becomes of a run from its start to its end, in the table and in its folder.

A run is DONE only after its artifacts are on disk. The statements are those of `RunTable`.
"""

import contextlib
import functools
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usable_core import files, settings
from usable_core.errors import Cancelled, StoreUnusable, UnknownName
from usable_core.evaluations.result import Result
from usable_core.records import to_json
from usable_core.runs import artifacts
from usable_core.runs.run import ACTIVE, Run, Status

if TYPE_CHECKING:
    from usable_core.runs.table import RunTable


class RunLife:
    """The run table and the folders beside it, as those who work on a run change them."""

    def __init__(self, where: str | Path | None = None, home: Path | None = None) -> None:
        self.home = home or settings.home()
        default = settings.database_url() if home is None else home / settings.DATABASE
        self._where = where or default

    @functools.cached_property
    def _table(self) -> "RunTable":
        """The opened database; not before it is needed, for SQLAlchemy takes a while to import.

        Raises:
            StoreUnusable: it cannot be opened.
        """
        from usable_core.runs.table import RunTable

        return RunTable(self._where)

    @property
    def is_untouched(self) -> bool:
        """Tell whether nothing was ever stored here, without opening the database."""
        if "_table" in vars(self) or not isinstance(self._where, Path):
            return False
        try:
            return not self._where.exists()
        except OSError:  # opening it tells why
            return False

    def row(self, run_id: str) -> dict[str, Any]:
        """Return the table's row of a run: what `Run` shows and what only recovery needs.

        Raises:
            UnknownName: there is none of this id.
        """
        return self._table.row(run_id)

    def log_path(self, run_id: str) -> Path:
        """Return the path of what the run's process wrote to its terminal."""
        return self._own_folder(self.row(run_id)["id"]) / artifacts.LOG

    def _own_folder(self, checked_id: str) -> Path:
        return self.home / "runs" / checked_id

    def attach(self, run_id: str, pid: int) -> None:
        """Note the process that waits for its turn to work on a QUEUED run."""
        self._table.change(
            run_id, (Status.QUEUED,), pid=pid, heartbeat=time.time(), host=socket.gethostname()
        )

    def claim_restart(self, run_id: str, attempts: int) -> bool:
        """Return whether this caller alone may start process number `attempts` + 1 for the run."""
        new = {"attempts": attempts + 1, "heartbeat": time.time(), "pid": None}
        return self._table.change(run_id, (Status.QUEUED,), {"attempts": attempts}, **new)

    def start(self, run_id: str, pid: int) -> None:
        """Make a QUEUED run RUNNING.

        Raises:
            Cancelled: it is no longer QUEUED.
        """
        times = dict.fromkeys(("started", "heartbeat"), time.time())
        new: dict[str, Any] = {"status": Status.RUNNING, "message": "Loading", "pid": pid, **times}
        if not self._table.change(run_id, (Status.QUEUED,), host=socket.gethostname(), **new):
            raise Cancelled

    def heartbeat(self, run_id: str) -> None:
        """Say that the process of a run lives; a run that was thought LOST is found again."""
        self._table.change(run_id, ACTIVE, heartbeat=time.time())
        alive = {"status": Status.RUNNING, "finished": None, "error": None}
        own = {"pid": os.getpid()}
        self._table.change(run_id, (Status.LOST,), own, heartbeat=time.time(), **alive)

    def progress(self, run_id: str, done: int, total: int, message: str, **metrics: float) -> None:
        """Store how far a run is, and append it to its `events.jsonl`."""
        now = time.time()
        event = {"time": now, "done": done, "total": total, "message": message, **metrics}
        new: dict[str, Any] = {"done": done, "total": total, "message": message[:500]}
        new |= {"heartbeat": now, **({"metrics": to_json(metrics)} if metrics else {})}
        with contextlib.suppress(StoreUnusable, OSError):  # the work goes on; its end will tell
            self._table.change(run_id, ACTIVE, **new)
            artifacts.append_event(self._own_folder(run_id), event)

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
        try:
            return self._table.is_cancel_requested(run_id)
        except StoreUnusable:  # as for `progress`
            return False

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

    def finish(self, run_id: str, result: Result) -> None:
        """Store an answer: its files first, then DONE.

        Raises:
            StorageError: the disk is full, or somebody deleted the run; then no file of the answer
                is left.
        """
        folder = self._own_folder(run_id)
        try:
            row = self.row(run_id)
            artifacts.write_result(folder, result)
            summary = to_json(result.summary())
            steps = row["total"] or row["done"]
            self._end(run_id, Status.DONE, summary=summary, message="Done", done=steps)
        except UnknownName as error:
            raise StoreUnusable(f"Run {run_id} was deleted while it was measured.") from error
        except BaseException:
            artifacts.clear(folder)
            raise

    def answered_by(self, run_id: str, earlier: Run) -> None:
        """Store that an earlier run of the same key has the answer."""
        when = f"{earlier.finished:%Y-%m-%d %H:%M} UTC" if earlier.finished else "earlier"
        message = f"Answered from the store: run {earlier.id} measured the same on {when}"
        steps = {"done": earlier.total, "total": earlier.total}
        answer = {"answered_by": earlier.id, "summary": earlier.summary, "metrics": earlier.metrics}
        self._end(run_id, Status.DONE, message=message, **steps, **answer)

    def fail(self, run_id: str, error: str, traceback: str | None = None) -> None:
        """Make a run FAILED with a sentence; the traceback goes to its log and row only."""
        artifacts.clear(self._own_folder(run_id))
        self._end(run_id, Status.FAILED, error=error, traceback=traceback and traceback[-20_000:])
        if traceback:  # the table has it; a full disk may refuse the log
            path = self._own_folder(run_id) / artifacts.LOG
            with contextlib.suppress(OSError), files.opened(path, "ab") as log:
                log.write(traceback.encode(errors="backslashreplace"))

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

    def _end(self, run_id: str, status: Status, **values: Any) -> None:  # noqa: ANN401 - any column
        expected = ACTIVE if status is Status.LOST else (*ACTIVE, Status.LOST)
        self._table.change(run_id, expected, status=status, finished=time.time(), **values)
