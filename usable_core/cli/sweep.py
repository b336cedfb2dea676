"""A sweep of λ for a terminal."""

from usable_core.cli.output import Line, remark, table
from usable_core.evaluations.sweep_result import Point, SweepResult
from usable_core.evaluations.sweep_words import ends, in_words, refusals, spread
from usable_core.runs.run import Run


def lines(run: Run, result: SweepResult) -> list[Line]:
    """Return the answer for people: a row for each λ, what it trades, what failed."""
    for warning in result.warnings:
        remark(f"Note: {warning}")
    config, answered = result.config, result.answered
    n = answered[0].accuracy_of_examples.n
    about = f"{config.model.reference} tuned on {config.dataset.reference} ({result.split}, n = {n}"
    has_source = any(point.retained is not None for point in answered)
    if has_source:
        kept = next(p.retained_of_examples for p in answered if p.retained_of_examples is not None)
        about += f"; source n = {kept.n}"
    heads = ["λ", "seeds", "task accuracy", "of examples", "ECE"]
    heads += ["retained", "of examples", "front"] if has_source else []
    rows = [_row(point, has_source=has_source) for point in result.points]
    best = max(answered, key=lambda point: point.accuracy.value)
    return [
        f"{about})",
        table(*heads, "", rows=rows),
        *in_words(result),
        *refusals(result),
        f"Each training is a model, such as {_model(result, best)} (λ = {best.task_weight:g}).",
    ]


def _row(point: Point, *, has_source: bool) -> list[str]:
    found = [
        f"{point.task_weight:g}",
        str(point.seeds),
        spread(point.accuracy),
        ends(point.accuracy_of_examples),
        spread(point.ece),
    ]
    if has_source:
        front = "yes" if point.is_front else ""
        found += [spread(point.retained), ends(point.retained_of_examples), front]
    return [*found, point.limit]


def _model(result: SweepResult, point: Point) -> str:
    rows = result.records.query("n > 0")
    return f"run/{rows.loc[rows['lambda'] == point.task_weight, 'training'].iloc[0]}"
