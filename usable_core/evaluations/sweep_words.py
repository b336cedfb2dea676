"""What λ trades in sentences, the same for the terminal and for the page."""

from usable_core.evaluations import spread_words
from usable_core.evaluations.spread_words import mean, measured_said, seeds_said
from usable_core.evaluations.sweep_result import Point, SweepResult
from usable_core.evaluations.training_axes import AXES

NO_SOURCE = (
    "Without source data nothing tells what is retained, so there is no front: name some "
    "(--source) to see what the task costs."
)


def in_words(result: SweepResult) -> tuple[str, ...]:
    """Return what λ trades, which λ are on the front, and how far to believe it."""
    said = (trade(result), others(result), front(result), seeds_said(result.config.seeds))
    return tuple(filter(None, (*said, _chosen(result))))


def trade(result: SweepResult) -> str:
    """Return what goes up and what goes down from the smallest λ to the largest."""
    first, last = result.answered[0], result.answered[-1]
    if first is last:
        known = "retained" in result.axes
        kept = f", {retained_name(result)} {mean(first.spread, 'retained')}" if known else ""
        accuracy = mean(first.spread)
        return f"With λ = {first.task_weight:g} task accuracy is {accuracy}{kept}: one λ alone."
    task = f"task accuracy goes from {mean(first.spread)} to {mean(last.spread)}"
    said = f"From {_named(first)} to {_named(last)} {task}"
    if "retained" not in result.axes:
        return f"{said}."
    kept = " to ".join(mean(one.spread, "retained") for one in (first, last))
    before = f" (before any training {100 * result.before.value:.1f} %)" if result.before else ""
    return f"{said}, and {retained_name(result)} from {kept}{before}."


def others(result: SweepResult) -> str:
    """Return how the other axes go from the smallest λ to the largest; empty without any."""
    first, last = result.answered[0].spread, result.answered[-1].spread
    spreads = [point.spread for point in result.answered]
    how = measured_said(result.config.measures, result.kind, spreads)
    if first is last or not how:
        return ""
    parts = [
        f"{AXES[name].title} ({told}) from {mean(first, name)} to {mean(last, name)}"
        for name, told in how.items()
    ]
    return f"Between the same λ goes {', and '.join(parts)}.{bound(result)}"


def bound(result: SweepResult) -> str:
    """Return where accuracy under attack is an upper bound only, for a check of it failed."""
    rows = result.records
    if "is_bound" not in rows or not rows["is_bound"].any():
        return ""
    named = ", ".join(f"{weight:g}" for weight in rows.loc[rows["is_bound"], "lambda"].unique())
    return f" With λ = {named} a check of the attack failed: there it is an upper bound only."


def front(result: SweepResult) -> str:
    """Return which λ are on the Pareto front; why there is none where there is none."""
    axes = result.config.front
    if "retained" in axes and "retained" not in result.axes:
        return NO_SOURCE
    on_front = [f"{point.task_weight:g}" for point in result.front]
    if not on_front:
        return ""
    behind = [f"{p.task_weight:g}" for p in result.answered if not p.is_front]
    has = "has" if len(behind) == 1 else "have"
    beaten = (
        f"; λ = {', '.join(behind)} {has} no more of either than one of these" if behind else ""
    )
    is_usual = axes == ("accuracy", "retained")
    both = "both" if is_usual else " and ".join(better_of(name) for name in axes)
    return (
        f"On the Pareto front of {both}, by the means: λ = {', '.join(on_front)}{beaten}. "
        "Neighbours whose intervals overlap may change places."
    )


def better_of(axis: str) -> str:
    """Return what more of an axis is called: less error, more of all others."""
    return ("less " if AXES[axis].is_better_low else "") + AXES[axis].title


def refusals(result: SweepResult) -> tuple[str, ...]:
    """Return which trainings have no answer, and why."""
    return spread_words.refusals((f"λ = {p.task_weight:g}", p.spread) for p in result.points)


def retained_name(result: SweepResult) -> str:
    """Return what the retained share is called."""
    return "source accuracy" if result.about == "classes" else "the share of source pieces guessed"


def _named(point: Point) -> str:
    limit = f" ({point.limit})" if point.limit else ""
    return f"λ = {point.task_weight:g}{limit}"


def _chosen(result: SweepResult) -> str:
    if result.config.measured_on == "validation" or len(result.answered) < 2:
        return ""
    return (
        "A λ that is chosen by these test examples looks better on them than it is: choose by "
        "validation (--measured-on validation), then report test."
    )
