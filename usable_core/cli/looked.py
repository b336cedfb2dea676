"""What `usable look` prints of a data set."""

from rich.table import Table

from usable_core.cli.output import columns, remark
from usable_core.evaluations.look import LookResult
from usable_core.runs.run import Run

MOST = 50  # classes and refused examples


def lines(run: Run, result: LookResult) -> list[str | Table]:
    """Return counts by class and part, and what is wrong."""
    for note in result.notes:
        remark(f"Note: {note}")
    rows = [(name, f"{count:,}") for name, count in result.counts.items()]
    found: list[str | Table] = [
        f"{result.name}: {result.n:,} examples in {len(rows):,} classes",
        columns("Class", "Examples", rows=rows[:MOST]),
    ]
    found += [f"… and {len(rows) - MOST:,} more classes."] if len(rows) > MOST else []
    if result.parts:
        said = ", ".join(f"{name} {count:,}" for name, count in result.parts.items())
        found.append(f"Parts: {said}")
    found += [f"Left out: {one.name}: {one.reason}" for one in result.refused[:MOST]]
    if not result.is_compared:
        found.append("Nearly equal pictures were not looked for: there are too many.")
    return [*found, *(result.problems or ("No problem was found.",))]
