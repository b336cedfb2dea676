"""An answer of accuracy for a terminal."""

import math

from usable_core.catalog.metrics import METRICS
from usable_core.catalog.units import written
from usable_core.cli.output import Line, about, share, table
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.metrics.intervals import Estimate
from usable_core.runs.run import Run


def lines(run: Run, result: AccuracyResult) -> list[Line]:
    """Return the answer for people."""
    rows = [
        ("accuracy", share(result.accuracy)),
        *([("top-5", share(result.top5))] if result.top5 is not None else []),
        ("balanced accuracy", _with_interval(result.balanced_accuracy, "balanced_accuracy")),
        ("ECE (15 bins)", _with_interval(result.ece(), "ece")),
    ]
    return [about(result), table("", "", rows=rows)]


def _with_interval(found: Estimate, metric: str) -> str:
    unit = METRICS[metric].unit
    value, low, high = (written(one, unit) for one in (found.value, found.low, found.high))
    return value if math.isnan(found.low) else f"{value} ({low} to {high})"
