"""Measuring a few examples of an answer again: do the same weights still give the same rows?

Everything random is drawn for each example by the seed of the question, so a few examples by
themselves give the rows that they gave among all. How the rows may differ all the same is
said in `differing`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pandas as pd

from usable_core.datasets.dataset import Dataset, hash_all
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.cost import CostResult
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.evaluations.result import Measured
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import silent
from usable_core.measuring import accuracy, corruption, explanation, robustness
from usable_core.measuring.cost import counted
from usable_core.measuring.differing import (
    Differing,
    Rows,
    answered,
    judged,
    mapped,
    withstood,
)
from usable_core.measuring.provenance import evaluated_part, ready
from usable_core.models.model import Model

CORRUPTIONS = 3  # that a few examples are corrupted by again
# A map costs hundreds of passes, an attacked example as many: fewer of them are asked for.
FEWER = {"corruption": 4, "robustness": 8, "explanation": 16}


@dataclass(frozen=True)
class Again:
    """What came of it.

    Attributes:
        note: What was done again, after the model's name.
        wrong: What came out otherwise, each as a sentence without its end.
    """

    note: str
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Few:
    """A few examples of an answer.

    Attributes:
        dataset: They alone.
        indices: Which of the answer's examples they are (N,).
        wrong: How its records are not of these data.
        generator: Draws what else is drawn.
    """

    dataset: Dataset
    indices: np.ndarray
    wrong: tuple[str, ...]
    generator: np.random.Generator


def answers(answer: AccuracyResult, model: Model, dataset: Dataset, count: int, seed: int) -> Again:
    """Ask the model a few examples again.

    Args:
        answer: What was measured.
        model: By which model.
        dataset: On which data.
        count: How many examples.
        seed: Of their draw.
    """
    few = few_of(answer, model, dataset, count, seed)
    config = replace(answer.config, dataset=_all_of(answer))

    def measure() -> Measured:
        return accuracy.measure(model=model, dataset=few.dataset, config=config, report=silent)

    return _again(answer, few, measure, f"was asked {_of(few, answer)} again", (), answered)


def corrupted(
    answer: CorruptionResult, model: Model, dataset: Dataset, count: int, seed: int
) -> Again:
    """Corrupt a few examples again by a few corruptions, and ask the model; see `answers`."""
    few = few_of(answer, model, dataset, _fewer(count, "corruption"), seed)
    names = answer.config.corruptions
    places = few.generator.choice(len(names), min(CORRUPTIONS, len(names)), replace=False)
    some = tuple(names[place] for place in sorted(places))
    config = replace(answer.config, dataset=_all_of(answer), corruptions=some)

    def measure() -> Measured:
        return corruption.measure(model=model, dataset=few.dataset, config=config, report=silent)

    told = f"was asked {_of(few, answer)} again under {', '.join(some)}"
    return _again(answer, few, measure, told, ("corruption", "severity"), answered)


def attacked(
    answer: RobustnessResult,
    model: Model,
    dataset: Dataset,
    count: int,
    seed: int,
    *,
    judge: Model | None = None,
) -> Again:
    """Attack a few examples again, without the checks of the attack; see `answers`.

    A `judge` of texts is asked again what it reads in what breaks them.
    """
    few = few_of(answer, model, dataset, _fewer(count, "robustness"), seed)
    changes: dict[str, Any] = {"walked": 0, "gallery": 0, "surrogate": None}
    changes |= {} if judge else {"judge": None}
    config = replace(answer.config, dataset=_all_of(answer), **changes)

    def measure() -> Measured:
        return robustness.measure(
            model=model, dataset=few.dataset, config=config, report=silent, judge=judge
        )

    told = f"was attacked on {_of(few, answer)} again"
    if judge is None:
        return _again(answer, few, measure, told, ("epsilon",), withstood)
    reads = judged(judge)

    def differing(said: Rows, now: Rows, names: Sequence[str]) -> Iterator[str]:
        yield from withstood(said, now, names)
        yield from reads(said, now, names)

    return _again(answer, few, measure, f"{told}, {judge.name} its judge", ("epsilon",), differing)


def explained(
    answer: ExplanationResult, model: Model, dataset: Dataset, count: int, seed: int
) -> Again:
    """Explain an example again and compare the figures of its maps; see `answers`."""
    few = few_of(answer, model, dataset, _fewer(count, "explanation"), seed)
    config = replace(answer.config, dataset=_all_of(answer))

    def measure() -> Measured:
        return explanation.measure(model=model, dataset=few.dataset, config=config, report=silent)

    told = f"explained {_of(few, answer)} again"
    return _again(answer, few, measure, told, ("method",), mapped)


def counts(
    answer: CostResult, model: Model, dataset: Dataset | None, count: int, seed: int
) -> Again:
    """Count again what is counted; times and energy are of their machine, and stay."""
    now, facts = counted(ready(model), answer.facts.pieces), answer.facts
    said = {"parameters": facts.parameters, "macs": facts.macs}
    wrong = [
        f"it has {now[name]:,.0f} {name}, where {value:,.0f} is recorded"
        for name, value in said.items()
        if not (now[name] == value or (np.isnan(now[name]) and np.isnan(value)))
    ]
    told = "had its parameters and multiply-adds counted again; its times and energy were not"
    return Again(f"{told} measured again", tuple(wrong))


def _again(
    answer: Measured,
    few: Few,
    measure: Callable[[], Measured],
    told: str,
    keys: Sequence[str],
    differing: Differing,
) -> Again:
    """Return what measuring a few examples again shows; nothing is, where the data have none."""
    if len(few.indices) == 0:
        return Again(told, few.wrong)
    return Again(told, (*few.wrong, *_compared(answer, measure(), few, keys, differing)))


def few_of(answer: Measured, model: Model, dataset: Dataset, count: int, seed: int) -> Few:
    """Return a few examples of an answer, drawn by a seed, as data of their own."""
    part = evaluated_part(model, dataset, cast(Any, answer.config.dataset))
    generator = np.random.default_rng(seed)
    ids = answer.records.drop_duplicates("index").set_index("index")["id"]
    drawn = np.sort(generator.choice(len(ids), min(count, len(ids)), replace=False))
    chosen = ids.iloc[drawn]
    lost = [(i, name) for i, name in chosen.items() if not _has(part, int(cast(int, i)), name)]
    told = tuple(
        f"{answer.provenance.dataset} has no {answer.kind} {name} at {i}" for i, name in lost
    )
    kept = np.array([i for i in chosen.index if i not in dict(lost)], dtype=np.int64)
    return Few(_alone(part, kept), kept, told, generator)


def _has(part: Dataset, index: int, identity: object) -> bool:
    return 0 <= index < len(part) and part.ids[index] == identity


def _alone(part: Dataset, indices: np.ndarray) -> Dataset:
    """Return some examples as data without a whole: nothing else of it is looked at."""
    taken = part.take(indices, "all")
    places = taken.positions if taken.positions is not None else indices

    def opened(index: int) -> Any:  # noqa: ANN401
        return part.open(int(places[index]))

    return replace(
        taken,
        open=opened,
        positions=None,
        whole=None,
        unreadable={},
        columns={},
        fingerprint=hash_all([part.fingerprint, *taken.ids]),
    )


def _fewer(count: int, task: str) -> int:
    return max(count // FEWER[task], 1)


def _of(few: Few, answer: Measured) -> str:
    n = answer.records["index"].nunique()
    return f"{len(few.indices):,} of {n:,} examples"


def _all_of(answer: Measured) -> Any:  # noqa: ANN401
    return replace(cast(Any, answer.config.dataset), split="all", limit=None)


def _compared(
    answer: Measured,
    found: Measured,
    few: Few,
    keys: Sequence[str],
    differing: Differing,
) -> Iterator[str]:
    """Yield how the rows of each example differ."""
    order = ["index", *keys]
    old = answer.records[answer.records["index"].isin(few.indices)]
    for key in keys:  # a few corruptions only
        old = old[old[key].isin(found.records[key].unique())]
    new = found.records.assign(index=few.indices[found.records["index"]])
    names = answer.provenance.class_names
    said, now = (_rows(table, order) for table in (old, new))
    for index, identity in zip(few.indices, few.dataset.ids, strict=True):
        rows = said.get(int(index), []), now.get(int(index), [])
        if len(rows[0]) != len(rows[1]):
            yield f"{answer.kind} {identity} has {len(rows[0])} rows, and now {len(rows[1])}"
            continue
        for why in differing(*rows, names):
            yield f"{why}, of {answer.kind} {identity}"
            break


def _rows(table: pd.DataFrame, order: list[str]) -> dict[int, Rows]:
    plain = table.astype({key: str for key in order if table[key].dtype == "category"})
    ordered = plain.sort_values(order, kind="stable")
    return {int(i): part.to_dict("records") for i, part in ordered.groupby("index")}
