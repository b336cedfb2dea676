"""What λ trades: a training and its measurements per λ and seed, their means, their Pareto front.

Records, one row per λ and seed: lambda, seed, and the columns of `evaluations.training_axes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from usable_core.evaluations.specs import DatasetSpec, InputKind
from usable_core.evaluations.sweep import PLAIN, SweepConfig
from usable_core.evaluations.training import UNMOVED, About
from usable_core.evaluations.training_axes import AXES, Spread, spread_of
from usable_core.metrics.arrays import Floats, Masks
from usable_core.metrics.intervals import Estimate, Proportion, wilson
from usable_core.metrics.trade_offs import dominators
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd

DIGITS = 12  # of means that are compared: below is the rounding of their sums


@dataclass(frozen=True)
class Point:
    """What one λ gave.

    Attributes:
        task_weight: λ.
        spread: Its trainings.
        is_front: Whether no other λ has more of both axes of the front, by the means.
    """

    task_weight: float
    spread: Spread = field(default_factory=Spread)
    is_front: bool = False

    @property
    def limit(self) -> str:
        """Return which limit λ is at, in words; empty between them."""
        if self.task_weight <= UNMOVED:
            return "not tuned"
        return "plain fine-tuning" if self.task_weight >= PLAIN else ""


@dataclass(frozen=True)
class SweepResult:
    """Every λ with every seed, and the runs that hold the models and their numbers.

    Attributes:
        config: The question.
        records: One row per λ and seed.
        split: The part of the task that was measured.
        about: What is retained of the source: right `classes`, or `pieces` of texts guessed.
        warnings: Sentences that a reader of the numbers must know.
        kind: What the examples are.
    """

    config: SweepConfig
    records: "pd.DataFrame"
    split: str = ""
    about: About = "classes"
    warnings: tuple[str, ...] = ()
    kind: InputKind = "picture"

    def __repr__(self) -> str:
        front = ", ".join(f"{point.task_weight:g}" for point in self.front)
        about = f"{self.config.model.reference} on {self.config.dataset.reference}"
        return f"SweepResult({about}: {len(self.records)} trainings, front λ {front or 'unknown'})"

    @cached_property
    def points(self) -> tuple[Point, ...]:
        """Return what each λ gave, the smallest first."""
        parts = self.records.groupby("lambda", sort=True)
        spreads = {float(weight): spread_of(rows) for weight, rows in parts}
        front = on_front(list(spreads.values()), self.config.front)
        return tuple(
            Point(weight, spread, is_one)
            for (weight, spread), is_one in zip(spreads.items(), front, strict=True)
        )

    @property
    def answered(self) -> tuple[Point, ...]:
        """Return the points that have an answer."""
        return tuple(point for point in self.points if point.spread.is_answered)

    @property
    def axes(self) -> tuple[str, ...]:
        """Return which of `AXES` were measured."""
        measured = {name for point in self.answered for name in point.spread.over_seeds}
        return tuple(name for name in AXES if name in measured)

    @property
    def front(self) -> tuple[Point, ...]:
        """Return the Pareto front of the two axes; empty where one of them was not measured."""
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

    @property
    def places(self) -> tuple[str, ...]:
        """Return the columns that tell the trainings apart."""
        return "lambda", "seed"

    @property
    def task(self) -> DatasetSpec:
        """Return the data that was trained on."""
        return self.config.dataset

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
                    {"lambda": p.task_weight, "limit": p.limit, "is_front": p.is_front}
                    | vars(p.spread)
                    for p in self.points
                ],
                "front_axes": self.config.front,
                "front": [one.task_weight for one in self.front],
                "runs": self.records.to_dict("records"),
                "warnings": self.warnings,
            }
        )
        return found


def on_front(spreads: Sequence[Spread], axes: Sequence[str]) -> list[bool]:
    """Return which have no other that has more of both axes, by the means.

    None is where fewer than two have both: there is nothing to trade.
    """
    both = [k for k, one in enumerate(spreads) if all(name in one.over_seeds for name in axes)]
    if len(both) < 2:
        return [False] * len(spreads)
    values: Floats = np.array([[_gain(spreads[k].over_seeds, name) for k in both] for name in axes])
    is_beaten: Masks = np.asarray(dominators(values.round(DIGITS)).any(axis=1))
    front = {k for k, is_worse in zip(both, is_beaten, strict=True) if not is_worse}
    return [k in front for k in range(len(spreads))]


def _gain(found: Mapping[str, Estimate], name: str) -> float:
    """Return a mean, the more the better."""
    return -found[name].value if AXES[name].is_better_low else found[name].value
