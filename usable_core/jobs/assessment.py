"""An assessment: every evaluation of every candidate is a run of its own, its parent the whole.

What the store already knows is not measured again, so an assessment that was stopped goes on, and
one more candidate costs itself alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from usable_core import jobs, tasks
from usable_core.catalog.attacks import PRESETS
from usable_core.comparison.names import distinct, short_names
from usable_core.errors import Cancelled, UsableError
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.corruption import SEVERITIES, CorruptionConfig
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.result import Config, Measured
from usable_core.evaluations.robustness import RobustnessConfig, default_epsilons
from usable_core.evaluations.specs import ModelSpec, Report
from usable_core.tasks import TASKS
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult, row_of
from usable_core.verdicts.checking import Checked, check

if TYPE_CHECKING:
    from usable_core.datasets.dataset import Dataset
    from usable_core.models.model import Model

# Shares of the time on two cores, for the progress bar and the time left.
COSTS = {"accuracy": 2, "corruption": 30, "robustness": 50, "explanation": 18}


@dataclass(frozen=True)
class Sizes:
    """How much a preset measures beside its attacks.

    Attributes:
        corrupted: Examples under corruptions; None for all.
        severities: Of each corruption.
        explained: Examples with maps.
        evaluations: Of the model, for each map.
    """

    corrupted: int | None
    severities: tuple[int, ...]
    explained: int
    evaluations: int


SIZES = {
    "glance": Sizes(100, (1, 3, 5), 10, 150),
    "standard": Sizes(1000, SEVERITIES, 50, 500),
    "benchmark": Sizes(None, SEVERITIES, 100, 500),
}


@dataclass
class Candidate:
    """One model and what became of its evaluations.

    Attributes:
        spec: The model.
        results: Its answers, by task.
        runs: The runs that hold them.
        refused: Why there is no answer, by task.
    """

    spec: ModelSpec
    results: dict[str, Measured] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    def checked(self, config: AssessmentConfig) -> Iterator[tuple[Checked, str]]:
        """Yield each requirement with what was measured of it, and the run that did."""
        for required in config.requirements.required:
            task = required.row.task
            results = [self.results[task]] if task in self.results else []
            found = check(required, results, candidates=len(config.models))
            if found.found is None and task in self.refused:
                found = replace(found, reason=f"it was not measured: {self.refused[task]}")
            yield found, self.runs.get(task, "")


@dataclass
class _Progress:
    """Tells how far the whole is."""

    report: Report
    total: int
    done: int = 0
    shown: int = 0

    def within(self, title: str, cost: int) -> Report:
        """Return what a part reports to."""

        def inner(done: int, total: int, message: str, **metrics: float) -> None:
            # Reading comes before the work and counts by itself; figures come with the work.
            share = min(1.0, done / total) if total > 0 and metrics else 0.0
            self.shown = max(self.shown, self.done + int(cost * share))
            self.report(self.shown, self.total, f"{title}: {message}")

        return inner

    def over(self, title: str, cost: int) -> None:
        """Tell that a part is over."""
        self.done = self.shown = self.done + cost
        self.report(self.done, self.total, title)


def run_assessment(
    *,
    config: AssessmentConfig,
    report: Report,
    folder: Path,
    models: "Sequence[Model | None]" = (),
    dataset: "Dataset | None" = None,
) -> AssessmentResult:
    """Measure every candidate and say which requirements it meets.

    A candidate that cannot be loaded, or an evaluation of it that is refused, leaves its
    requirements undecided and says why; the others go on.

    Args:
        config: The candidates, the data and what is required.
        report: Told the share of the whole; raises `Cancelled`.
        folder: The assessment's own folder, named by the id of its run.
        models: The candidates where they are at hand; None loads one.
        dataset: The data where they are at hand; None reads them.

    Raises:
        Cancelled: through `report`.
    """
    progress = _Progress(report, sum(COSTS.values()) * len(config.models))
    candidates = [Candidate(spec) for spec in config.models]
    shared = {"dataset": dataset} if dataset is not None else {}
    for candidate, model in zip_longest(candidates, models):
        known = shared if model is None else {**shared, "model": model}
        objects = _measure(candidate, config, progress, folder.name, known)
        shared = {"dataset": objects["dataset"]} if "dataset" in objects else shared
    return AssessmentResult(config, _records(candidates, config))


def questions(spec: ModelSpec, config: AssessmentConfig) -> dict[str, Config]:
    """Return what is asked about one candidate, by task, the quick first."""
    size, preset = SIZES[config.preset], PRESETS[config.preset]
    data, limit = config.dataset, config.dataset.limit
    budgets = {*default_epsilons(config.norm), *config.requirements.epsilons}

    def at_most(most: int | None) -> int | None:
        return min(limit, most) if limit and most else limit or most

    corrupted, attacked, explained = (
        replace(data, limit=at_most(most))
        for most in (size.corrupted, preset.examples, size.explained)
    )
    options = ExplainerOptions(size.evaluations, seed=config.seed)
    methods = tuple(
        dict.fromkeys(r.place for r in config.requirements.required if r.row.place == "method")
    )
    return {
        "accuracy": AccuracyConfig(spec, data),
        "corruption": CorruptionConfig(
            spec, corrupted, severities=size.severities, seed=config.seed
        ),
        "robustness": RobustnessConfig(
            spec,
            attacked,
            preset.attacks,
            config.norm,
            tuple(sorted(budgets)),
            seed=config.seed,
            preset=config.preset,
        ),
        "explanation": ExplanationConfig(spec, explained, methods or ("lime",), options=options),
    }


def _measure(
    candidate: Candidate,
    config: AssessmentConfig,
    progress: _Progress,
    parent: str,
    known: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Ask everything about one candidate and return the objects that it took."""
    objects: Mapping[str, Any] = {}
    for task, question in questions(candidate.spec, config).items():
        title = f"{TASKS[task].title} of {candidate.spec.reference}"
        inner = progress.within(title, COSTS[task])
        try:
            if not objects:
                objects = tasks.resolve(question, known)
                tasks.look_at(objects, inner)
            run, result = jobs.run_here(
                question, inner, parent=parent, title=title, objects=objects
            )
            candidate.results[task] = cast(Measured, result)
            candidate.runs[task] = run.answered_by or run.id
        except Cancelled:
            raise
        except UsableError as error:
            candidate.refused[task] = str(error)
        progress.over(title, COSTS[task])
    return objects


def _records(candidates: list[Candidate], config: AssessmentConfig) -> pd.DataFrame:
    known = [next(iter(c.results.values())) for c in candidates if c.results]
    short = iter(short_names(known))
    names = distinct([next(short) if c.results else c.spec.reference for c in candidates])
    rows = [
        {"model": candidate.spec.reference, "name": name, **row_of(found), "run": run}
        for candidate, name in zip(candidates, names, strict=True)
        for found, run in candidate.checked(config)
    ]
    return pd.DataFrame(rows)
