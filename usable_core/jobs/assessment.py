"""An assessment: every evaluation of every candidate is a run of its own, its parent the whole.

What the store already knows is not measured again, so an assessment that was stopped goes on, and
one more candidate costs itself alone.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from usable_core import answering, jobs
from usable_core.comparison.names import distinct, short_names
from usable_core.errors import Cancelled, UsableError
from usable_core.evaluations.result import Measured
from usable_core.evaluations.specs import ModelSpec, Report
from usable_core.jobs.planning import plan
from usable_core.jobs.steps import Part, SoFar, State, Steps
from usable_core.records import to_json
from usable_core.runs import RunStore
from usable_core.tasks import TASKS
from usable_core.verdicts.assessment import MEASURED, AssessmentConfig, AssessmentResult, row_of
from usable_core.verdicts.candidates import Candidates
from usable_core.verdicts.checking import Checked, check
from usable_core.verdicts.comparing import candidates_of
from usable_core.verdicts.estimate import Estimate
from usable_core.verdicts.finding import findings_of
from usable_core.verdicts.findings import Findings
from usable_core.verdicts.plan import questions
from usable_core.verdicts.requirements import Requirement

if TYPE_CHECKING:
    from usable_core.datasets.dataset import Dataset
    from usable_core.models.model import Model


@dataclass
class Candidate:
    """One model and what became of its evaluations.

    Attributes:
        spec: The model.
        results: Its answers, by task.
        runs: The runs that hold them.
        refused: Why there is no answer, by task.
        earlier: Tasks whose answer the store had.
    """

    spec: ModelSpec
    results: dict[str, Measured] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    earlier: set[str] = field(default_factory=set)
    _checked: dict[Requirement, Checked] = field(default_factory=dict, repr=False)

    def is_over(self, task: str) -> bool:
        """Tell whether an evaluation was made or refused."""
        return task in self.results or task in self.refused

    def checked(self, config: AssessmentConfig) -> Iterator[tuple[Checked, str]]:
        """Yield each requirement with what was measured of it, and the run that did."""
        for required in config.requirements.required:
            task = required.row.task
            found = self._checked.get(required) or self._check(required, len(config.models))
            if self.is_over(task):
                self._checked[required] = found
            yield found, self.runs.get(task, "")

    def _check(self, required: Requirement, candidates: int) -> Checked:
        task = required.row.task
        results = [self.results[task]] if task in self.results else []
        found = check(required, results, candidates=candidates)
        if found.found is None and task in self.refused:
            found = replace(found, reason=f"it was not measured: {self.refused[task]}")
        return found


def run_assessment(
    *,
    config: AssessmentConfig,
    report: Report,
    folder: Path,
    models: "Sequence[Model | None]" = (),
    dataset: "Dataset | None" = None,
    judge: "Model | None" = None,
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
        judge: The judge where it is at hand; None loads the one that is named.

    Raises:
        Cancelled: through `report`.
        UsableError: the data cannot be read, or the judge cannot judge their texts.
    """
    planned = plan(config, report, models=models, dataset=dataset)
    named = judge or config.judge
    beside = {"judge": answering.judge_of(named, planned.dataset)} if named else {}
    candidates = [Candidate(spec) for spec in config.models]
    precedence = RunStore().precedence(config, planned.dataset.fingerprint)
    steps = Steps(report, folder, _start(planned.estimate))
    work = _Work(config, candidates, steps, folder.name, beside)
    with answering.measured_together():
        for candidate, model in zip_longest(candidates, models):
            given = {"model": model, "dataset": planned.dataset}
            given |= planned.objects.pop(candidate.spec, {})
            work.measure(candidate, {name: one for name, one in given.items() if one is not None})
    records = _records(candidates, config)
    found = _findings(candidates, records, config.seed)
    several = _side_by_side(candidates, records, config)
    return AssessmentResult(config, records, precedence, found, several)


