"""Whether a requirement is met: three answers, from the interval of the measured number.

The interval of a share is the exact one of Clopper & Pearson 1934, Biometrika 26:404-413, so that
at most 2.5 % of models below a bound are called above it, for every n. Where several models are
candidates for one use, it is wider by their number (Bonferroni), for the one that is taken is the
one that looked best.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Literal

from usable_core.catalog.metrics import METRICS
from usable_core.evaluations.result import Measured, Number
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.robustness_texts import MOST_SHORT, untouched
from usable_core.metrics.intervals import CONFIDENCE, Estimate, Proportion, exact
from usable_core.verdicts.requirements import Requirement

POWER = 0.8
AGAIN = "Delete the run of its cost and measure it again while the machine does nothing else."
NOTHING_KNOWN = (
    "the interval is all of 0 to 100 %, or nearly. Measure several times as many examples: these "
    "are too few to say anything of it."
)
MOST_EXAMPLES = 100_000_000  # beyond it a bound is called as good as reached exactly

Outcome = Literal["met", "not met", "undecided"]


@dataclass(frozen=True)
class Checked:
    """One requirement and what was measured of it.

    Attributes:
        requirement: What was required.
        found: The number with the interval that decides; None where nothing measured it.
        outcome: Whether it is met.
        reason: Why it is undecided, where the interval alone would not leave it so, and in
            sentences after it what to do about that; else empty.
        examples: How many examples would decide it in 80 % of cases, if the number stays as it is;
            None where it is decided, or no number of examples would.
    """

    requirement: Requirement
    found: Estimate | None
    outcome: Outcome
    reason: str = ""
    examples: int | None = None

    @property
    def doubt(self) -> str:
        """Return why it is undecided beyond its interval, without what to do about it."""
        return self.reason.partition(". ")[0].rstrip(".")

    @property
    def remedy(self) -> str:
        """Return what to do about the reason, as sentences; empty where it says nothing."""
        return self.reason.partition(". ")[2]


def check(requirement: Requirement, results: Iterable[Measured], *, candidates: int = 1) -> Checked:
    """Return whether a model meets a requirement, as its answers show.

    Args:
        requirement: What is required.
        results: The model's answers; the first that has the number counts.
        candidates: How many models are looked at for the same use.
    """
    why = "it was not measured"
    for result in results:
        for number in filter(requirement.is_about, result.numbers()):
            if not math.isnan(number.found.value):
                return _checked(requirement, number, result, candidates)
            why = number.excuse.rstrip(".") or why
    return Checked(requirement, None, "undecided", why)


def outcome(requirement: Requirement, found: Estimate) -> Outcome:
    """Return what an interval says of a bound."""
    if math.isnan(found.low) or math.isnan(found.high):
        return "undecided"
    is_above, is_below = found.low >= requirement.bound, found.high < requirement.bound
    if requirement.row.is_better == "lower":
        is_above, is_below = found.high <= requirement.bound, found.low > requirement.bound
    return "met" if is_above else "not met" if is_below else "undecided"


def _checked(
    requirement: Requirement, number: Number, result: Measured, candidates: int
) -> Checked:
    if number.within is not None:
        found = number.within(1 - (1 - CONFIDENCE) / candidates)
    else:
        found = deciding(number.found, candidates)
    if METRICS[requirement.row.metric].unit == "share":
        found = replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))
    said = outcome(requirement, found)
    if said == "met" and (doubt := _doubt(requirement, result)):
        return Checked(requirement, found, "undecided", doubt)
    if said == "not met" and number.excuse:
        return Checked(requirement, found, "undecided", f"{_joined(number.excuse)}. {AGAIN}")
    if said == "undecided" and requirement.row.task == "cost":
        return Checked(requirement, found, said, f"{found.n} timings leave it open. {AGAIN}")
    if said == "undecided" and METRICS[requirement.row.metric].unit == "share" and _is_all(found):
        return Checked(requirement, found, said, NOTHING_KNOWN)
    needed = None if said != "undecided" else examples_to_decide(requirement, found)
    return Checked(requirement, found, said, examples=needed)


def deciding(found: Estimate, candidates: int = 1) -> Estimate:
    """Return a number with the interval that decides about one of several candidates."""
    confidence = 1 - (1 - CONFIDENCE) / candidates
    if isinstance(found, Proportion) and found.n:
        return exact(round(found.value * found.n), found.n, confidence)
    normal = NormalDist()
    wider = normal.inv_cdf(0.5 + confidence / 2) / normal.inv_cdf(0.5 + CONFIDENCE / 2)
    low = found.value - wider * (found.value - found.low)
    high = found.value + wider * (found.high - found.value)
    return Estimate(found.value, low, high, found.n)


def examples_to_decide(requirement: Requirement, found: Estimate) -> int | None:
    """Return how many examples would decide in 80 % of cases; None where no number would.

    The number is taken as seen, its standard error as falling with the root of n. It is told from
    the bound where they are `z + z_power` standard errors apart.
    """
    distance = abs(found.value - requirement.bound)
    half = (found.high - found.low) / 2
    if not (distance > 0 and half > 0 and found.n):
        return None
    normal = NormalDist()
    reach = 1 + normal.inv_cdf(POWER) / normal.inv_cdf(0.5 + CONFIDENCE / 2)
    needed = found.n * (half * reach / distance) ** 2
    return max(found.n + 1, math.ceil(needed)) if needed <= MOST_EXAMPLES else None


def _is_all(share: Estimate) -> bool:
    """Tell whether an interval is about all that a share can be: its width says nothing of n."""
    return share.high - share.low > 0.95


def _is_at(requirement: Requirement, epsilon: float) -> bool:
    return math.isclose(requirement.epsilon, epsilon, rel_tol=1e-6)


def _joined(sentences: str) -> str:
    """Return sentences as one, without its end."""
    return sentences.rstrip(".").replace(". ", "; ")


def _doubt(requirement: Requirement, result: Measured) -> str:
    """Return why a number that reaches its bound does not show that the model does."""
    if result.is_upper_bound_only and requirement.name == "robust_accuracy":
        remedy = f" {result.remedy}" if result.remedy else ""
        return f"a check of the attack failed, so it is an upper bound only.{remedy}"
    if isinstance(result, RobustnessResult) and result.kind == "text":
        at = [untouched(result)[i] for i, e in enumerate(result.epsilons) if _is_at(requirement, e)]
        if at and at[0].value > MOST_SHORT:
            return (
                f"{100 * at[0].value:.0f} % of the texts are too short for one word to be changed "
                "there, so it says little of attacks. Require it at a larger share of words."
            )
    leaked = len(result.provenance.leaked)
    if leaked and requirement.row.is_better == "higher":
        return (
            f"{leaked:,} of the evaluated {result.kind}s {'is' if leaked == 1 else 'are'} known "
            "from training, so it is too good. "
            f"Measure on {result.kind}s that this model was not trained on."
        )
    return ""
