"""The end of the tour for a terminal."""

from usable_core.cli.output import Line, table
from usable_core.evaluations.demo import DemoResult
from usable_core.runs.run import Run


def lines(run: Run, result: DemoResult) -> list[Line]:
    """Return the answer for people."""
    rows = result.records.astype(str).to_numpy().tolist()
    return [
        table(*map(str, result.records.columns), rows=rows),
        "See it with `usable dashboard`, on the page Compare.",
    ]
