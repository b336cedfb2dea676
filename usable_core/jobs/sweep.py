"""A sweep of λ: every training and every measurement is a run of its own, its parent the whole.

What the store already knows is not trained again, so a sweep that was stopped goes on, and one
more λ costs itself alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from usable_core import answering, jobs
from usable_core.errors import Cancelled, StorageError, UsableError
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.specs import ModelSpec, Report
from usable_core.evaluations.sweep import UNMOVED, SweepConfig
from usable_core.evaluations.sweep_result import SweepResult
from usable_core.evaluations.training import About, TrainingResult
from usable_core.jobs.steps import BEFORE

if TYPE_CHECKING:
    from usable_core.datasets.dataset import Dataset
    from usable_core.models.model import Model

TRAINED, UNTRAINED, MEASURED = 100, 5, 5  # steps of the progress: a training moves weights or not


def run_sweep(
    *,
    config: SweepConfig,
    report: Report,
    folder: Path,
    model: "Model | None" = None,
    dataset: "Dataset | None" = None,
    source: "Dataset | None" = None,
) -> SweepResult:
    """Train with each λ and seed, and measure what each learned and what it kept.

    A training that fails, such as one that diverges, is listed with its sentence; the others go on.

    Args:
        config: What is trained, and with which λ.
        report: Told the share of the whole; raises `Cancelled`.
        folder: The sweep's own folder, named by the id of its run.
        model: Where all trainings start, if at hand; None loads it.
        dataset: The task, if at hand; None reads it.
        source: The source, if at hand; None reads it.

    Raises:
        Cancelled: through `report`.
        UsableError: what is named cannot be loaded, or no training has an answer.
    """
    given = {"model": model, "dataset": dataset, "source": source}
    known = {name: thing for name, thing in given.items() if thing is not None}
    report(0, 0, "Loading the model and the data")
    objects = answering.resolve(config.training(*config.trainings[0]), known)
    answering.look_at(objects, lambda done, total, message, **_: report(0, 0, message))
    work = _Work(config, objects, folder.name, _Progress(report, config))
    rows = [work.row(*one) for one in config.trainings]
    if not any(row["n"] for row in rows):
        raise UsableError(f"No λ has an answer. The first: {rows[0]['refused']}")
    return SweepResult(config, pd.DataFrame(rows), work.split, work.about, tuple(work.warnings))


class _Progress:
    """The share of the whole, told from within its parts."""

    def __init__(self, report: Report, config: SweepConfig) -> None:
        self._report, self._done = report, 0
        each = (TRAINED if weight > UNMOVED else UNTRAINED for weight, _ in config.trainings)
        self._total = sum(each) + MEASURED * len(config.trainings)

    def part(self, title: str, cost: int) -> Report:
        """Begin a part and return what it reports to."""
        begun, self._done = self._done, self._done + cost

        def inner(done: int, total: int, message: str, **_: float) -> None:
            is_work = total > 0 and not message.startswith(BEFORE)
            shown = begun + int(cost * min(1.0, done / total)) if is_work else begun
            self._report(shown, self._total, f"{title}: {message}")

        return inner


@dataclass
class _Work:
    """What all parts of a sweep share, and what they tell of all."""

    config: SweepConfig
    objects: Mapping[str, Any]
    parent: str
    progress: _Progress
    split: str = ""
    about: About = "classes"
    warnings: dict[str, None] = field(default_factory=dict)

    def row(self, task_weight: float, seed: int) -> dict[str, Any]:
        """Return what is recorded of one training."""
        row: dict[str, Any] = {"lambda": task_weight, "seed": seed, "accuracy": math.nan, "n": 0}
        row |= {"ece": math.nan, "before": math.nan, "retained": math.nan, "retained_n": 0}
        row |= {"training": "", "measured": "", "refused": ""}
        title = f"λ = {task_weight:g}, seed {seed}"
        trained = self.progress.part(title, TRAINED if task_weight > UNMOVED else UNTRAINED)
        measured = self.progress.part(title, MEASURED)
        try:
            row |= self._trained(task_weight, seed, title, trained)
            row |= self._measured(row["training"], title, measured)
        except (Cancelled, StorageError):  # of these no other part would be spared
            raise
        except UsableError as error:
            row["refused"] = str(error)
        return row

    def _trained(self, weight: float, seed: int, title: str, report: Report) -> dict[str, Any]:
        question = self.config.training(weight, seed)
        run, found = jobs.run_here(
            question,
            report,
            parent=self.parent,
            title=f"Fine-tuning with {title}",
            objects=self.objects,
        )
        result = cast(TrainingResult, found)
        kept, row = result.retained, {"training": run.answered_by or run.id}
        if kept is None or not kept.after.n:
            return row
        self.about = kept.what
        shares = {"before": kept.before.value, "retained": kept.after.value}
        return row | shares | {"retained_n": kept.after.n}

    def _measured(self, training: str, title: str, report: Report) -> dict[str, Any]:
        question = AccuracyConfig(ModelSpec(f"run/{training}"), self.config.measured_part)
        objects = answering.resolve(question, {"dataset": self.objects["dataset"]})
        run, found = jobs.run_here(
            question,
            report,
            parent=self.parent,
            title=f"Accuracy with {title}",
            objects=objects,
        )
        result = cast(AccuracyResult, found)
        self.split = result.provenance.split
        self.warnings |= dict.fromkeys(result.provenance.warnings)
        return {
            "accuracy": result.accuracy.value,
            "n": result.n,
            "ece": result.ece().value,
            "measured": run.answered_by or run.id,
        }