@dataclass
class _Work:
    """What all parts of an assessment share; `beside` are models that some questions also name."""

    config: AssessmentConfig
    candidates: list[Candidate]
    steps: Steps
    parent: str
    beside: Mapping[str, Any]

    def measure(self, candidate: Candidate, known: Mapping[str, Any]) -> None:
        """Ask everything about one candidate."""
        objects: dict[str, Any] = {}
        for task, question in questions(candidate.spec, self.config).items():
            title = f"{TASKS[task].title} of {self.steps.name}"
            inner = self.steps.begin(title)
            try:
                if not objects:
                    objects = answering.resolve(question, known)
                    answering.look_at(objects, inner)
                own = {n: one for n, one in self.beside.items() if getattr(question, n, None)}
                run, result = jobs.run_here(
                    question, inner, parent=self.parent, objects=objects | own
                )
                candidate.results[task] = cast(Measured, result)
                candidate.runs[task] = run.answered_by or run.id
                state: State = "known" if run.answered_by else "measured"
                if run.answered_by:
                    candidate.earlier.add(task)
            except Cancelled:
                raise
            except UsableError as error:
                candidate.refused[task] = str(error)
                state = "refused"
            self._tell(candidate, task, state, title)

    def _tell(self, candidate: Candidate, task: str, state: State, title: str) -> None:
        """Tell what a part has decided, while the others go on."""
        looked_at = [c for c in self.candidates if c.results or c.refused]
        rows = _records(looked_at, self.config, so_far=True).to_dict("records")
        decided = [c for c, _ in candidate.checked(self.config) if c.requirement.row.task == task]
        said = candidate.refused.get(task) or "; ".join(
            f"{one.requirement.text}: {one.outcome}" for one in decided
        )
        self.steps.over(title, state, said, [to_json(row) for row in rows])


def _start(estimate: Estimate) -> SoFar:
    """Return the parts of an assessment before the first has begun."""
    specs = list(dict.fromkeys(part.model for part in estimate.parts))
    names = dict(zip(specs, distinct([spec.reference for spec in specs]), strict=True))
    return SoFar(
        estimate.sentence,
        tuple(Part(names[part.model], part.task, part.seconds) for part in estimate.parts),
    )


def _records(
    candidates: list[Candidate], config: AssessmentConfig, *, so_far: bool = False
) -> pd.DataFrame:
    """Return the rows of an answer; `so_far` leaves out what nothing has looked at yet."""
    known = [next(iter(c.results.values())) for c in candidates if c.results]
    short = iter(short_names(known))
    names = distinct([next(short) if c.results else c.spec.reference for c in candidates])
    rows = [
        {"model": candidate.spec.reference, "name": name, **row_of(found), "run": run}
        for candidate, name in zip(candidates, names, strict=True)
        for found, run in candidate.checked(config)
        if not so_far or candidate.is_over(found.requirement.row.task)
    ]
    return pd.DataFrame(rows)


def _findings(candidates: list[Candidate], records: pd.DataFrame, seed: int) -> Findings:
    """Return what stands beside the verdicts: where they fail, trust, and what is open."""
    named = dict(zip(dict.fromkeys(records["name"]), candidates, strict=True))
    answers = {name: candidate.results for name, candidate in named.items()}
    refused = {name: candidate.refused for name, candidate in named.items()}
    titles = {task: TASKS[task].title for task in MEASURED}
    earlier = {(name, task) for name, one in named.items() for task in one.earlier}
    return findings_of(answers, refused, titles, seed=seed, earlier=earlier)


def _side_by_side(
    candidates: Sequence[Candidate], records: pd.DataFrame, config: AssessmentConfig
) -> Candidates | None:
    """Return the candidates side by side, under attack at the largest budget that is required."""
    required = config.requirements.required
    budgets = [one.epsilon for one in required if one.name == "robust_accuracy"]
    names = tuple(dict.fromkeys(records["name"]))
    answers = [candidate.results for candidate in candidates]
    return candidates_of(answers, names, epsilon=max(budgets, default=math.nan))
