"""Which of several candidates may be the best in one number, and what would separate the first two.

The set of the best leaves out a candidate only where another is shown to be better, by intervals
that hold together for all pairs (multiple comparisons with the best, by those of all pairs). So it
holds the best in 95 of 100 cases, and contradicts no sentence about a pair.

Reference: Hsu 1996, Multiple Comparisons: Theory and Methods, chapters 4 and 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from usable_core.metrics.intervals import Estimate
from usable_core.verdicts.verdict import rounded

MOST_NAMED = 4  # in a sentence
TOO_CLOSE = 0.01  # one point: among numbers that differ by less, chances to be first are not told
MOST_EXAMPLES = 100_000_000  # beyond it two numbers are called as good as equal


@dataclass(frozen=True)
class Standing:
    """Candidates in one number, in which higher is better.

    Attributes:
        values: The number of each, with an interval of its own.
        n: Examples on which they are compared.
        best: Places of those that may be the best, the highest number first.
        groups: Letters of each; two that share one are not shown to differ.
        examples: How many would show in 80 % of cases that the first two differ, if they differ as
            here; None where they do already, or no number of examples would.
        critical: How many standard errors the intervals of the pairs reach.
    """

    values: tuple[Estimate, ...]
    n: int
    best: tuple[int, ...]
    groups: tuple[str, ...]
    examples: int | None
    critical: float

    @property
    def order(self) -> list[int]:
        """Return the places, the highest number first."""
        return sorted(range(len(self.values)), key=lambda k: -self.values[k].value)

    @property
    def is_too_close(self) -> bool:
        """Tell whether those that may be the best lie within a point, too close for chances."""
        found = [self.values[place].value for place in self.best]
        return len(found) > 1 and max(found) - min(found) < TOO_CLOSE

    def sentence(self, names: Sequence[str], quantity: str, chances: Sequence[float]) -> str:
        """Return who may be the best, how likely the first is, and what would separate two.

        Args:
            names: Of the candidates.
            quantity: What the number is called in the middle of a sentence.
            chances: Of each to be first.
        """
        best = [names[place] for place in self.best]
        seen = f"(95 %, n = {self.n:,})"
        if len(best) == 1:
            return f"The best in {quantity} is {best[0]} {seen}."
        named = listed(best) if len(best) <= MOST_NAMED else f"one of {len(best)} candidates"
        if len(best) == len(self.values):
            named = f"any of the {len(best)}" if len(best) > 2 else f"{best[0]} or {best[1]}"
        said = f"The best in {quantity} may be {named} {seen}"
        if self.is_too_close:
            said += ": they are too close to say which is first"
        else:
            said += f": {best[0]} is first with a chance of {chance_text(chances[self.best[0]])}"
        return f"{said}, and {self._needed(best[0], best[1])}."

    def _needed(self, first: str, second: str) -> str:
        if self.examples is None:
            return f"no number of examples would separate {first} and {second}, which are alike"
        return f"about {rounded(self.examples):,} examples would separate {first} and {second}"


def listed(names: Sequence[str]) -> str:
    """Return names as a sentence lists alternatives: `A, B or C`."""
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def chance_text(share: float) -> str:
    """Return a chance in whole percent, never as certain."""
    return "over 99 %" if share > 0.99 else "under 1 %" if share < 0.01 else f"{100 * share:.0f} %"
