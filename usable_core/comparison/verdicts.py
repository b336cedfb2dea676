"""The sentence of a pair: better, equal within a point, not shown to differ, or not ranked."""

from collections.abc import Sequence

from usable_core.evaluations.result import Condition, Measured
from usable_core.metrics.intervals import paired_difference

LEVEL = 0.05
EQUAL_WITHIN = 0.01  # one point: a smaller difference seldom decides which backbone is used


def upper_bounds(row: Condition, names: Sequence[str], results: Sequence[Measured]) -> list[str]:
    """Return the models of a pair that are an upper bound only where the pair stands."""
    if row["epsilon"] == 0:  # the clean images: no attack has anything to do with them
        return []
    found = zip(names, results, strict=True)
    pair = (row["first"], row["second"])
    return [name for name, result in found if name in pair and result.is_upper_bound_only]


def barred(row: Condition, names: Sequence[str], results: Sequence[Measured]) -> str | None:
    """Return why a pair is not ranked: an attack that failed a check proves nothing; else None."""
    weak = upper_bounds(row, names, results)
    if not weak:
        return None
    return (
        f"{row['first']} and {row['second']} are not ranked: a check of the attack on "
        f"{' and '.join(weak)} failed, so what it left is an upper bound only."
    )


def verdict(row: Condition) -> str:
    """Return one sentence: better, equal within a point, or not shown to differ."""
    low, high = 100 * row["low"], 100 * row["high"]
    if row["p_holm"] < LEVEL:
        better, worse = row["second"], row["first"]
        if row["difference"] < 0:
            better, worse, low, high = worse, better, -high, -low
        return (
            f"{better} is better than {worse} by {100 * abs(row['difference']):.1f} points "
            f"(95 % interval {low:.1f} to {high:.1f})."
        )
    inner = paired_difference(row["lost"], row["gained"], row["n"], confidence=0.90)
    if inner.low > -EQUAL_WITHIN and inner.high < EQUAL_WITHIN:
        return (
            f"{row['first']} and {row['second']} are equal within "
            f"{100 * EQUAL_WITHIN:.0f} point (two one-sided tests at 5 %)."
        )
    return (
        f"No difference shown between {row['first']} and {row['second']}: {_signed(low)} to "
        f"{_signed(high)} points are all plausible with {row['n']} examples."
    )


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")
