"""What candidates are compared on: one value of each example and model, whose mean is the number.

Higher is better on every axis, and every number lies between 0 and 1.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from usable_core.comparison.joining import require_same_question
from usable_core.errors import DatasetRefused, UsableError
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.result import Measured
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.metrics import calibration, robustness
from usable_core.metrics.arrays import Floats
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Estimate, mean_estimate


@dataclass(frozen=True)
class Axis:
    """One number of several models, example by example.

    Attributes:
        name: A key of `AXES`.
        title: As people call it.
        examples: Ids (N,) of the examples that all models have; None where the number is no mean
            of examples, such as a time.
        values: Of each (N, K); None likewise.
        own: The number of each model with its own interval.
        most: Examples of the model that has most of them; 0 where the number is no mean of them.
    """

    name: str
    title: str
    examples: NDArray[Any] | None
    values: Floats | None
    own: tuple[Estimate, ...]
    most: int = 0


@dataclass(frozen=True)
class AxisRow:
    """How an axis is made of answers.

    Attributes:
        task: The evaluation that measures it, a key of `TASKS`.
        title: As people call it, in the middle of a sentence.
        values: Value of each example, by its id, of an answer and a budget (NaN where none is asked
            for); None where the number is no mean of examples.
        own: The number of an answer with its interval, where it is more than that of a mean.
        together: The number of each answer, where it is relative to the others'.
    """

    task: str
    title: str
    values: Callable[[Any, float], pd.Series] | None = None
    own: Callable[[Any], Estimate] | None = None
    together: Callable[[Sequence[Measured]], tuple[Estimate, ...]] | None = None


def _accuracy(result: AccuracyResult, epsilon: float) -> pd.Series:
    return _of(result.records, result.correct)


def _calibration(result: AccuracyResult, epsilon: float) -> pd.Series:
    confidence = result.records["confidence"].to_numpy(dtype=np.float64)
    return _of(result.records, 1 - calibration.own_errors(confidence, result.correct))


def _own_calibration(result: AccuracyResult) -> Estimate:
    found = result.ece()
    return Estimate(1 - found.value, 1 - found.high, 1 - found.low, found.n)


def _robustness(result: RobustnessResult, epsilon: float) -> pd.Series:
    budgets = result.epsilons if math.isnan(epsilon) else (epsilon,)
    lacking = [b for b in budgets if not np.isclose(result.epsilons, b, rtol=1e-6).any()]
    if lacking:
        at = epsilon_label(lacking[0], result.config.norm)
        raise UsableError(f"nothing was measured at ε = {at}.")
    tables = [result.records_at(budget) for budget in budgets]
    right = np.stack([(at["prediction"] == at["label"]).to_numpy(float) for at in tables], axis=1)
    if len(budgets) > 1:
        return _of(tables[0], robustness.own_areas(right, np.asarray(budgets)))
    return _of(tables[0], right[:, 0])


def _corruption(result: CorruptionResult, epsilon: float) -> pd.Series:
    first = result.records.drop_duplicates("index").sort_values("index")
    return _of(first, result.corrupted.mean(axis=(1, 2)))


def _speed(results: Sequence[Measured]) -> tuple[Estimate, ...]:
    """Return the shortest time of a picture relative to each model's own."""
    if len({result.axis for result in results}) > 1:
        raise UsableError("the models were timed on several machines. Time them on one.")
    times = [_time(result) for result in results]
    best = min(time.value for time in times)
    return tuple(
        Estimate(best / t.value, best / t.high, best / t.low if t.low > 0 else math.nan, t.n)
        for t in times
    )


def _time(result: Measured) -> Estimate:
    """Return the 95 % quantile of the time of one picture, decoded and all where that was timed."""
    known = {number.metric: number for number in reversed(result.numbers())}
    found = known.get("latency_p95") or known.get("forward_p95")
    if found is None or not found.found.value > 0:
        raise UsableError(f"{result.provenance.model} was not timed.")
    if found.excuse:
        raise UsableError(found.excuse)
    return found.found


AXES = {
    "accuracy": AxisRow("accuracy", "accuracy", _accuracy),
    "robustness": AxisRow("robustness", "accuracy under attack", _robustness),
    "corruption": AxisRow("corruption", "accuracy under corruptions", _corruption),
    "calibration": AxisRow("accuracy", "calibration (100 % − ECE)", _calibration, _own_calibration),
    "cost": AxisRow("cost", "speed (the fastest is 100 %)", together=_speed),
}


