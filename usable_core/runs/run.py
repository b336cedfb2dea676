"""`Run`: the stored record of a question, of the work on it, and of its answer's summary."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
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


@dataclass(frozen=True)
class Run:
    """What the store knows about one run, at the moment it was read.

    Attributes:
        id: Short name, sortable by time, safe in a web address.
        task: Key of `TASKS`.
        title: As people see it.
        config: The question.
        status: Where it is.
        created: When it was asked (UTC), as are `started`, `finished`, `heartbeat`.
        started: When the work began.
        finished: When it was over.
        heartbeat: When its process last said that it lives.
        done: Steps that are over.
        total: Steps in all; 0 while unknown.
        message: What it is doing.
        metrics: The latest live numbers.
        summary: The answer's `summary()`; None until DONE.
        error: The sentence why it failed.
        key: Identity of the question (`tasks.key`); None until its objects are loaded.
        parent: The run that this one is a part of.
        answered_by: The earlier run whose answer this is.
        pid: Process working on it.
        versions: Library name to version, when it was asked.
    """

    id: str
    task: str
    title: str
    config: Config
    status: Status
    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    heartbeat: datetime | None = None
    done: int = 0
    total: int = 0
    message: str = ""
    metrics: dict[str, float] = field(default_factory=dict)
    summary: dict[str, Any] | None = None
    error: str | None = None
    key: str | None = None
    parent: str | None = None
    answered_by: str | None = None
    pid: int | None = None
    versions: dict[str, str] = field(default_factory=dict)

    @property
    def model_name(self) -> str | None:
        """The model that the question is about: its reference, or the architecture trained."""
        spec = getattr(self.config, "model", None)
        if spec is not None:
            return str(spec.reference)
        return getattr(self.config, "architecture", None)

    @property
    def reference(self) -> str:
        """The name of the model that the run made."""
        return f"run/{self.answered_by or self.id}"

    @property
    def seconds(self) -> float | None:
        """Seconds from the beginning of the work to its end, or to now; None before it began."""
        if self.started is None:
            return None
        return ((self.finished or datetime.now(UTC)) - self.started).total_seconds()

    @property
    def eta_seconds(self) -> float | None:
        """Seconds that are left if it goes on at its pace; None while that is unknown."""
        if self.status is not Status.RUNNING or not self.done or not self.total:
            return None
        return (self.seconds or 0.0) * max(self.total - self.done, 0) / self.done
