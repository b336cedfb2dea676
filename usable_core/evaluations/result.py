"""What every answer is: its numbers, its outcomes example by example, and how it is stored.

Stores, comparisons, figures, pages and commands know answers by these protocols alone, so a new
kind of evaluation needs no branch in any of them.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from usable_core.catalog.units import Unit, written
from usable_core.evaluations.specs import DatasetSpec, InputKind, ModelSpec, Provenance
from usable_core.metrics.intervals import Estimate
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd


Condition = Mapping[Hashable, Any]  # column of the outcomes to its value


@dataclass(frozen=True)
class Number:
    """One number of an answer.

    Attributes:
        metric: A key of `catalog.metrics.METRICS`.
        found: The number with its interval.
        at: What it is of within the answer, as people write it: `4/255`, `LIME`.
        epsilon: The budget, where it is at one; else NaN.
        within: Returns it with the interval of another confidence, where it is neither a share nor
            nearly normal.
        excuse: Why it may be worse than it need be, such as a machine that was busy; else empty.
            A bound that it misses is then not shown to be missed.
    """

    metric: str
    found: Estimate
    at: str = ""
    epsilon: float = math.nan
    within: Callable[[float], Estimate] | None = None
    excuse: str = ""


class Config(Protocol):
    """A question: a frozen dataclass of names and numbers."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


class Evaluation(Config, Protocol):
    """A question about a model, on a data set where it needs one.

    Attributes:
        same: Fields that two questions must share for their answers to be compared.
    """

    same: ClassVar[tuple[str, ...]]

    @property
    def model(self) -> ModelSpec:
        """Return the model."""

    @property
    def dataset(self) -> DatasetSpec | None:
        """Return the data."""


class Result(Protocol):
    """An answer that can be stored: a frozen dataclass of its question and a table of records."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def config(self) -> Config:
        """Return the question."""

    @property
    def records(self) -> "pd.DataFrame":
        """Return the rows that every number is made of."""

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON."""

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with names instead of indices."""


class Measured(Result, Protocol):
    """The answer of an evaluation. `Answer` has what holds for most kinds."""

    @property
    def config(self) -> Evaluation:
        """Return the question."""

    @property
    def provenance(self) -> Provenance:
        """Return where it comes from."""

    @property
    def n(self) -> int:
        """Return the number of examples."""

    @property
    def is_upper_bound_only(self) -> bool:
        """Tell whether a check failed, so that it ranks nothing."""

    @property
    def axis(self) -> str:
        """Return what its figure's axis measures: answers of one axis share a figure."""

    @property
    def conditions(self) -> tuple[str, ...] | None:
        """Return which columns say under which condition an example is right; see `outcomes`."""

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""

    @property
    def examples(self) -> str:
        """Return what the examples are called."""

    def numbers(self) -> tuple[Number, ...]:
        """Return every number that is shown."""

    def outcomes(self) -> "pd.DataFrame | None":
        """Return whether each example is right, for paired comparisons; None where it cannot be.

        Columns: index, id, label (a class name), correct, and those that say under which condition
        (epsilon; corruption and severity).
        """

    def said(self, condition: Condition) -> str:
        """Return a condition of the outcomes in words; empty where there is none."""

    def quantity(self, condition: Condition) -> str:
        """Return what the share of right examples under a condition is called."""

    @property
    def remedy(self) -> str:
        """Return what to do where it is an upper bound only, as a sentence; else nothing."""

    def relative_to(self, reference: "Measured") -> tuple[Number, ...]:
        """Return numbers that are relative to another model's answer to the same question."""


class Answer:
    """What holds for answers of most kinds; a kind overrides what it has.

    Attributes:
        conditions: Columns that say under which condition an example is right or wrong; None where
            there is no right or wrong.
    """

    is_upper_bound_only: bool = False
    axis: str = ""
    conditions: tuple[str, ...] | None = None
    remedy: str = ""

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""
        return "picture"

    @property
    def examples(self) -> str:
        """Return what the examples are called."""
        return "texts" if self.kind == "text" else "images"

    def outcomes(self: Measured) -> "pd.DataFrame | None":
        """Return whether each example is right, see `Measured`."""
        if self.conditions is None:
            return None
        frame = self.to_frame()[[*self.conditions, "index", "id", "label_name", "correct"]]
        codes = {c: str for c in self.conditions if frame[c].dtype == "category"}
        return frame.astype(codes).rename(columns={"label_name": "label"})

    def headline(self: Measured, numbers: Mapping[str, Estimate], unit: Unit | None = None) -> str:
        """Return one line for `repr`: "AccuracyResult(bundled/vgg on digits (test): n = 360)".

        Args:
            numbers: What each number in it is called; their intervals are written too.
            unit: Of them, in which they are written; None writes plain numbers.
        """

        def said(value: float) -> str:
            return f"{value:.3f}" if unit is None else written(value, unit)

        about, shown = self.provenance, []
        for name, found in numbers.items():
            span = "" if math.isnan(found.low) else f" ({said(found.low)} to {said(found.high)})"
            shown.append(f"{name} {said(found.value)}{span}")
        return (
            f"{type(self).__name__}({about.model} on {about.dataset} ({about.split}): "
            f"{', '.join([*shown, f'n = {self.n}'])})"
        )

    def named(self: Measured, *columns: str) -> "pd.DataFrame":
        """Return the records with each column's class by name in `…_name`; None where below 0."""
        names = np.asarray(self.provenance.class_names, dtype=object)
        indices = {column: self.records[column].to_numpy() for column in columns}
        of_columns = {f"{c}_name": np.where(i >= 0, names[i], None) for c, i in indices.items()}
        return self.records.assign(**of_columns)

    def said(self, condition: Condition) -> str:
        """Return nothing: there are no conditions."""
        return ""

    def quantity(self, condition: Condition) -> str:
        """Return what the share of right examples under a condition is called."""
        said = self.said(condition)
        return f"accuracy under {said}" if said else "accuracy"

    def relative_to(self, reference: Measured) -> tuple[Number, ...]:
        """Return none."""
        return ()


def summed_up(result: Measured, figures: str = "", /, **others: object) -> dict[str, Any]:
    """Return figures as JSON, between what the summary of every kind begins and ends with.

    Args:
        result: The answer.
        figures: Names of its properties, with blanks between them.
        **others: Figures that are no properties, or are called otherwise.
    """
    provenance = result.provenance
    found: dict[str, Any] = to_json(
        {
            "model": provenance.model,
            "dataset": provenance.dataset,
            "split": provenance.split,
            "n": result.n,
            **{name: getattr(result, name) for name in figures.split()},
            **others,
            "seconds": provenance.seconds,
            "warnings": provenance.warnings,
        }
    )
    return found


def table(rows: Iterable[Any], columns: Sequence[str] | None = None) -> "pd.DataFrame":
    """Return a table of rows; pandas is imported here, for it costs every page's start."""
    import pandas as pd

    return pd.DataFrame(rows, columns=columns)


def question(config: Evaluation) -> tuple[object, ...]:
    """Return what two evaluations must share to be compared."""
    return tuple(getattr(config, name) for name in config.same)
