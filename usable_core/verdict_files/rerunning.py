"""Measuring a few examples of each run again, drawn by a seed, where model and data are at hand.

What a record says of a picture is then seen to be what these weights answer to it. What is done
again of a kind of answer is its row's, see `TASKS`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from usable_core import answering, tasks
from usable_core.catalog import implementation
from usable_core.catalog.references import source_of
from usable_core.errors import UsableError
from usable_core.evaluations.result import Measured, Result
from usable_core.evaluations.specs import ModelSpec
from usable_core.verdict_files.recomputing import Problem

EXAMPLES = 16  # of each model, where nobody says otherwise


@dataclass(frozen=True)
class Sample:
    """Which examples are measured again.

    Attributes:
        count: How many of each model's accuracy, and fewer of what takes longer; 0 asks none.
        seed: Of the draw.
        trust: Ask models too whose files can run code.
    """

    count: int = EXAMPLES
    seed: int = 0
    trust: bool = False


@dataclass
class Rerun:
    """What came of it.

    Attributes:
        notes: What was measured again, and what was not and why.
        problems: What came out otherwise.
    """

    notes: list[str]
    problems: list[Problem]


def rerun(answers: Mapping[str, Result], sample: Sample) -> Rerun:
    """Return what the models answer to a sample of the examples of each run.

    Args:
        answers: By run.
        sample: Which examples.
    """
    done = Rerun([], [])
    if not sample.count:
        done.notes.append("No example was asked again, as was asked for.")
        return done
    models = dict.fromkeys(cast(Measured, answer).config.model for answer in answers.values())
    known: dict[str, Any] = {}  # models one after the other: memory holds one
    for spec in models:
        own = {n: cast(Measured, a) for n, a in answers.items() if _spec(a) == spec}
        title = next(iter(own.values())).provenance.model
        if source_of(spec.reference)[0].needs_trust and not sample.trust:
            done.notes.append(
                f"{title} was not asked again: its file can run code. --trust allows it."
            )
            continue
        known.pop("model", None)
        for name, answer in own.items():
            _measure_again(name, answer, sample, known, done)
    return done


def _measure_again(
    name: str, answer: Measured, sample: Sample, known: dict[str, Any], done: Rerun
) -> None:
    """Measure a few examples of a run again, and add to what came of it and what is loaded."""
    title, row = answer.provenance.model, tasks.TASKS[tasks.name_of(answer.config)]
    spec = replace(answer.config.model, trust=sample.trust)
    try:
        config = replace(cast(Any, answer.config), model=spec, **_without(answer))
        known |= answering.resolve(
            config, {n: known[n] for n in ("model", "dataset") if n in known}
        )
        if other := _others(answer, known):
            done.problems += [(part, f"of run {name}: {why}") for part, why in other]
            return
        again = implementation(row.again_by)(
            answer,
            known["model"],
            known.get("dataset"),
            sample.count,
            sample.seed,
            **_judge(answer, sample, known, done),
        )
    except UsableError as error:
        done.notes.append(f"{row.title} of {title} was not measured again: {error}")
        return
    done.notes.append(f"{title} {again.note}.")
    done.problems += [("records", f"of run {name}: {title}: {why}") for why in again.wrong]


def _judge(answer: Measured, sample: Sample, known: dict[str, Any], done: Rerun) -> dict[str, Any]:
    """Return who judged the attacked texts of an answer, where anybody did and is at hand."""
    spec = getattr(answer.config, "judge", None)
    if spec is None:
        return {}
    try:
        if "judge" not in known:
            named = replace(spec, trust=sample.trust)
            known["judge"] = answering.judge_of(named, known["dataset"])
    except UsableError as error:
        done.notes.append(f"The judge {spec.reference} was not asked again: {error}")
        return {}
    return {"judge": known["judge"]}


def _spec(answer: Result) -> ModelSpec:
    return cast(Measured, answer).config.model


def _without(answer: Measured) -> dict[str, None]:
    """Return the fields of a question that name further models, which are not asked again."""
    named = tasks.named_in(answer.config)
    return {field: None for field in named if field not in ("model", "dataset")}


def _others(answer: Measured, objects: Mapping[str, Any]) -> list[Problem]:
    """Return how model and data at hand are others than were measured."""
    about, found = answer.provenance, []
    if objects["model"].fingerprint != about.model_fingerprint:
        found.append(("weights", f"{about.model} has other weights than were measured"))
    data = objects.get("dataset") if answer.config.dataset is not None else None
    if data is not None and data.fingerprint != about.dataset_fingerprint:
        found.append(("data", f"{about.dataset} holds other examples than were measured"))
    return found
