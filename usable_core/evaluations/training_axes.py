"""What several trainings are compared by, and what each set of seeds gave of it.

Records, one row per training, beside the columns that tell it from the others and its `seed`:
    accuracy (of the tuned model on the task), n (examples), ece, before and retained (share of the
    source that the pretrained head is right about, before and after), retained_n; where it was
    asked for robust (accuracy under attack), robust_n, is_bound (a check of that attack failed),
    gain (median deletion gain of the maps), gain_n; training and measured (ids of the runs that
    hold the model and its accuracy), refused (why something is missing; empty where nothing is).
    ece and gain come with `…_low` and `…_high`, the interval of the examples. What is missing is
    NaN, or 0 of a count. Answers of earlier versions lack the later columns.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from usable_core.metrics.intervals import Estimate, mean_estimate, wilson

if TYPE_CHECKING:
    import pandas as pd

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class AxisRow:
    """One number of a training.

    Attributes:
        title: As people call it, in the middle of a sentence.
        column: Of the records.
        count: Column of how many examples it is of.
        lowest: Least that it can be; 1 is the most.
        is_share: Whether it is a share of the examples, written in per cent with Wilson's interval.
        is_better_low: Whether less of it is better.
    """

    title: str
    column: str
    count: str
    lowest: float = 0.0
    is_share: bool = True
    is_better_low: bool = False

    def written(self, value: float) -> str:
        """Return a value as people read it: `93.1 %`, of a gain `0.31`."""
        said = f"{value:.2f}" if self.lowest < 0 else f"{100 * value:.1f} %"
        return said.replace("-", "−")


AXES = {
    "accuracy": AxisRow("task accuracy", "accuracy", "n"),
    "retained": AxisRow("retained of the source", "retained", "retained_n"),
    "robustness": AxisRow("accuracy under attack", "robust", "robust_n"),
    "calibration": AxisRow(
        "calibration error (ECE)", "ece", "n", is_share=False, is_better_low=True
    ),
    "faithfulness": AxisRow("deletion gain of maps", "gain", "gain_n", -1.0, is_share=False),
}
UNKNOWN: dict[str, Any] = {
    "accuracy": math.nan,
    "n": 0,
    "ece": math.nan,
    "ece_low": math.nan,
    "ece_high": math.nan,
    "before": math.nan,
    "retained": math.nan,
    "retained_n": 0,
    "robust": math.nan,
    "robust_n": 0,
    "is_bound": False,
    "gain": math.nan,
    "gain_low": math.nan,
    "gain_high": math.nan,
    "gain_n": 0,
    "training": "",
    "measured": "",
    "refused": "",
}


def columns_of(task: str, summary: Summary) -> dict[str, Any]:
    """Return what an answer's summary says of a training: columns of the records.

    Args:
        task: A key of `TASKS`.
        summary: Of the training, or of an evaluation of its model.
    """
    return _READ[task](summary)


def _of_training(summary: Summary) -> dict[str, Any]:
    kept = summary.get("retained")
    if not kept or not kept["after"]["n"]:
        return {}
    shares = {"before": kept["before"]["value"], "retained": kept["after"]["value"]}
    return shares | {"retained_n": kept["after"]["n"]}


def _of_accuracy(summary: Summary) -> dict[str, Any]:
    accuracy = summary["accuracy"]
    known = {"accuracy": accuracy["value"], "n": accuracy["n"]}
    return known | _with_ends("ece", summary["ece"])


def _of_robustness(summary: Summary) -> dict[str, Any]:
    last = summary["robust_accuracy"][-1]
    known = {"robust": last["value"], "robust_n": last["n"]}
    return known | {"is_bound": bool(summary["is_upper_bound_only"])}


def _of_explanation(summary: Summary) -> dict[str, Any]:
    if not summary["methods"]:
        return {}
    row = summary["methods"][0]
    names = {"value": "deletion_gain", "low": "deletion_gain_low", "high": "deletion_gain_high"}
    found = _with_ends("gain", {end: row.get(name) for end, name in names.items()})
    return found | {"gain_n": 0 if math.isnan(found["gain"]) else row["n"]}


def _with_ends(name: str, found: Summary) -> dict[str, Any]:
    """Return a number and its interval; JSON has null where there is none."""
    ends = {name: "value", f"{name}_low": "low", f"{name}_high": "high"}
    values = {column: found.get(end) for column, end in ends.items()}
    return {column: math.nan if value is None else value for column, value in values.items()}


_READ: dict[str, Callable[[Summary], dict[str, Any]]] = {
    "finetune": _of_training,
    "accuracy": _of_accuracy,
    "robustness": _of_robustness,
    "explanation": _of_explanation,
}


@dataclass(frozen=True)
class Spread:
    """What trainings gave that differ by their seed alone, on each of `AXES` that was measured.

    An interval over seeds says what another training on the same examples would give; one of the
    examples what other examples would. Neither holds the other.

    Attributes:
        seeds: Trainings that have an answer.
        over_seeds: Mean over seeds, with Student's interval; NaN ends for one seed.
        of_examples: The same share of as many examples, with Wilson's interval; of what is no
            share, the means of the ends of each training's own interval.
        refused: Why trainings have no answer: seed to sentence.
    """

    seeds: int = 0
    over_seeds: Mapping[str, Estimate] = field(default_factory=dict)
    of_examples: Mapping[str, Estimate] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_answered(self) -> bool:
        """Tell whether any training of it has an answer."""
        return self.seeds > 0

    @property
    def accuracy(self) -> Estimate:
        """Return the mean accuracy on the task over seeds."""
        return self.over_seeds.get("accuracy", _NOTHING)

    @property
    def retained(self) -> Estimate | None:
        """Return the mean share of the source over seeds; None without source data."""
        return self.over_seeds.get("retained")


def spread_of(rows: "pd.DataFrame") -> Spread:
    """Return what rows of the records gave that differ by their seed alone."""
    known = rows[rows["n"] > 0]
    told = rows.loc[rows["refused"] != "", ["seed", "refused"]].itertuples(index=False)
    over_seeds, of_examples = {}, {}
    for name, axis in AXES.items():
        if axis.column not in known:
            continue
        own = known[(known[axis.count] > 0) & known[axis.column].notna()]
        if len(own):
            over_seeds[name] = _over_seeds(own, axis)
            of_examples[name] = _of_examples(own, axis)
    refused = {str(seed): str(why) for seed, why in told}
    return Spread(len(known), over_seeds, of_examples, refused)


def _over_seeds(rows: "pd.DataFrame", axis: AxisRow) -> Estimate:
    found = mean_estimate(rows[axis.column].to_numpy(dtype=np.float64))
    low, high = (float(np.clip(end, axis.lowest, 1)) for end in (found.low, found.high))
    return replace(found, low=low, high=high)  # NaN stays


def _of_examples(rows: "pd.DataFrame", axis: AxisRow) -> Estimate:
    n, value = int(rows[axis.count].min()), float(rows[axis.column].mean())
    if axis.is_share:
        return wilson(round(value * n), n)
    ends = [f"{axis.column}_{end}" for end in ("low", "high")]
    low, high = (float(rows[end].mean()) if end in rows else math.nan for end in ends)
    return Estimate(value, low, high, n)


_NOTHING = Estimate(math.nan, math.nan, math.nan, 0)
