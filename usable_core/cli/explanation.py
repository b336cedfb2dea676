"""An answer of explanation quality for a terminal."""

import math
from collections.abc import Hashable, Mapping

from usable_core.cli.output import Line, about, table
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.evaluations.explanation_columns import FIGURES
from usable_core.runs.run import Run
from usable_core.texts import visible

_LETTERS = 60  # of a text that is named

# Columns of `per_method` that people see at once; the JSON holds all.
_SHOWN = {
    "r2": "R²",
    "additivity_gap": "gap",
    "error_share": "error",
    "deletion_gain": "deletion gain",
    "insertion_gain": "insertion gain",
    "deletion_gain_delete": "deletion gain, left out",
    "insertion_gain_delete": "insertion gain, left out",
    "deletion_gain_neutral": "deletion gain, …",
    "insertion_gain_neutral": "insertion gain, …",
    "road_gain": "ROAD gain",
    "randomised": "random weights",
    "other_class": "other class",
    "agreement": "agreement",
    "doubtful": "doubtful",
    "evaluations": "evaluations",
    "seconds": "seconds",
}


def lines(run: Run, result: ExplanationResult) -> list[Line]:
    """Return the answer for people."""
    found = result.per_method
    shown = [name for name in _SHOWN if name in found and (name in FIGURES or found[name].any())]
    rows = [
        [row["method"], *(_median(row, figure) for figure in shown)]
        for row in found.to_dict("records")
    ]
    worst, named = result.worst(5), "text" if result.kind == "text" else "id"
    doubtful = worst.loc[worst["doubts"] > 0, ["index", named, "method", "reason"]]
    if named == "text":
        doubtful[named] = [visible(text[:_LETTERS]) for text in doubtful[named]]
    return [
        about(result),
        table("method", *(_SHOWN[name] for name in shown), rows=rows),
        table("worst explained", named, "method", "why", rows=doubtful.to_numpy().tolist())
        if len(doubtful)
        else "Nothing that was measured speaks against a map.",
    ]


def _median(row: Mapping[Hashable, float], figure: str) -> str:
    """Return a figure with its interval; a dash where the method has none, or nobody knows it."""
    if not math.isfinite(row[figure]):
        return "-"
    low, high = (row.get(f"{figure}_{end}", math.nan) for end in ("low", "high"))
    interval = "" if math.isnan(low) else f" ({low:.2g} to {high:.2g})"
    return f"{row[figure]:.3g}{interval}"
