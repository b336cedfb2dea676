"""How accuracy grows with labels: a training and its measurements per backbone, size and seed.

Records, one row per training: model, start (`pretrained` or `random` weights), size (examples
trained on), seed, and the columns of `evaluations.training_axes`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from usable_core.evaluations.learning_curve import LearningCurveConfig
from usable_core.evaluations.specs import DatasetSpec, InputKind
from usable_core.evaluations.training_axes import AXES, Spread, spread_of
from usable_core.evaluations.trainings import PRETRAINED
from usable_core.metrics.intervals import CONFIDENCE, Estimate, mean_estimate
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Point:
    """What one size gave, over its seeds; `by_seed` are the accuracies of each."""

    size: int
    spread: Spread
    by_seed: dict[int, float]

    def gain_from(self, other: "Point", confidence: float = CONFIDENCE) -> Estimate:
        """Return by how much more accurate this is, paired by seed, with Student's interval.

        A pair is two trainings of one seed. The test examples are the same in all, so the interval
        says what other draws and trainings would give, not what other test examples would.
        """
        common = sorted(self.by_seed.keys() & other.by_seed.keys())
        found = [self.by_seed[seed] - other.by_seed[seed] for seed in common]
        return mean_estimate(np.array(found), confidence)


@dataclass(frozen=True)
class Curve:
    """A backbone from one start, its sizes increasing."""

    model: str
    start: str
    points: tuple[Point, ...]

    @property
    def name(self) -> str:
        """Return what it is called."""
        return self.model if self.start == PRETRAINED else f"{self.model} from random weights"

    @property
    def answered(self) -> tuple[Point, ...]:
        """Return the points that have an answer."""
        return tuple(point for point in self.points if point.spread.is_answered)


@dataclass(frozen=True)
class LearningCurveResult:
    """Every backbone with every size and seed, and the runs that hold the models.

    Attributes:
        config: The question.
        records: One row per training.
        split: The part of the task that was measured.
        total: Examples that could be trained on.
        warnings: Sentences that a reader of the numbers must know.
        kind: What the examples are.
    """

    config: LearningCurveConfig
    records: "pd.DataFrame"
    split: str = ""
    total: int = 0
    warnings: tuple[str, ...] = ()
    kind: InputKind = "picture"

    def __repr__(self) -> str:
        about = f"{len(self.curves)} curves on {self.config.dataset.reference}"
        return f"LearningCurveResult({about}: {len(self.records)} trainings)"

    @cached_property
    def curves(self) -> tuple[Curve, ...]:
        """Return the curves, in the order of the question."""
        parts = self.records.groupby(["model", "start"], sort=False)
        return tuple(
            Curve(str(model), str(start), tuple(_points(rows))) for (model, start), rows in parts
        )

    @property
    def axes(self) -> tuple[str, ...]:
        """Return which of `AXES` were measured."""
        points = [point for curve in self.curves for point in curve.answered]
        measured = {name for point in points for name in point.spread.over_seeds}
        return tuple(name for name in AXES if name in measured)

    @property
    def places(self) -> tuple[str, ...]:
        """Return the columns that tell the trainings apart."""
        return "model", "start", "size", "seed"

    @property
    def task(self) -> DatasetSpec:
        """Return the data that was trained on."""
        return self.config.dataset

    @property
    def examples(self) -> str:
        """Return what the examples are called."""
        return "texts" if self.kind == "text" else "images"

    def to_frame(self) -> "pd.DataFrame":
        """Return the records, one row per training."""
        return self.records.copy()

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON."""
        found: dict[str, Any] = to_json(
            {
                "dataset": self.config.dataset.reference,
                "split": self.split,
                "total": self.total,
                "curves": [
                    {
                        "model": curve.model,
                        "start": curve.start,
                        "sizes": [{"size": p.size} | vars(p.spread) for p in curve.points],
                    }
                    for curve in self.curves
                ],
                "runs": self.records.to_dict("records"),
                "warnings": self.warnings,
            }
        )
        return found


def _points(rows: "pd.DataFrame") -> list[Point]:
    found = []
    for size, own in rows.groupby("size", sort=True):
        known = own[own["n"] > 0]
        by_seed = dict(zip(map(int, known["seed"]), map(float, known["accuracy"]), strict=True))
        found.append(Point(int(size), spread_of(own), by_seed))
    return found
