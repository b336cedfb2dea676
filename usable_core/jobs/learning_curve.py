"""A learning curve: a training and its measurements per backbone, size and seed."""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from usable_core import answering
from usable_core.errors import UsableError
from usable_core.evaluations.learning_curve import LearningCurveConfig
from usable_core.evaluations.learning_curve_result import LearningCurveResult
from usable_core.evaluations.specs import Report
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs.trainings import Progress, Trainings, costs_of

if TYPE_CHECKING:
    from usable_core.datasets.dataset import Dataset
    from usable_core.models.model import Model


def run_learning_curve(
    *,
    config: LearningCurveConfig,
    report: Report,
    folder: Path,
    models: "Sequence[Model | None]" = (),
    dataset: "Dataset | None" = None,
) -> LearningCurveResult:
    """Train each backbone with each size and seed, and measure each on the same examples.

    A training that fails, or a backbone that cannot be loaded, is listed with its sentence.

    Args:
        config: What is trained, and with how many examples.
        report: Told the share of the whole; raises `Cancelled`.
        folder: The run's own folder, named by its id.
        models: The backbones, where they are at hand; None loads one.
        dataset: The task, if at hand; None reads it.

    Raises:
        Cancelled: through `report`.
        UsableError: the data cannot be read, or no training has an answer.
    """
    report(0, 0, "Reading the data")
    task = dataset or answering.dataset_of(config.dataset)
    config.measures.check_kind(task.kind)
    answering.look_at({"dataset": task}, lambda done, total, message, **_: report(0, 0, message))
    total = answering.training_count(task, config.dataset)
    counts = total, len(task.labels)
    asked = [one for spec in config.models for one in config.trainings(spec, *counts)]
    work = Trainings(config, task, folder.name, Progress(report, costs_of(config, asked)))
    rows: list[dict[str, Any]] = []
    for spec, model in zip_longest(config.models, models):
        rows += _rows(work, config.trainings(spec, *counts), model)
    if not any(row["n"] for row in rows):
        raise UsableError(f"No size has an answer. The first: {rows[0]['refused']}")
    return LearningCurveResult(
        config, pd.DataFrame(rows), work.split, total, tuple(work.warnings), task.kind
    )


def _rows(
    work: Trainings, questions: Sequence[FineTuningConfig], model: "Model | None"
) -> Iterator[dict[str, Any]]:
    """Yield what is recorded of each training of a backbone, which is loaded for them all."""
    known = {"dataset": work.dataset} | ({} if model is None else {"model": model})
    try:
        objects = answering.resolve(questions[0], known)
    except UsableError as error:
        yield from (work.refused(question, str(error)) for question in questions)
        return
    yield from (work.row(question, objects) for question in questions)
