"""What an assessment will take: what the store knows, and how fast its candidates are here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from usable_core import answering, tasks
from usable_core.catalog.kinds import kind_of_model
from usable_core.errors import ConfigError, UsableError
from usable_core.evaluations.specs import ModelSpec, Report, silent
from usable_core.runs import RunStore
from usable_core.verdicts.assessment import AssessmentConfig
from usable_core.verdicts.estimate import Estimate, Pace, estimate
from usable_core.verdicts.plan import questions

if TYPE_CHECKING:
    from usable_core.datasets.dataset import Dataset
    from usable_core.models.model import Model

MOST_KEPT = 200_000_000  # parameters of candidates that stay loaded from the timing on


@dataclass
class Plan:
    """What is known before an assessment begins.

    Attributes:
        estimate: How long it will take.
        objects: What a candidate's questions name, by candidate, as far as it stays loaded.
        dataset: The data.
    """

    estimate: Estimate
    dataset: "Dataset"
    objects: dict[ModelSpec, Mapping[str, Any]] = field(default_factory=dict)


def known_parts(config: AssessmentConfig) -> set[tuple[ModelSpec, str]]:
    """Return the candidates and tasks that the store has answers of, by what they are called.

    What a file holds is looked at when it is measured: one that changed since is measured anew.
    """
    asked = {
        (spec, task): tasks.placed(question)
        for spec in config.models
        for task, question in questions(spec, config).items()
    }
    known = RunStore().known(list(asked.values()))
    return {part for part, question in asked.items() if question in known}


def plan(
    config: AssessmentConfig,
    report: Report = silent,
    *,
    models: "Sequence[Model | None]" = (),
    dataset: "Dataset | None" = None,
) -> Plan:
    """Return what an assessment will take, after one quick timing of each candidate.

    A candidate that cannot be loaded costs nothing here; why is said when it is measured.

    Args:
        config: The assessment.
        report: Told the progress; raises `Cancelled`.
        models: The candidates where they are at hand; None loads one.
        dataset: The data where they are at hand; None reads them.

    Raises:
        Cancelled: through `report`.
        ConfigError: a candidate or the data are of another kind than the question.
        UsableError: the data cannot be read, so that nothing can be measured.
    """
    known, given = known_parts(config), dict(zip(config.models, models, strict=False))
    found = Plan(Estimate(()), dataset or answering.dataset_of(config.dataset))
    _check_kinds(config, found.dataset, given)
    paces = dict[ModelSpec, Pace]()
    room = MOST_KEPT
    for spec in config.models:
        asked = questions(spec, config)
        report(0, 0, f"Loading and timing {spec.reference}")
        there = {"model": given.get(spec), "dataset": found.dataset}
        try:
            objects = answering.resolve(
                asked["accuracy"], {name: thing for name, thing in there.items() if thing}
            )
            answering.look_at(objects, lambda done, total, message, **_: report(0, 0, message))
            if any((spec, task) not in known for task in asked):
                paces[spec] = answering.pace(objects, config.dataset)
        except UsableError:
            continue
        room -= objects["model"].parameter_count
        if room >= 0:
            found.objects[spec] = objects
    found.estimate = estimate(config, paces, known)
    return found


def _check_kinds(
    config: AssessmentConfig, dataset: "Dataset", given: "Mapping[ModelSpec, Model | None]"
) -> None:
    """Check that all candidates take what the data consist of, before anything is measured."""
    if dataset.kind != config.kind:
        raise ConfigError(
            f"{dataset.name} is of {dataset.kind}s, and what is required of models of "
            f"{config.kind}s. Choose a model of {dataset.kind}s first, or other data."
        )
    for spec in config.models:
        model = given.get(spec)
        kind = kind_of_model(spec.reference) if model is None else model.kind
        if kind not in (None, dataset.kind):
            raise ConfigError(
                f"{spec.reference} takes {kind}s, and {dataset.name} is of {dataset.kind}s: all "
                "candidates for one use take what its data consist of. Leave it out, or choose "
                "other data."
            )
