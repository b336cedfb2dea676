"""What λ trades: a training and a measurement per λ and seed, their means, their Pareto front.

Records, one row per λ and seed:
    lambda, seed, accuracy (of the tuned model on the task), n (examples), ece, before and retained
    (share of the source that the pretrained head is right about, before and after), retained_n,
    training and measured (ids of the runs that hold the answers), refused (why something is
    missing; empty where nothing is). What is missing is NaN, or 0 of a count.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from usable_core.evaluations.sweep import PLAIN, UNMOVED, SweepConfig
from usable_core.evaluations.training import About
from usable_core.metrics.arrays import Masks
from usable_core.metrics.intervals import Estimate, Proportion, mean_estimate, wilson
from usable_core.metrics.trade_offs import dominators
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 12  # of means that are compared: below is the rounding of their sums


@dataclass(frozen=True)
class Point:
    """What one λ gave, over its seeds.

    An interval over seeds says what another training on the same examples would give; one of the
    examples (Wilson's) what other examples would. Neither holds the other.

    Attributes:
        task_weight: λ.
        seeds: Trainings that have an answer.
        accuracy: On the task: mean over seeds, with Student's interval; NaN ends for one seed.
        accuracy_of_examples: The same share of as many examples, with Wilson's interval.
        ece: Mean over seeds, as `accuracy`.
        retained: Share of the source that the pretrained head is right about, as `accuracy`; None
            without source data.
        retained_of_examples: As `accuracy_of_examples`.
        refused: Why trainings have no answer: seed to sentence.
        is_front: Whether no other λ has more of both, by the means.
    """

    task_weight: float
    seeds: int
    accuracy: Estimate
    accuracy_of_examples: Proportion
    ece: Estimate
    retained: Estimate | None = None
    retained_of_examples: Proportion | None = None
    refused: dict[str, str] = field(default_factory=dict)
    is_front: bool = False

    @property
    def limit(self) -> str:
        """Return which limit λ is at, in words; empty between them."""
        if self.task_weight <= UNMOVED:
            return "not tuned"
        return "plain fine-tuning" if self.task_weight >= PLAIN else ""

    @property
    def is_answered(self) -> bool:
        """Tell whether any training of it has an answer."""
        return self.seeds > 0


@dataclass(frozen=True)
class SweepResult:
    """Every λ with every seed, and the runs that hold the models and their numbers.

    Attributes:
        config: The question.
        records: One row per λ and seed.
        split: The part of the task that was measured.
        about: What is retained of the source: right `classes`, or `pieces` of texts guessed.
        warnings: Sentences that a reader of the numbers must know.
    """

    config: SweepConfig
    records: "pd.DataFrame"
    split: str = ""
    about: About = "classes"
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        front = ", ".join(f"{point.task_weight:g}" for point in self.points if point.is_front)
        about = f"{self.config.model.reference} on {self.config.dataset.reference}"
        return f"SweepResult({about}: {len(self.records)} trainings, front λ {front or 'unknown'})"

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Return what each λ gave, the smallest first."""
        parts = self.records.groupby("lambda", sort=True)
        return tuple(_with_front([_point(float(weight), rows) for weight, rows in parts]))

    @property
    def answered(self) -> tuple[Point, ...]:
        """Return the points that have an answer."""
        return tuple(point for point in self.points if point.is_answered)

    @property
    def front(self) -> tuple[Point, ...]:
        """Return the Pareto front of task against retained accuracy; empty without source data."""
        return tuple(point for point in self.points if point.is_front)

    @property
    def before(self) -> Proportion | None:
        """Return the share of the source known before any training; None without source data."""
        known = self.records[self.records["retained_n"] > 0]
        if not len(known):
            return None
        first = known.iloc[0]
        n = int(first["retained_n"])
        return wilson(round(float(first["before"]) * n), n)

    def to_frame(self) -> "pd.DataFrame":
        """Return the records, one row per λ and seed."""
        return self.records.copy()

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON."""
        found: dict[str, Any] = to_json(
            {
                "model": self.config.model.reference,
                "dataset": self.config.dataset.reference,
                "split": self.split,
                "source": self.config.source and self.config.source.reference,
                "proxy": self.config.proxy,
                "retained_of": self.about,
                "before": self.before,
                "lambdas": [
                    {"lambda": one.task_weight, "limit": one.limit, **vars(one)}
                    for one in self.points
                ],
                "front": [one.task_weight for one in self.front],
                "runs": self.records.to_dict("records"),
                "warnings": self.warnings,
            }
        )
        return found


def _point(task_weight: float, rows: "pd.DataFrame") -> Point:
    known = rows[rows["n"] > 0]
    kept = known[known["retained_n"] > 0]
    told = rows.loc[rows["refused"] != "", ["seed", "refused"]].itertuples(index=False)
    refused = {str(seed): str(why) for seed, why in told}
    return Point(
        task_weight,
        len(known),
        _over_seeds(known["accuracy"]),
        _of_examples(known["accuracy"], known["n"]),
        _over_seeds(known["ece"]),
        _over_seeds(kept["retained"]) if len(kept) else None,
        _of_examples(kept["retained"], kept["retained_n"]) if len(kept) else None,
        refused,
    )


def _over_seeds(values: "pd.Series[float]") -> Estimate:
    found = mean_estimate(values.to_numpy(dtype=np.float64))
    low, high = (float(np.clip(end, 0, 1)) for end in (found.low, found.high))  # NaN stays
    return replace(found, low=low, high=high)


def _of_examples(values: "pd.Series[float]", counts: "pd.Series[int]") -> Proportion:
    if not len(values):
        return wilson(0, 0)
    n = int(counts.min())
    return wilson(round(float(values.mean()) * n), n)


def _with_front(points: list[Point]) -> Iterable[Point]:
    """Mark the points that no other point has more of both than."""
    both = [k for k, one in enumerate(points) if one.is_answered and one.retained is not None]
    if len(both) < 2:
        return points
    values = np.array(
        [
            [points[k].accuracy.value for k in both],
            [kept.value for k in both if (kept := points[k].retained) is not None],
        ]
    )
    is_front: Masks = np.logical_not(dominators(values.round(DIGITS)).any(axis=1))
    on_front = {k for k, is_one in zip(both, is_front, strict=True) if is_one}
    return [replace(one, is_front=k in on_front) for k, one in enumerate(points)]
