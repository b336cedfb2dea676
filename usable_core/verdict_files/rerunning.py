"""Asking the models again about a few examples, drawn by a seed, where model and data are at hand.

What a record says of a picture is then seen to be what these weights answer to it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from usable_core import tasks
from usable_core.catalog.models import source_of
from usable_core.errors import UsableError
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.result import Result
from usable_core.verdict_files.recomputing import Problem

EXAMPLES = 16  # of each model, where nobody says otherwise
# Of a probability: other devices round otherwise, bfloat16 by 0.004.
TOLERANCE = 0.02


@dataclass(frozen=True)
class Sample:
    """Which examples are asked again.

    Attributes:
        count: How many of each model; 0 asks none.
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
        notes: What was asked again, and what was not and why.
        problems: What came out otherwise.
    """

    notes: list[str]
    problems: list[Problem]


def rerun(answers: Mapping[str, Result], sample: Sample) -> Rerun:
    """Return what the models answer to a sample of the examples of their accuracy.

    Args:
        answers: By run.
        sample: Which examples.
    """
    done, known = Rerun([], []), dict[str, Any]()
    asked = {name: one for name, one in answers.items() if isinstance(one, AccuracyResult)}
    if not sample.count:
        done.notes.append("No example was asked again, as was asked for.")
        return done
    for name, answer in asked.items():
        model, spec = answer.provenance.model, answer.config.model
        if source_of(spec.reference)[0].needs_trust and not sample.trust:
            done.notes.append(
                f"{model} was not asked again: its file can run code. --trust allows it."
            )
            continue
        question = replace(answer.config, model=replace(spec, trust=sample.trust))
        try:
            objects = tasks.resolve(question, known)
            wrong = list(_wrong(answer, objects, sample))
        except UsableError as error:
            done.notes.append(f"{model} was not asked again: {error}")
            continue
        known = {"dataset": objects["dataset"]}
        count = min(sample.count, answer.n)
        done.notes.append(f"{model} was asked {count:,} of {answer.n:,} examples again.")
        done.problems += [(part, f"of run {name}: {why}") for part, why in wrong]
    others = sorted({tasks.TASKS[tasks.name_of(a.config)].title for a in answers.values()})
    left = [title for title in others if title not in _titles(asked.values())]
    if left:
        done.notes.append(
            f"Worked out anew from the records, not measured again: {', '.join(left)}."
        )
    return done


def _titles(answers: Any) -> set[str]:  # noqa: ANN401
    return {tasks.TASKS[tasks.name_of(answer.config)].title for answer in answers}


def _wrong(answer: AccuracyResult, objects: Mapping[str, Any], sample: Sample) -> Iterator[Problem]:
    """Yield each example that is answered otherwise than its record says."""
    model, dataset, about = objects["model"], objects["dataset"], answer.provenance
    if model.fingerprint != about.model_fingerprint:
        yield "weights", f"{about.model} has other weights than were measured"
        return
    if dataset.fingerprint != about.dataset_fingerprint:
        yield "data", f"{about.dataset} holds other examples than were measured"
        return
    generator = np.random.default_rng(sample.seed)
    chosen = generator.choice(answer.n, min(sample.count, answer.n), replace=False)
    places = {identity: place for place, identity in enumerate(dataset.ids)}
    for row in answer.records.iloc[np.sort(chosen)].to_dict("records"):
        if row["id"] not in places:
            yield "records", f"{about.dataset} has no picture {row['id']}"
            continue
        picture, _ = dataset[places[row["id"]]]
        best = model.predict(picture, top=2)[0]
        if abs(best[0].probability - row["confidence"]) > TOLERANCE:
            said = f"{row['confidence']:.3f} sure, and is {best[0].probability:.3f}"
            yield "records", f"{about.model} was {said}, of picture {row['id']}"
        elif best[0].index != row["prediction"] and not _is_close(best):
            yield (
                "records",
                f"{about.model} said {about.class_names[row['prediction']]!r}, and says "
                f"{best[0].name!r}, of picture {row['id']}",
            )


def _is_close(best: Any) -> bool:  # noqa: ANN401
    return len(best) > 1 and best[0].probability - best[1].probability < TOLERANCE
