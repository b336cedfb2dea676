"""`RunLife`: what becomes of a run from its start to its end, in the table and in its folder.

A run is DONE only after its artifacts are on disk. The statements are those of `RunTable`.
"""

import contextlib
import functools
import os
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from usable_core import files, settings, tasks
from usable_core.errors import Cancelled, StoreUnusable, UnknownName
from usable_core.evaluations.result import Result
from usable_core.records import to_json
from usable_core.runs import artifacts, living, uploads
from usable_core.runs.patience import Sparing
from usable_core.runs.rows import new_id
from usable_core.runs.run import ACTIVE, Run, Status

if TYPE_CHECKING:
    from usable_core.runs.table import RunTable


WITHOUT_A_WORD = "ended without a word (killed, switched off, or out of memory)"


class RunLife:
    """The run table and the folders beside it, as those who work on a run change them."""

    def __init__(self, where: str | Path | None = None, home: Path | None = None) -> None:
        self.home = home or settings.home()
        default = settings.database_url() if home is None else home / settings.DATABASE
        self._where = where or default
        # When this process began on a run, by the calendar and by a clock that nobody sets.
        self._began: dict[str, tuple[float, float]] = {}
        self._sparing = Sparing("The progress is not stored")

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

    @property
    def is_outdated(self) -> bool:
        """Tell whether the database was deleted, replaced, or could only be read when opened."""
        return "_table" in vars(self) and self._table.is_outdated

    def row(self, run_id: str) -> dict[str, Any]:
        """Return the table's row of a run: what `Run` shows and what only recovery needs.

        Raises:
            UnknownName: there is none of this id.
        """
        return self._table.row(run_id)

    def data_names(self, limit: int = 200) -> list[str]:
        """Return the references of the data of the newest runs, each once, newest first."""
        found = [] if self.is_untouched else self._table.data_names(limit)
        return list(dict.fromkeys(name for name in found if isinstance(name, str) and name))

    def owners(self) -> list[str]:
        """Return who asked the runs, by name."""
        found = [] if self.is_untouched else self._table.owners()
        return [name for name in found if isinstance(name, str)]

    def log_path(self, run_id: str) -> Path:
        """Return the path of what the run's process wrote to its terminal."""
        return self._own_folder(self.row(run_id)["id"]) / artifacts.LOG

    def _own_folder(self, checked_id: str) -> Path:
        return self.home / "runs" / checked_id

    def folder(self, run_id: str) -> Path:
        """Return the folder of a run's artifacts (those of the run that answered it).

        Raises:
            UnknownName: there is no run of this id.
        """
        row = self.row(run_id)
        shares = row["answered_by"] is not None and row["status"] == Status.DONE
        return self._own_folder(row["answered_by"] if shares else row["id"])

    def elsewhere(self, run_id: str) -> str:
        """Return where the files of a run are, as a sentence; empty where this machine sees them.

        Raises:
            UnknownName: there is no run of this id.
        """
        folder = self.folder(run_id)
        return living.elsewhere(self.row(folder.name), self.home, folder)

    def _add(self, row: dict[str, Any]) -> str:
        """Store a new run with its folder, and return its id."""
        name = new_id(self._table.last_id())
        folder = self._own_folder(name)
        try:
            files.make_folder(folder)
        except OSError as error:
            raise StoreUnusable(
                f"The run's folder {folder} cannot be made: {error.strerror}. Free some space, or "
                "name another place by USABLE_HOME. Until then commands measure, but keep nothing."
            ) from error
        if row["pid"] is not None:
            living.take(self.home, name)
        self._table.add({"id": name, **row})
        return name

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
            StoreUnusable: another process works on it.
        """
        living.take(self.home, run_id)
        self._began[run_id] = time.time(), time.monotonic()
        now = self._now(run_id)
        new: dict[str, Any] = {"status": Status.RUNNING, "message": "Loading", "pid": pid}
        new |= {"started": now, "heartbeat": now, "host": socket.gethostname()}
        is_ours = self._table.change(run_id, (Status.QUEUED,), **new)
        if not (is_ours or self.row(run_id)["started"] == now):  # a server may fall silent over it
            raise Cancelled

    def heartbeat(self, run_id: str) -> None:
        """Say that the process of a run lives; a run that was thought LOST is found again."""
        now = self._now(run_id)
        self._table.change(run_id, ACTIVE, heartbeat=now)
        alive = {"status": Status.RUNNING, "finished": None, "error": None}
        own = {"pid": os.getpid()}
        self._table.change(run_id, (Status.LOST,), own, heartbeat=now, **alive)

    def progress(self, run_id: str, done: int, total: int, message: str, **metrics: float) -> None:
        """Store how far a run is, and append it to its `events.jsonl`.

        What cannot be stored is passed over: the work goes on, and its end will tell.
        """
        now = self._now(run_id)
        event = {"time": now, "done": done, "total": total, "message": message, **metrics}
        new: dict[str, Any] = {"done": done, "total": total, "message": message[:500]}
        new |= {"heartbeat": now, **({"metrics": to_json(metrics)} if metrics else {})}
        with contextlib.suppress(OSError):
            artifacts.append_event(self._own_folder(run_id), event)
        self._sparing.attempt(lambda: self._table.change(run_id, ACTIVE, **new), otherwise=False)

    def request_cancel(self, run_id: str) -> None:
        """Ask for the end of a run; one that still waits is CANCELLED at once.

        Raises:
            ReadOnly: nothing is cancelled here.
        """
        settings.check_writable()
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
        return self._sparing.attempt(
            lambda: self._table.is_cancel_requested(run_id), otherwise=False
        )

    def set_key(self, run_id: str, key: str, data: str | None = None) -> None:
        """Store the identity of the question, and the fingerprint of the data it is about."""
        self._table.change(run_id, ACTIVE, key=key, data=data)

    def go_on(self, run_id: str, key: str) -> bool:
        """Take over the finished parts of a run of the same key that ended before its answer.

        Return whether there are any. They move in one step, so that two runs never write the same
        part: should a lost one come back to life, it fails.
        """
        for row in self._table.ended_early(key):
            parts = self._own_folder(row["id"]) / artifacts.PARTS
            with contextlib.suppress(FileNotFoundError):  # or another was quicker
                parts.rename(self._own_folder(run_id) / artifacts.PARTS)
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
            told = {"summary": summary, "result": tasks.in_short(row["task"], summary)}
            self._end(run_id, Status.DONE, message="Done", done=steps, **told)
            shutil.rmtree(folder / artifacts.PARTS, ignore_errors=True)
            self._join(run_id)
        except UnknownName as error:
            raise StoreUnusable(f"Run {run_id} was deleted while it was measured.") from error
        except BaseException:
            artifacts.clear(folder, keep_parts=True)
            raise

    def answered_by(self, run_id: str, earlier: Run) -> None:
        """Store that an earlier run of the same key has the answer."""
        when = f"{earlier.finished:%Y-%m-%d %H:%M} UTC" if earlier.finished else "earlier"
        message = f"Answered from the store: run {earlier.id} measured the same on {when}"
        steps = {"done": earlier.total, "total": earlier.total}
        answer = {"answered_by": earlier.id, "summary": earlier.summary, "metrics": earlier.metrics}
        self._end(run_id, Status.DONE, message=message, result=earlier.result, **steps, **answer)
        self._join(earlier.id)

    def _join(self, run_id: str) -> None:
        """Join the runs of the same question that ended before their answer to one that has it.

        So they do not stand in the list for ever. FAILED ones do: why is worth knowing.
        """
        row = self.row(run_id)
        if row["key"] is None:
            return
        rows = [r for r in self._table.ended_early(row["key"]) if r["status"] != Status.FAILED]
        lost = self._table.lost_while_loading(row["task"])
        rows += [r for r in lost if r["config"] == row["config"]]
        for ended in rows:
            artifacts.clear(self._own_folder(ended["id"]))
            living.lock_path(self.home, ended["id"]).unlink(missing_ok=True)
        if rows:
            self._table.join([ended["id"] for ended in rows], run_id)

    def fail(
        self, run_id: str, error: str, traceback: str | None = None, *, keep_parts: bool = True
    ) -> None:
        """Make a run FAILED with a sentence; the traceback goes to its log and row only.

        Finished parts are kept, for the same question to go on from once the reason is gone.
        """
        artifacts.clear(self._own_folder(run_id), keep_parts=keep_parts)
        said = uploads.by_name(error)
        self._end(run_id, Status.FAILED, error=said, traceback=traceback and traceback[-20_000:])
        if traceback:  # the table has it; a full disk may refuse the log
            path = self._own_folder(run_id) / artifacts.LOG
            with contextlib.suppress(OSError), files.opened(path, "ab") as log:
                log.write(traceback.encode(errors="backslashreplace"))

    def cancelled(self, run_id: str) -> None:
        """Make a run and the runs that it started CANCELLED; finished parts are kept."""
        artifacts.clear(self._own_folder(run_id), keep_parts=True)
        self._end(run_id, Status.CANCELLED, message=f"Cancelled. {self.again(run_id)}")
        now = self._now(run_id)
        self._table.change_children(
            run_id, ACTIVE, status=Status.CANCELLED, finished=now, message="Cancelled"
        )

    def lose(self, run_id: str, why: str = WITHOUT_A_WORD) -> None:
        """Make a run LOST: its process was ended from outside."""
        row = self.row(run_id)
        sentence = f"The process working on this {why}. {self.again(run_id)}"
        until = self._now(run_id) if run_id in self._began else row["heartbeat"]
        self._table.change(run_id, ACTIVE, status=Status.LOST, error=sentence, finished=until)

    def again(self, run_id: str) -> str:
        """Return a sentence on what asking the question of a run again does."""
        task = tasks.TASKS.get(self.row(run_id)["task"])
        if task is None or (task.again == tasks.GOES_ON and not self.has_parts(run_id)):
            return "Start it again."
        return f"Start the same again: {task.again}."

    def has_parts(self, run_id: str) -> bool:
        """Tell whether finished parts of a run are kept, from which the same question goes on."""
        return (self._own_folder(self.row(run_id)["id"]) / artifacts.PARTS).is_dir()

    def kept_step(self, run_id: str) -> int | None:
        """Return the step from which the same training goes on; None where it begins anew."""
        return artifacts.newest_step(self._own_folder(self.row(run_id)["id"]))

    def _now(self, run_id: str) -> float:
        """Return the time (seconds since 1970) on a run's own clock.

        It begins by the calendar and goes on by a clock that nobody sets, so that durations hold.
        """
        if run_id not in self._began:
            return time.time()
        began, monotonic = self._began[run_id]
        return began + time.monotonic() - monotonic

    def _end(self, run_id: str, status: Status, **values: Any) -> None:  # noqa: ANN401 - any column
        now, expected = self._now(run_id), (*ACTIVE, Status.LOST)
        self._table.change(run_id, expected, status=status, finished=now, **values)
        living.let_go(self.home, run_id)
