"""The sentence of a pair: better, equal within a point, not shown to differ, or not ranked.

It says nothing that the pair's interval does not: a model is better where the interval leaves out
0, and equal where it lies within a point.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from usable_core.comparison.simultaneous import EQUAL_WITHIN, POWER, examples_to_settle
from usable_core.evaluations.result import Condition, Measured
from usable_core.verdicts.verdict import rounded

Status = Literal["better", "equal", "undecided", "unranked"]
STATUSES: tuple[Status, ...] = ("better", "equal", "undecided", "unranked")  # as they are listed
MOST_DIGITS = 6


@dataclass(frozen=True)
class Sides:
    """A pair as it is said and drawn: the model that is ahead first, so that no sign is lost.

    Attributes:
        ahead: Name of the model that is right more often; the first where both are as often.
        behind: Name of the other.
        accuracy_ahead: Share of examples on which it is right.
        accuracy_behind: That of the other.
        difference: ahead − behind, 0 or more, in [0, 1].
        low: Lower end of its interval.
        high: Upper end.
        only_ahead: Examples on which only the first is right.
        only_behind: Examples on which only the other is right.
    """

    ahead: str
    behind: str
    accuracy_ahead: float
    accuracy_behind: float
    difference: float
    low: float
    high: float
    only_ahead: int
    only_behind: int


def sides(row: Condition) -> Sides:
    """Return a row of `Comparison.pairs` with the model that is ahead first."""
    if row["difference"] > 0:
        ahead, behind, flips = "second", "first", (row["gained"], row["lost"])
        low, high = row["low"], row["high"]
    else:
        ahead, behind, flips = "first", "second", (row["lost"], row["gained"])
        low, high = 0.0 - row["high"], 0.0 - row["low"]
    return Sides(
        ahead=row[ahead],
        behind=row[behind],
        accuracy_ahead=row[f"accuracy_{ahead}"],
        accuracy_behind=row[f"accuracy_{behind}"],
        difference=abs(row["difference"]),
        low=low,
        high=high,
        only_ahead=flips[0],
        only_behind=flips[1],
    )


def upper_bounds(
    row: Condition, names: Sequence[str], results: Sequence[Measured]
) -> dict[str, Measured]:
    """Return the models of a pair that are an upper bound only where the pair stands."""
    if row["epsilon"] == 0:  # the clean images: no attack has anything to do with them
        return {}
    found = zip(names, results, strict=True)
    pair = (row["first"], row["second"])
    return {name: result for name, result in found if name in pair and result.is_upper_bound_only}


def status(low: float, high: float) -> Status:
    """Return what the interval of a difference shows."""
    if low > 0 or high < 0:
        return "better"
    return "equal" if low > -EQUAL_WITHIN and high < EQUAL_WITHIN else "undecided"


def verdict(row: Condition, quantity: str, short: Mapping[str, str], critical: float) -> str:
    """Return the sentence of a pair that is ranked.

    Args:
        row: The pair, as in `Comparison.pairs`.
        quantity: What was measured under which condition, such as `accuracy`.
        short: Name to what it is called in a sentence.
        critical: The critical value of the intervals.
    """
    pair = sides(row)
    ahead, behind = short[pair.ahead], short[pair.behind]
    seen = f"{quantity} {_numbers(pair)}, n = {row['n']:,}"
    if row["status"] == "better":
        below = ", less than 1 point" if pair.high < EQUAL_WITHIN else ""
        return f"{ahead} is better than {behind}{below}: {seen}."
    if row["status"] == "equal":
        return f"{ahead} and {behind} are equal within 1 point: {seen}."
    number, what = examples_to_settle(row["lost"], row["gained"], row["n"], critical)
    aim = "settle it" if what == "difference" else "show that they are equal within 1 point"
    return (
        f"{ahead} and {behind} are not shown to differ: {seen}; about {rounded(number):,} "
        f"examples would {aim} ({100 * POWER:.0f} % power, if they disagree as often as here)."
    )


def unranked(
    row: Condition, quantity: str, short: Mapping[str, str], weak: Mapping[str, Measured]
) -> str:
    """Return why a pair is not ranked: an attack that failed a check proves nothing.

    Args:
        row: The pair.
        quantity: What was measured under which condition.
        short: Name to what it is called in a sentence.
        weak: The results that are upper bounds only, by name.
    """
    pair = sides(row)
    named = " and ".join(short[name] for name in weak)
    remedies = dict.fromkeys(result.remedy for result in weak.values())
    return (
        f"{short[pair.ahead]} and {short[pair.behind]} are not ranked: {quantity} "
        f"{_share(pair.accuracy_ahead, 1)} against {_share(pair.accuracy_behind, 1)}, n = "
        f"{row['n']:,}, but a check of the attack on {named} failed, so what it left is an upper "
        f"bound only. {' '.join(remedies)}".strip()
    )


def _numbers(pair: Sides) -> str:
    """Return accuracies, difference and interval with as many digits as they need to agree."""
    digits = _digits(pair)
    low, high = points(pair.low, digits), points(pair.high, digits)
    return (
        f"{_share(pair.accuracy_ahead, digits)} against {_share(pair.accuracy_behind, digits)}, "
        f"difference {points(pair.difference, digits)} points (95 % simultaneous {low} to {high})"
    )


def _digits(pair: Sides) -> int:
    """Return how many decimals keep every end off 0, and the subtraction right where two do."""
    ends = [end for end in (pair.difference, pair.low, pair.high) if end != 0]
    enough = [d for d in range(1, MOST_DIGITS) if all(round(100 * abs(e), d) > 0 for e in ends)]

    def adds_up(digits: int) -> bool:
        ahead, behind, difference = (
            round(100 * value, digits)
            for value in (pair.accuracy_ahead, pair.accuracy_behind, pair.difference)
        )
        return round(ahead - behind, digits) == difference

    exact = [d for d in enough if d <= 2 and adds_up(d)]
    return next(iter(exact or enough), MOST_DIGITS)


def points(difference: float, digits: int = 1) -> str:
    """Return a difference of shares in points: -0.2 as `−20.0`."""
    return f"{100 * difference + 0:.{digits}f}".replace("-", "−")


def _share(value: float, digits: int) -> str:
    return f"{100 * value:.{digits}f} %"


def order(row: Mapping[Any, Any]) -> tuple[float, ...]:
    """Return the place of a row: what is shown comes first, and then the best."""
    accuracies = sorted((row["accuracy_first"], row["accuracy_second"]), reverse=True)
    return (STATUSES.index(row["status"]), *(-accuracy for accuracy in accuracies))
