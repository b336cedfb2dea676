"""A sweep of λ: a training and its measurements for each λ and seed; see `jobs.trainings`."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from usable_core import answering
from usable_core.errors import UsableError
from usable_core.evaluations.specs import Report
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.sweep_result import SweepResult
from usable_core.jobs.trainings import Progress, Trainings, costs_of

if TYPE_CHECKING:
    from usable_core.datasets.dataset import Dataset
    from usable_core.models.model import Model


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
    objects = answering.resolve(config.trainings[0], known)
    config.measures.check_kind(objects["dataset"].kind)
    answering.look_at(objects, lambda done, total, message, **_: report(0, 0, message))
    progress = Progress(report, costs_of(config, config.trainings))
    work = Trainings(config, objects["dataset"], folder.name, progress)
    rows = [work.row(question, objects) for question in config.trainings]
    if not any(row["n"] for row in rows):
        raise UsableError(f"No λ has an answer. The first: {rows[0]['refused']}")
    return SweepResult(
        config,
        pd.DataFrame(rows),
        work.split,
        work.about,
        tuple(work.warnings),
        objects["dataset"].kind,
    )
