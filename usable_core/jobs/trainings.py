"""Several trainings: each, and each measurement of it, is a run of its own, its parent the whole.

What the store already knows is not trained again, so a question that was stopped goes on, and one
more setting costs itself alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from usable_core import answering, jobs
from usable_core.errors import Cancelled, StorageError, UsableError
from usable_core.evaluations.result import Config, Evaluation, Measured, Result
from usable_core.evaluations.specs import ModelSpec, Report
from usable_core.evaluations.training import About, FineTuningConfig, TrainingResult
from usable_core.evaluations.training_axes import UNKNOWN, columns_of
from usable_core.evaluations.trainings import Several, titled
from usable_core.jobs.steps import BEFORE
from usable_core.runs import Run, RunStore, Status
from usable_core.tasks import TASKS, name_of

if TYPE_CHECKING:
    from usable_core.datasets.dataset import Dataset

# Steps of the progress: a training moves weights or not, an evaluation attacks or explains or not.
TRAINED, UNTRAINED = 100, 5
MEASURED = {"accuracy": 5, "robustness": 60, "explanation": 60}


class Progress:
    """The share of the whole, told from within its parts."""

    def __init__(self, report: Report, costs: Sequence[int]) -> None:
        """Take where to report, and the steps of each part."""
        self._report, self._costs, self._done = report, iter(costs), 0
        self._total = sum(costs)

    def part(self, title: str) -> Report:
        """Begin the next part and return what it reports to."""
        cost = next(self._costs)
        begun, self._done = self._done, self._done + cost

        def inner(done: int, total: int, message: str, **_: float) -> None:
            is_work = total > 0 and not message.startswith(BEFORE)
            shown = begun + int(cost * min(1.0, done / total)) if is_work else begun
            self._report(shown, self._total, f"{title}: {message}")

        return inner


@dataclass
class Trainings:
    """Works on several trainings, and collects what is told of all.

    Attributes:
        config: The question.
        dataset: The task.
        parent: Id of the run of the question.
        progress: Of the whole.
        split: The part of the task that was measured.
        about: What is retained of the source.
        warnings: What a reader of the numbers must know, each once.
    """

    config: Several
    dataset: "Dataset"
    parent: str
    progress: Progress
    split: str = ""
    about: About = "classes"
    warnings: dict[str, None] = field(default_factory=dict)

    def row(self, question: FineTuningConfig, objects: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is recorded of one training; one that fails holds the sentence why.

        Args:
            question: The training.
            objects: What it names.

        Raises:
            Cancelled: through the report.
            StorageError: nothing can be kept.
        """
        place = self.config.place(question)
        row, title = {**place, **UNKNOWN}, titled(place)
        parts = [self.progress.part(title) for _ in range(1 + len(tasks_of(self.config)))]
        try:
            row |= self._trained(question, title, parts[0], objects)
            model = ModelSpec(f"run/{row['training']}")
            part, kind = self.config.measured_part, self.dataset.kind
            asked = self.config.measures.questions(model, part, kind)
            loaded = {"dataset": self.dataset}
            for one, report in zip(asked.values(), parts[1:], strict=True):
                loaded = answering.resolve(one, loaded)
                row |= self._measured(one, title, report, loaded)
        except (Cancelled, StorageError):  # of these no other part would be spared
            raise
        except UsableError as error:
            row["refused"] = str(error)
        return row

    def refused(self, question: FineTuningConfig, sentence: str) -> dict[str, Any]:
        """Return what is recorded of a training that cannot begin."""
        place = self.config.place(question)
        for _ in range(1 + len(tasks_of(self.config))):
            self.progress.part(titled(place))
        return {**place, **UNKNOWN, "refused": sentence}

    def _trained(
        self, question: FineTuningConfig, title: str, report: Report, objects: Mapping[str, Any]
    ) -> dict[str, Any]:
        run, result = self._asked(question, title, report, objects)
        kept = cast(TrainingResult, result).retained
        self.about = self.about if kept is None else kept.what
        known = columns_of("finetune", result.summary())
        return known | {"training": run.answered_by or run.id}

    def _measured(
        self, question: Evaluation, title: str, report: Report, objects: Mapping[str, Any]
    ) -> dict[str, Any]:
        run, result = self._asked(question, title, report, objects)
        provenance, task = cast(Measured, result).provenance, run.task
        self.split = provenance.split
        self.warnings |= dict.fromkeys(provenance.warnings)
        known = columns_of(task, result.summary())
        return known | ({"measured": run.answered_by or run.id} if task == "accuracy" else {})

    def _asked(
        self, question: Config, title: str, report: Report, objects: Mapping[str, Any]
    ) -> tuple[Run, Result]:
        """Return a part of the whole, and its answer."""
        title = f"{TASKS[name_of(question)].title} with {title}"
        return jobs.run_here(question, report, parent=self.parent, title=title, objects=objects)


def tasks_of(config: Several) -> tuple[str, ...]:
    """Return what is measured of each training, by task."""
    measures = config.measures
    asked = {"robustness": measures.epsilon, "explanation": measures.explanation}
    return ("accuracy", *(task for task, value in asked.items() if value is not None))


def costs_of(config: Several, questions: Iterable[FineTuningConfig]) -> list[int]:
    """Return the steps of each part of the progress."""
    measured = [MEASURED[task] for task in tasks_of(config)]
    return [
        cost
        for question in questions
        for cost in (UNTRAINED if question.is_unmoved else TRAINED, *measured)
    ]


def so_far(run: Run) -> pd.DataFrame:
    """Return what the finished parts of a run say: a row per training that has begun.

    Columns are those of the answer's records, and `state`: what is done just now, `stopped`, or
    nothing where the part begun last is over.
    """
    store, config = RunStore(), cast(Several, run.config)
    rows: list[dict[str, Any]] = []
    for child in store.children(run.id):
        if child.task == "finetune":
            place = config.place(cast(FineTuningConfig, child.config))
            known = {"training": child.answered_by or child.id, "state": ""}
            rows.append({**place, **UNKNOWN, **known})
        if rows:
            rows[-1] |= _told(store, child)
    return pd.DataFrame(rows)


def _told(store: RunStore, child: Run) -> dict[str, Any]:
    """Return what one part says: its numbers, why it has none, or what it does."""
    if child.status is Status.FAILED:
        return {"refused": child.error}
    if not child.status.is_over:
        return {"state": child.message or "starting"}
    summary = child.summary
    if summary is None and child.answered_by:
        summary = store.get(child.answered_by).summary
    if summary is None:
        return {"state": "stopped"}
    return columns_of(child.task, summary) | {"state": ""}
