"""`RunStore`: every question ever asked, what became of it, and the folder of its artifacts."""

import builtins
import contextlib
import functools
import json
import shutil
import socket
import threading
import time
from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from usable_core import settings, tasks
from usable_core.errors import StorageError, StoreUnusable
from usable_core.evaluations.result import Config, Result
from usable_core.runs import artifacts, uploads
from usable_core.runs.description import description
from usable_core.runs.life import RunLife
from usable_core.runs.living import is_lost, lock_path
from usable_core.runs.precedence import precedence
from usable_core.runs.quotas import check_room
from usable_core.runs.remembered import MARK, Remembered
from usable_core.runs.rows import (
    HEAD_COLUMNS,
    is_sound,
    readable,
    title_of,
    to_head,
    to_run,
)
from usable_core.runs.run import ACTIVE, EVERY, Listing, Run, Status, Wanted
from usable_core.verdicts.assessment import AssessmentConfig
from usable_core.verdicts.precedence import Precedence
from usable_core.versions import versions

if TYPE_CHECKING:
    import pandas as pd

_asking = threading.Lock()  # tabs of one dashboard that ask at the same moment


class RunStore(RunLife):
    """All runs: asking for one, finding them, and their answers."""

    @functools.cached_property
    def _remembered(self) -> Remembered:
        return Remembered()

    def create(
        self,
        config: Config,
        *,
        parent: str | None = None,
        title: str | None = None,
        pid: int | None = None,
        owner: str | None = None,
    ) -> Run:
        """Store a question and return its run, QUEUED.

        Args:
            config: The question.
            parent: Run that this is a part of.
            title: As people see it.
            pid: This process, where it works on the run itself; it holds the run's lock from here.
            owner: Who asks; else the owner of `parent`, or the operating system's user.

        Raises:
            ReadOnly: nothing is started here.
            StorageError: too many runs are waiting, or the store cannot be written.
        """
        settings.check_writable()
        now = time.time()
        asked_by = self.row(parent)["owner"] if parent else owner or settings.user()
        row = {
            "task": tasks.name_of(config),
            "title": title or title_of(config),
            "config": tasks.config_to_json(config),
            "status": Status.QUEUED,
            "created": now,
            "heartbeat": now,
            "parent": parent,
            "versions": versions(),
            "host": socket.gethostname(),
            "home": str(self.home.absolute()),
            "pid": pid,
            "owner": asked_by,
        }
        with _asking:
            if parent is None:
                check_room(self.active_rows(), asked_by)
            return self.get(self._add(row))

    def get(self, run_id: str) -> Run:
        """Return a run.

        Raises:
            UnknownName: there is none of this id.
        """
        row = self.row(run_id)
        return to_run(self.row(run_id) if self._have_lost([row]) else row)

    def _have_lost(self, rows: "builtins.list[dict[str, Any]]") -> bool:
        """Make RUNNING runs LOST whose process is gone; return whether there were any."""
        gone = [row["id"] for row in rows if is_lost(row, self.home)]
        with contextlib.suppress(StoreUnusable):  # it can be read, but not written
            for run_id in gone:
                self.lose(run_id)
        return bool(gone)

    def list(
        self,
        task: str | None = None,
        statuses: Collection[Status] | None = None,
        limit: int = 200,
        offset: int = 0,
        search: str = "",
    ) -> "builtins.list[Run]":
        """Return the runs that this version can read, newest first; see `listing`."""
        if self.is_untouched:
            return []
        self._have_lost(self.active_rows())
        wanted = Wanted(None if task is None else (task,), statuses, search)
        marks = self._table.newest(wanted, limit=limit, offset=offset, columns=MARK)
        return self._remembered.runs(marks, self._table.rows)

    def listing(self, wanted: Wanted = EVERY, limit: int = 50, offset: int = 0) -> Listing:
        """Return a page of the list of runs, newest first, without their questions.

        Args:
            wanted: Which runs.
            limit: How many the page holds at most.
            offset: How many newer ones stand on the pages before.
        """
        if self.is_untouched:
            return Listing([], [], 0)
        self._have_lost(self.active_rows())
        rows = self._table.newest(wanted, limit=limit, offset=offset, columns=HEAD_COLUMNS)
        return Listing(*readable(rows, to_head), self._table.count(wanted))

    def uploads(self) -> "builtins.list[uploads.Upload]":
        """Return what people uploaded, newest first, with the runs that it is data of."""
        named = {} if self.is_untouched else self._table.questions_naming(uploads.FOLDER)
        return uploads.listed(named)

    def delete_uploads(self, ids: Collection[str]) -> None:
        """Delete uploads; runs whose data they were keep their answers and the data's name.

        Raises:
            StorageError: they cannot be deleted.
        """
        settings.check_writable()
        used = {upload.id for upload in self.uploads() if upload.runs}
        for name in ids:
            uploads.delete(name, keep_name=name in used)

    def children(self, run_id: str) -> "builtins.list[Run]":
        """Return the parts of a run, oldest first."""
        rows = self._table.children(run_id)
        return readable(self._table.children(run_id) if self._have_lost(rows) else rows, to_run)[0]

    def active_rows(self) -> "builtins.list[dict[str, Any]]":
        """Return the rows of all runs that wait or run and can be read, oldest first."""
        rows = [] if self.is_untouched else self._table.active()
        return [row for row in rows if is_sound(row)]

    def find(self, key: str) -> tuple[Run, Result] | None:
        """Return the newest DONE run that measured the answer of `key`, with that answer.

        One that cannot be read, or whose files are gone, is passed over: it is measured anew.
        """
        for run in readable(self._table.measured(key), to_run)[0]:
            folder = self._own_folder(run.id)
            with contextlib.suppress(StorageError):
                if not artifacts.gone(folder, run.task):
                    return run, artifacts.read_result(folder, run.task)
        return None

    def known(self, questions: Collection[Config]) -> "builtins.list[Config]":
        """Return those of several questions whose answers are stored, by what they name.

        What a file holds is not looked at, so that nothing is loaded; `find` tells for certain.
        """
        if self.is_untouched or not questions:
            return []
        by_text = {json.dumps(tasks.config_to_json(one)): one for one in questions}
        rows = self._table.answered(by_text, json.dumps(versions()))
        whole = (r for r in rows if not artifacts.gone(self._own_folder(r["id"]), r["task"]))
        return [by_text[text] for text in {row["config"] for row in whole}]

    def precedence(self, config: AssessmentConfig, fingerprint: str) -> Precedence:
        """Return whether an assessment's requirements stood before its data were looked at."""
        return precedence(self._table, config, fingerprint)

    def gone(self, run_id: str) -> tuple[str, ...]:
        """Return the names of the files that the answer of a run had and that are gone.

        Raises:
            UnknownName: there is no run of this id.
        """
        row = self.row(run_id)
        is_done = row["status"] == Status.DONE
        return artifacts.gone(self.folder(run_id), row["task"]) if is_done else ()

    def events(self, run_id: str) -> "pd.DataFrame":
        """Return the progress of a run: time (UTC), done, total, message, and its live numbers.

        Those of the run that measured the answer, where that was an earlier one.
        """
        return artifacts.read_events(self.folder(run_id))

    def delete(self, run_id: str) -> None:
        """Delete a run, its parts and its files.

        An answer that later runs share passes to the eldest of them.

        Raises:
            UnknownName: there is no run of this id.
            ReadOnly: nothing is deleted here.
            StorageError: it is still waiting or running, or its files are kept elsewhere.
        """
        settings.check_writable()
        row = self.row(run_id)
        if told := self.elsewhere(run_id):  # those who share its answer would lose it
            raise StorageError(f"{told} Or delete it there.")
        if not self._have_lost([row]) and row["status"] in ACTIVE:
            raise StorageError("This run is not over. Cancel it first, then delete it.")
        for child in self.children(run_id):
            if child.status.is_over:
                self.delete(child.id)
        self._hand_over(row["id"])
        for ended in self._table.answered_by(row["id"]):  # without an heir: joined to this one
            self.delete(ended["id"])
        self._table.delete(row["id"])
        shutil.rmtree(self._own_folder(row["id"]), ignore_errors=True)
        with contextlib.suppress(OSError):
            lock_path(self.home, row["id"]).unlink(missing_ok=True)

    def load(self, run_id: str) -> Result:
        """Return the answer of a DONE run.

        Raises:
            UnknownName: there is no run of this id.
            StorageError: it has no answer, or its files are gone or kept elsewhere.
        """
        run = self.get(run_id)
        if run.status is not Status.DONE:
            told = "Run it again." if run.answered_by is None else f"Run {run.answered_by} has it."
            raise StorageError(f"Run {run.id} is {run.status.value} and has no result. {told}")
        if told := self.elsewhere(run_id):
            raise StorageError(told)
        return artifacts.read_result(self.folder(run_id), run.task)

    def describe(
        self,
        run_id: str,
        *,
        name: str | None = None,
        note: str | None = None,
        tags: Collection[str] | None = None,
    ) -> Run:
        """Keep what its owner says of a run, and return the run.

        Args:
            run_id: The run.
            name: What it is called; empty gives it its title back. None of any leaves it.
            note: What is said about it.
            tags: What it is found by, instead of its tags.

        Raises:
            UnknownName: there is no run of this id.
            ConfigError: one of them is too long.
            ReadOnly: nothing is changed here.
        """
        settings.check_writable()
        found = self.row(run_id)["id"]
        if new := description(name, note, tags):
            self._table.describe(found, **new)
        return self.get(found)

    def tags(self) -> "builtins.list[str]":
        """Return the tags of all runs, those that most bear first."""
        rows = [] if self.is_untouched else self._table.tags()
        every = (tag for tags in rows if isinstance(tags, tuple) for tag in tags)
        return [tag for tag, _ in Counter(every).most_common()]

    def _hand_over(self, run_id: str) -> None:
        sharing = self._table.answered_by(run_id)
        heirs = [row["id"] for row in sharing if row["status"] == Status.DONE]
        if not heirs:
            return
        shutil.rmtree(target := self._own_folder(heirs[0]), ignore_errors=True)
        self._own_folder(run_id).rename(target)
        self._table.pass_answer(run_id, heirs[0])
