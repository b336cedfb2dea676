"""What λ trades in sentences, the same for the terminal and for the page."""

import math

from usable_core.evaluations.sweep_result import Point, SweepResult
from usable_core.metrics.intervals import Estimate

NO_SOURCE = (
    "Without source data nothing tells what is retained, so there is no front: name some "
    "(--source) to see what the task costs."
)


def in_words(result: SweepResult) -> tuple[str, ...]:
    """Return what λ trades, which λ are on the front, and how far to believe it."""
    return tuple(filter(None, (trade(result), front(result), seeds_said(result), _chosen(result))))


def trade(result: SweepResult) -> str:
    """Return what goes up and what goes down from the smallest λ to the largest."""
    first, last = result.answered[0], result.answered[-1]
    if first is last:
        kept = "" if first.retained is None else f", {retained_name(result)} {_share(first)}"
        accuracy = percent(first.accuracy.value)
        return f"With λ = {first.task_weight:g} task accuracy is {accuracy}{kept}: one λ alone."
    task = f"task accuracy goes from {percent(first.accuracy.value)} to "
    said = f"From {_named(first)} to {_named(last)} {task}{percent(last.accuracy.value)}"
    if first.retained is None or last.retained is None:
        return f"{said}."
    before = f" (before any training {percent(result.before.value)})" if result.before else ""
    return f"{said}, and {retained_name(result)} from {_share(first)} to {_share(last)}{before}."


def front(result: SweepResult) -> str:
    """Return which λ are on the Pareto front; why there is none where there is none."""
    if all(point.retained is None for point in result.answered):
        return NO_SOURCE
    on_front = [f"{point.task_weight:g}" for point in result.front]
    if not on_front:
        return ""
    others = [f"{p.task_weight:g}" for p in result.answered if not p.is_front]
    has = "has" if len(others) == 1 else "have"
    beaten = (
        f"; λ = {', '.join(others)} {has} no more of either than one of these" if others else ""
    )
    return (
        f"On the Pareto front of both, by the means: λ = {', '.join(on_front)}{beaten}. Neighbours "
        "whose intervals overlap may change places."
    )


def seeds_said(result: SweepResult) -> str:
    """Return what the intervals are of."""
    if len(result.config.seeds) == 1:
        return (
            "One seed: there is no interval over seeds. The intervals are of the examples alone "
            "(Wilson); name more seeds to see what another training would give."
        )
    return (
        f"Intervals over seeds (Student, {len(result.config.seeds)} seeds) say what another "
        "training on these examples would give, those of the examples (Wilson) what others of "
        "them would; neither holds the other."
    )


def refusals(result: SweepResult) -> tuple[str, ...]:
    """Return which trainings have no answer, and why."""
    return tuple(
        f"λ = {point.task_weight:g}, seed {seed} has no answer: {why}"
        for point in result.points
        for seed, why in point.refused.items()
    )


def retained_name(result: SweepResult) -> str:
    """Return what the retained share is called."""
    return "source accuracy" if result.about == "classes" else "the share of source pieces guessed"


def spread(found: Estimate | None) -> str:
    """Return a mean with its interval over seeds: "93.1 % (91.0 % to 95.2 %)", if they differ."""
    if found is None or math.isnan(found.value):
        return "–"
    value, low, high = map(percent, (found.value, found.low, found.high))
    if math.isnan(found.low):
        return value
    # A width of 0 is no certainty: so few seeds happened to agree, or the seed changes nothing.
    is_equal = found.low == found.high
    return f"{value} (all seeds)" if is_equal else f"{value} ({low} to {high})"


def ends(found: Estimate | None) -> str:
    """Return an interval: "91.0 % to 95.2 %"."""
    if found is None or not found.n:
        return "–"
    return f"{percent(found.low)} to {percent(found.high)}"


def percent(value: float) -> str:
    """Return a share as people read it."""
    return f"{100 * value:.1f} %"


def _share(point: Point) -> str:
    return "unknown" if point.retained is None else percent(point.retained.value)


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
