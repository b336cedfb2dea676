"""A learning curve for a terminal."""

from usable_core.cli.output import Line, remark, table
from usable_core.cli.sweep import axis_cells, heads_of
from usable_core.evaluations.learning_curve_result import LearningCurveResult
from usable_core.evaluations.learning_curve_words import in_words, refusals
from usable_core.runs.run import Run


def lines(run: Run, result: LearningCurveResult) -> list[Line]:
    """Return the answer for people: a row for each backbone and size, what labels give."""
    for warning in result.warnings:
        remark(f"Note: {warning}")
    first = next(point for curve in result.curves for point in curve.answered)
    n = first.spread.of_examples["accuracy"].n
    heads = [text for name in result.axes for text in heads_of(name)]
    rows = [
        [
            curve.name,
            f"{point.size:,}",
            str(point.spread.seeds),
            *axis_cells(point.spread, result.axes),
        ]
        for curve in result.curves
        for point in curve.points
    ]
    about = f"{result.config.dataset.reference} ({result.split}, n = {n}; "
    return [
        f"{about}{result.total:,} {result.examples} to train on)",
        table("backbone", result.examples, "seeds", *heads, rows=rows),
        *in_words(result),
        *refusals(result),
    ]
