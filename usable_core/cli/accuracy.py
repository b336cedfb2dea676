"""An answer of accuracy for a terminal."""

from usable_core.cli.output import Line, about, share, table
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.runs.run import Run


def lines(run: Run, result: AccuracyResult) -> list[Line]:
    """Return the answer for people."""
    rows = [
        ("accuracy", share(result.accuracy)),
        *([("top-5", share(result.top5))] if result.top5 is not None else []),
        ("balanced accuracy", f"{result.balanced_accuracy.value:.1%}".replace("%", " %")),
        ("ECE (15 bins)", f"{result.ece().value:.3f}"),
    ]
    return [about(result), table("", "", rows=rows)]
