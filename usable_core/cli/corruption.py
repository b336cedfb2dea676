"""An answer of corruptions for a terminal."""

from usable_core.catalog.text_corruptions import KNOWN
from usable_core.cli.output import Line, about, share, table
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.metrics.intervals import Estimate
from usable_core.runs.run import Run


def lines(run: Run, result: CorruptionResult) -> list[Line]:
    """Return the answer for people."""
    cells = {
        (c, s): f"{100 * result.accuracy(c, s).value:.1f} %"
        for c in result.corruptions
        for s in result.severities
    }
    rows = [
        (KNOWN[c].title, *(cells[c, s] for s in result.severities), f"{e:.3f}")
        for c, e in zip(result.corruptions, result.by_corruption["ece"], strict=True)
    ]
    return [
        about(result),
        f"clean accuracy {share(result.clean_accuracy)}; "
        f"mean corruption accuracy {_estimate(result.mean_corruption_accuracy)}; "
        f"relative drop {_estimate(result.relative_drop)}",
        table("accuracy at severity", *map(str, result.severities), "ECE", rows=rows),
        "mCE is relative to another model: `usable compare REFERENCE_RUN "
        f"{run.id or 'THIS_RUN'}` tells it.",
    ]


def _estimate(found: Estimate) -> str:
    low, high = f"{100 * found.low:.1f}", f"{100 * found.high:.1f}"
    return f"{100 * found.value:.1f} % ({low} % to {high} %)"