def axes_of(
    answers: Sequence[Mapping[str, Measured]], names: Sequence[str], epsilon: float = math.nan
) -> tuple[list[Axis], list[str]]:
    """Return what models can be compared on, and why they cannot on other axes.

    An axis counts where every model has an answer to the same question, and on the examples that
    all have.

    Args:
        answers: Of each model, by task.
        names: What to call each.
        epsilon: The budget at which robust accuracy counts; NaN for the mean over all budgets.
    """
    found, notes = list[Axis](), list[str]()
    for name, row in AXES.items():
        results = [of_model[row.task] for of_model in answers if row.task in of_model]
        if not results:
            continue
        try:
            _require_all(row, answers, names)
            if row.task not in [AXES[axis.name].task for axis in found]:
                require_same_question(results)
            axis = _joined(name, row, results, epsilon)
            found.append(axis)
            if axis.examples is not None and len(axis.examples) < axis.most:
                notes.append(
                    f"Compared in {row.title} on the {len(axis.examples):,} examples that all "
                    f"have, of up to {axis.most:,}."
                )
        except UsableError as error:
            notes.append(f"Not compared in {row.title}: {error}")
    return found, notes


def _require_all(
    row: AxisRow, answers: Sequence[Mapping[str, Measured]], names: Sequence[str]
) -> None:
    """Check that every model has an answer that can be ranked."""
    lacking = [n for n, of in zip(names, answers, strict=True) if row.task not in of]
    if lacking:
        raise UsableError(f"it was not measured of {', '.join(lacking)}.")
    weak = {n: of[row.task] for n, of in zip(names, answers, strict=True)}
    bounds = [n for n, result in weak.items() if result.is_upper_bound_only]
    if bounds:
        remedy = next(r.remedy for r in weak.values() if r.is_upper_bound_only)
        raise UsableError(
            f"a check of the attack on {', '.join(bounds)} failed, so what it left is an upper "
            f"bound only. {remedy}".strip()
        )


def _joined(name: str, row: AxisRow, results: Sequence[Measured], epsilon: float) -> Axis:
    """Return an axis on the examples that all results have."""
    if row.together is not None:
        return Axis(name, row.title, None, None, row.together(results))
    if row.values is None:
        raise ValueError(f"the axis {name} has neither values nor numbers")
    columns = [row.values(result, epsilon) for result in results]
    common = columns[0].index
    is_whole = all(column.index.equals(common) for column in columns)
    if is_whole:
        common = _numbered(common)
        values = np.stack([c.to_numpy() for c in columns], axis=1)
    else:
        columns = [column.set_axis(_numbered(column.index)) for column in columns]
        common = reduce(lambda kept, c: kept[kept.isin(c.index)], columns, columns[0].index)
        values = np.stack([c.reindex(common).to_numpy() for c in columns], axis=1)
    if len(common) == 0:
        raise DatasetRefused("the models have no example in common.")
    if row.own is not None and is_whole:
        own = tuple(map(row.own, results))
    elif np.isin(values, (0, 1)).all():
        own = tuple(share(column > 0) for column in values.T)
    else:
        own = tuple(mean_estimate(column) for column in values.T)
    title = _title(name, row, results[0], epsilon)
    most = max(len(column) for column in columns)
    return Axis(name, title, common.to_numpy(), values, own, most)


def _title(name: str, row: AxisRow, result: Measured, epsilon: float) -> str:
    if name != "robustness":
        return row.title
    norm = cast(RobustnessResult, result).config.norm
    at = "mean over ε" if math.isnan(epsilon) else f"at ε = {epsilon_label(epsilon, norm)}"
    return f"{row.title} ({at})"


def _of(records: pd.DataFrame, values: object) -> pd.Series:
    """Return values by the id of their example, in the order of the data."""
    found = pd.Series(np.asarray(values, dtype=np.float64), index=pd.Index(records["id"]))
    places = records["index"].to_numpy()
    is_ordered = bool((places[1:] >= places[:-1]).all())
    return found if is_ordered else found.iloc[np.argsort(places, kind="stable")]


def _numbered(ids: pd.Index) -> pd.Index:
    """Return ids of which those that occur again bear a number: an image twice is two examples."""
    if ids.is_unique:
        return ids
    again = pd.Series(0, index=ids).groupby(level=0).cumcount().to_numpy()
    pairs = zip(ids, again, strict=True)
    return pd.Index([f"{name} {count}" if count else name for name, count in pairs])
