"""A sweep of λ for a terminal."""

from collections.abc import Sequence

from usable_core.cli.output import Line, remark, table
from usable_core.evaluations.spread_words import ends, spread
from usable_core.evaluations.sweep_result import Point, SweepResult
from usable_core.evaluations.sweep_words import in_words, refusals
from usable_core.evaluations.training_axes import AXES, Spread
from usable_core.runs.run import Run


def lines(run: Run, result: SweepResult) -> list[Line]:
    """Return the answer for people: a row for each λ, what it trades, what failed."""
    for warning in result.warnings:
        remark(f"Note: {warning}")
    config, answered = result.config, result.answered
    n = answered[0].spread.of_examples["accuracy"].n
    about = f"{config.model.reference} tuned on {config.dataset.reference} ({result.split}, n = {n}"
    known = [p.spread.of_examples["retained"].n for p in answered if p.spread.retained]
    about += f"; source n = {known[0]}" if known else ""
    heads = [text for name in result.axes for text in heads_of(name)]
    rows = [_row(point, result.axes) for point in result.points]
    best = max(answered, key=lambda point: point.spread.accuracy.value)
    return [
        f"{about})",
        table("λ", "seeds", *heads, "front", "", rows=rows),
        *in_words(result),
        *refusals(result),
        f"Each training is a model, such as {_model(result, best)} (λ = {best.task_weight:g}).",
    ]


def heads_of(axis: str) -> tuple[str, ...]:
    """Return the heads of the columns of an axis."""
    short = {"calibration": "ECE", "retained": "retained"}.get(axis, AXES[axis].title)
    return (short, "of examples") if axis in ("accuracy", "retained") else (short,)


def axis_cells(found: Spread, axes: Sequence[str]) -> list[str]:
    """Return the cells below the heads of several axes."""
    cells = []
    for name in axes:
        cells.append(spread(found.over_seeds.get(name), name))
        if len(heads_of(name)) > 1:
            cells.append(ends(found.of_examples.get(name), name))
    return cells


def _row(point: Point, axes: Sequence[str]) -> list[str]:
    front = "yes" if point.is_front else ""
    known = [f"{point.task_weight:g}", str(point.spread.seeds)]
    return [*known, *axis_cells(point.spread, axes), front, point.limit]


def _model(result: SweepResult, point: Point) -> str:
    rows = result.records.query("n > 0")
    return f"run/{rows.loc[rows['lambda'] == point.task_weight, 'training'].iloc[0]}"
