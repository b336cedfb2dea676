"""`Run`: the stored record of a question, of the work on it, and of its answer's summary."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from usable_core.evaluations.result import Config


class Status(StrEnum):
    """Where a run is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more will happen."""
        return self not in ACTIVE


ACTIVE = (Status.QUEUED, Status.RUNNING)
ENDED_EARLY = (Status.LOST, Status.CANCELLED, Status.FAILED)


@dataclass(frozen=True, kw_only=True)
class RunHead:
    """What a list shows of a run, at the moment it was read: all but the question itself.

    Attributes:
        id: Short name, sortable by time, safe in a web address.
        task: Key of `TASKS`.
        title: As people see it.
        status: Where it is.
        created: When it was asked (UTC), as are `started`, `finished` and `heartbeat`.
        started: When the work began.
        heartbeat: When its process last said that it lives.
        finished: When it was over: `started` and what it took, whatever the clock did meanwhile.
        done: Steps that are over.
        total: Steps in all; 0 while unknown.
        message: What it is doing.
        error: The sentence why it failed.
        parent: The run that this one is a part of.
        answered_by: The earlier run whose answer this is; of one that ended before its answer, the
            later run of the same question that has it.
        model_name: The model that the question is about: its reference, or the architecture
            trained.
        data_name: Reference of the data that the question is about.
        name: What its owner calls it.
        note: What its owner says about it.
        tags: What it is found by, in the order in which they were given.
        result: The main number of its answer, as people write it.
        host: Name of the machine that works on it, or did.
        owner: Who asked: an account of the dashboard's login, or a user of the operating system.
            None where an earlier version did not note it.
    """

    id: str
    task: str
    title: str
    status: Status
    created: datetime
    started: datetime | None = None
    heartbeat: datetime | None = None
    finished: datetime | None = None
    done: int = 0
    total: int = 0
    message: str = ""
    error: str | None = None
    parent: str | None = None
    answered_by: str | None = None
    model_name: str | None = None
    data_name: str | None = None
    name: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    result: str | None = None
    host: str | None = None
    owner: str | None = None

    @property
    def called(self) -> str:
        """What people call it: the name that it was given, else its title."""
        return self.name or self.title

    @property
    def reference(self) -> str:
        """The name of the model that the run made."""
        return f"run/{self.answered_by or self.id}"

    @property
    def seconds(self) -> float | None:
        """Seconds that the work took, so far; None before it began."""
        if self.started is None:
            return None
        until = self.finished or self.heartbeat or self.started
        return (until - self.started).total_seconds()


@dataclass(frozen=True, kw_only=True)
class Run(RunHead):
    """All that the store knows about one run, at the moment it was read.

    Attributes:
        config: The question.
        metrics: The latest live numbers.
        summary: The answer's `summary()`; None until DONE.
        key: Identity of the question (`answering.key`); None until its objects are loaded.
        pid: Process working on it.
        versions: Library name to version, when it was asked.
    """

    config: Config
    metrics: dict[str, float] = field(default_factory=dict)
    summary: dict[str, Any] | None = None
    key: str | None = None
    pid: int | None = None
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """Which runs are listed.

    Attributes:
        tasks: Keys of `TASKS`; None means any.
        statuses: Where they are in their life; None means any.
        search: Words that each stand in the id, title, name, note, tags, task, status, model,
            data or owner.
        tags: All of them are the run's.
        owners: Who asked; None means anybody.
    """

    tasks: Collection[str] | None = None
    statuses: Collection[Status] | None = None
    search: str = ""
    tags: Collection[str] = ()
    owners: Collection[str] | None = None


EVERY = Wanted()


@dataclass(frozen=True)
class Listing:
    """A page of the list of runs.

    Attributes:
        runs: The runs of the page, newest first.
        unreadable: Ids of the page's rows that this version cannot read.
        total: How many runs match, on all pages together.
    """

    runs: list[RunHead]
    unreadable: list[str]
    total: int
