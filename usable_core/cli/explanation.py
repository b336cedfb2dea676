"""An answer of explanation quality for a terminal."""

import math
from collections.abc import Hashable, Mapping

from usable_core.cli.output import Line, about, table
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.runs.run import Run

# Columns of `per_method` that people see at once; the JSON holds all.
_SHOWN = {
    "r2": "R²",
    "additivity_gap": "gap",
    "error_share": "error",
    "deletion_gain": "deletion gain",
    "insertion_gain": "insertion gain",
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
    rows = [
        [row["method"], *(_median(row, figure) for figure in _SHOWN)]
        for row in result.per_method.to_dict("records")
    ]
    worst = result.worst(5)
    doubtful = worst.loc[worst["doubts"] > 0, ["index", "id", "method", "reason"]]
    return [
        about(result),
        table("method", *_SHOWN.values(), rows=rows),
        table("worst explained", "id", "method", "why", rows=doubtful.to_numpy().tolist())
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
