"""What a training tells while it runs, and its records: sums over an epoch and since last told."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from usable_core.evaluations.specs import Report

SECONDS_BETWEEN_REPORTS = 0.5
NUMBERS = 5  # of the figures of a step


@dataclass(frozen=True)
class Figures:
    """The losses (nats) of one step, and how many of its task examples were right.

    Attributes:
        total: What is minimised.
        task: L_fine.
        source: L_pre; None without one.
        correct: Task examples that were right.
    """

    total: float
    task: float
    source: float | None
    correct: float

    @staticmethod
    def of(numbers: Sequence[float]) -> "Figures":
        """Return the figures that `Loss.gathered` put into a row, or the sum of such rows."""
        total, task, correct, source, has_source = numbers
        return Figures(total, task, source if has_source else None, correct)


@dataclass(frozen=True)
class Validation:
    """Mean loss (nats) and accuracy on the validation split."""

    loss: float
    accuracy: float


class Meter:
    """Sums of an epoch and of the steps since the last report; records of the finished epochs."""

    def __init__(self, total: int, report: Report) -> None:
        self.records: list[dict[str, float]] = []
        self._total, self._report, self._done = total, report, 0
        self._last_report = 0.0
        self._recent = _Recent()

    def begin_epoch(self) -> None:
        """Begin the sums of an epoch."""
        self._began, self._spent = time.perf_counter(), 0.0
        self._recent.begin()
        self._n, self._correct = 0, 0.0
        self._sums = {"total": 0.0, "task": 0.0, "source": 0.0}

    def add(self, figures: Figures, n: int) -> None:
        """Add a step of n examples."""
        self._n += n
        self._correct += figures.correct
        self._recent.add(figures.total, figures.correct, n)
        self._sums["total"] += figures.total * n
        self._sums["task"] += figures.task * n
        self._sums["source"] += math.nan if figures.source is None else figures.source * n

    def tick(self, epoch: int, epochs: int, rate: float) -> None:
        """Tell that a step at a learning rate is over, if the last report is some time ago."""
        self._done += 1
        self._recent.tick()
        if time.perf_counter() - self._last_report > SECONDS_BETWEEN_REPORTS and self._recent.n:
            self._last_report = time.perf_counter()
            share = self._done / (self._total / epochs)
            figures = {**self._recent.take(), "epoch": share, "learning_rate": rate}
            self._report(self._done, self._total, f"Epoch {epoch} of {epochs}", **figures)

    def end_epoch(self, epoch: int, validation: Validation, rate: float) -> None:
        """Record an epoch."""
        record = {
            "epoch": float(epoch),
            "train_loss": self._sums["total"] / self._n,
            "train_accuracy": self._correct / self._n,
            "validation_loss": validation.loss,
            "validation_accuracy": validation.accuracy,
            "source_loss": self._sums["source"] / self._n,
            "task_loss": self._sums["task"] / self._n,
            "learning_rate": rate,
            "seconds": self._spent + time.perf_counter() - self._began,
        }
        self.records.append(record)

    def tell_epoch(self) -> None:
        """Tell the last record."""
        record = self.records[-1]
        shown = {name: value for name, value in record.items() if math.isfinite(value)}
        for figure in ("train_loss", "train_accuracy"):  # of the whole epoch: the curve would jump
            shown.pop(figure, None)
        shown |= self._recent.take() if self._recent.n else {}
        self._report(self._done, self._total, f"Epoch {record['epoch']:.0f} finished", **shown)

    def state_dict(self) -> dict[str, Any]:
        """Return the sums and the records, in numbers."""
        spent = self._spent + time.perf_counter() - self._began
        sums = {"n": self._n, "correct": self._correct, "sums": dict(self._sums), "spent": spent}
        return {"records": [dict(one) for one in self.records], "done": self._done, **sums}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be where a state was taken."""
        self.records, self._done = state["records"], state["done"]
        self._n, self._correct, self._sums = state["n"], state["correct"], state["sums"]
        self._began, self._spent = time.perf_counter(), state["spent"]
        self._recent.begin()


class _Recent:
    """Figures of the steps since they were last asked for: what a live curve shows."""

    def __init__(self) -> None:
        self.n, self._loss, self._correct, self._seconds = 0, 0.0, 0.0, 0.0
        self.begin()

    def begin(self) -> None:
        """Count time from here on: what came before was no step."""
        self._since = time.perf_counter()

    def tick(self) -> None:
        """Count the time of a step that is over."""
        now = time.perf_counter()
        self._seconds += now - self._since
        self._since = now

    def add(self, loss: float, correct: float, n: int) -> None:
        self.n += n
        self._loss += loss * n
        self._correct += correct

    def take(self) -> dict[str, float]:
        figures = {"train_loss": self._loss / self.n, "train_accuracy": self._correct / self.n}
        if self._seconds > 0:
            figures["examples_per_second"] = self.n / self._seconds
        self.n, self._loss, self._correct, self._seconds = 0, 0.0, 0.0, 0.0
        return figures
