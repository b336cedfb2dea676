"""How accuracy grows with labels in sentences, the same for the terminal and for the page."""

import math

from usable_core.evaluations import spread_words
from usable_core.evaluations.learning_curve_result import Curve, LearningCurveResult
from usable_core.evaluations.spread_words import mean, measured_said, seeds_said
from usable_core.evaluations.training_axes import AXES
from usable_core.metrics.intervals import CONFIDENCE, Estimate

_ROUNDING = 1e-9


def in_words(result: LearningCurveResult) -> tuple[str, ...]:
    """Return how each backbone grows, which needs fewer labels, and how far to believe it."""
    curves = [curve for curve in result.curves if curve.answered]
    said = [_growth(result, curve) for curve in curves]
    said += [_ahead(result, one, other) for one in curves for other in curves if one is not other]
    return tuple(filter(None, (*said, _others(result), seeds_said(result.config.seeds))))


def refusals(result: LearningCurveResult) -> tuple[str, ...]:
    """Return which trainings have no answer, and why."""
    return spread_words.refusals(
        (f"{curve.name}, {point.size:,} {result.examples}", point.spread)
        for curve in result.curves
        for point in curve.points
    )


def points(found: Estimate) -> str:
    """Return a difference of shares: `+3.1 points (+1.0 to +5.2)`."""
    value, low, high = (f"{100 * end:+.1f}" for end in (found.value, found.low, found.high))
    span = f"{low} to {high}" if _has_width(found) else "all seeds"
    return f"{value} points ({span})".replace("-", "−")


def _has_width(found: Estimate) -> bool:
    """Tell whether the seeds differ: that a few agree to the last digit is no certainty."""
    return found.high - found.low > _ROUNDING


def _growth(result: LearningCurveResult, curve: Curve) -> str:
    """Return how a curve goes, and what its last step gave, if the intervals tell."""
    first, last = curve.answered[0], curve.answered[-1]
    if first is last:
        return f"{curve.name}: {mean(first.spread)} with {first.size:,} {result.examples}."
    whole = (
        f"{curve.name}: from {first.size:,} to {last.size:,} {result.examples} task accuracy goes "
        f"from {mean(first.spread)} to {mean(last.spread)}."
    )
    before = curve.answered[-2]
    gain = last.gain_from(before)
    if math.isnan(gain.low):
        return whole
    ratio = last.size / before.size
    times = "Twice" if ratio == 2 else f"{ratio:.3g} times"
    step = f"{times} the labels at the end (from {before.size:,} to {last.size:,})"
    if gain.low > 0 or gain.high < 0:
        return f"{whole} {step} gave {points(gain)}."
    return f"{whole} {step} are not shown to change it: {points(gain)}."


def _ahead(result: LearningCurveResult, one: Curve, other: Curve) -> str:
    """Return with how many labels one reaches what another reaches with more, if it is shown.

    Each smaller size of the one is compared with the other's largest, paired by seed; with so many
    chances to be found better by luck, each interval is as wide as together they must be.
    """
    last = other.answered[-1]
    smaller = [point for point in one.answered if point.size < last.size]
    confidence = 1 - (1 - CONFIDENCE) / max(1, len(smaller))
    for point in smaller:
        gain = point.gain_from(last, confidence)
        if gain.low >= 0 and _has_width(gain):
            unit = result.examples
            return (
                f"At {point.size:,} {unit} {one.name} reaches at least what {other.name} reaches "
                f"at {last.size:,}: {points(gain)}."
            )
    return ""


def _others(result: LearningCurveResult) -> str:
    """Return how the other axes were measured; their numbers stand in the table."""
    spreads = [point.spread for curve in result.curves for point in curve.answered]
    how = measured_said(result.config.measures, result.kind, spreads)
    said = "; ".join(f"{AXES[name].title} by {told}" for name, told in how.items())
    return f"Measured too: {said}." if said else ""
