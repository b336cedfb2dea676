"""The verdict of one model: fit, not fit, or not shown, in one sentence with the next step."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from usable_core.catalog.units import Unit, written
from usable_core.evaluations.result import Measured
from usable_core.metrics.intervals import Estimate
from usable_core.verdicts.checking import Checked, check
from usable_core.verdicts.requirements import Requirement, Requirements

Answer = Literal["fit", "not fit", "not shown"]
# The status with which a command ends, for a pipeline that waits for it; the best answer first.
STATUS: dict[Answer, int] = {"fit": 0, "not shown": 2, "not fit": 1}


@dataclass(frozen=True)
class Verdict:
    """Whether one model is fit for one use.

    It is fit where every requirement is met; that is wrong in at most 2.5 % of cases however many
    there are, for all of them must be wrong at their bound (an intersection-union test: Berger
    1982, Technometrics 24:295-300). It is not fit where one is not met.

    Attributes:
        model: The model, as people call it.
        checked: Each requirement with what was measured of it, in the order they were written in.
    """

    model: str
    checked: tuple[Checked, ...]

    @property
    def answer(self) -> Answer:
        """Return the verdict."""
        outcomes = {one.outcome for one in self.checked}
        if "not met" in outcomes:
            return "not fit"
        return "not shown" if "undecided" in outcomes else "fit"

    @property
    def reasons(self) -> dict[str, list[Requirement]]:
        """Return why requirements are undecided beyond their intervals: each reason once.

        What the next step says already is left out of them.
        """
        found: dict[str, list[Requirement]] = {}
        for one in self.checked:
            if one.reason:
                said = one.reason.removesuffix(self.next_step).strip()
                found.setdefault(said, []).append(one.requirement)
        return found

    @property
    def sentence(self) -> str:
        """Return the verdict with its reason: `VGG is not fit: accuracy is 81 %, …`."""
        if self.answer == "fit":
            count = len(self.checked)
            all_ = "the requirement is" if count == 1 else f"all {count} requirements are"
            return f"{self.model} is fit for this use: {all_} met."
        outcome = "not met" if self.answer == "not fit" else "undecided"
        reasons = [_said(one) for one in self.checked if one.outcome == outcome]
        word = "not fit for this use" if self.answer == "not fit" else "not shown to be fit"
        more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        return f"{self.model} is {word}: {reasons[0]}{more}."

    @property
    def next_step(self) -> str:
        """Return what to do about it."""
        if self.answer == "fit":
            return "Nothing more is needed for these requirements; see what was not measured."
        if self.answer == "not fit":
            return (
                "Choose another model, train this one further, or ask whether the bound is right."
            )
        remedies = [one.remedy for one in self.checked if one.remedy]
        if remedies:
            return remedies[0]
        unmeasured = [one for one in self.checked if one.found is None]
        if unmeasured:
            return f"Measure {unmeasured[0].requirement.title} too."
        needed = [one.examples for one in self.checked if one.outcome == "undecided"]
        if None in needed:
            return "A number lies on its bound: no number of examples would tell them apart."
        return (
            f"Measure about {rounded(max(n for n in needed if n)):,} examples: that would decide."
        )


def verdict(
    model: str, requirements: Requirements, results: Sequence[Measured], *, candidates: int = 1
) -> Verdict:
    """Return the verdict of a model by its answers.

    Args:
        model: As people call it.
        requirements: What it must reach.
        results: Its answers.
        candidates: How many models are looked at for the same use.
    """
    return Verdict(
        model, tuple(check(r, results, candidates=candidates) for r in requirements.required)
    )


def exit_status(answers: Iterable[Answer]) -> int:
    """Return the status of the best of several candidates' answers."""
    return STATUS[min(answers, key=list(STATUS).index)]


def rounded(number: int) -> int:
    """Return a number rounded up to two digits: nobody plans for 6,087 examples."""
    step = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // step) * step


def shown(requirement: Requirement, found: Estimate) -> str:
    """Return a number as it is written: `87.2 % (83.4 % to 90.4 %)`."""
    return with_interval(found, requirement.unit)


def with_interval(found: Estimate, unit: Unit) -> str:
    """Return a number with its interval, where it has one: `87.2 % (83.4 % to 90.4 %)`."""
    value, low, high = (written(part, unit) for part in (found.value, found.low, found.high))
    is_counted = found.low == found.high and found.n == 1  # such as parameters
    is_alone = is_counted or (math.isnan(found.low) and math.isnan(found.high))
    return value if is_alone else f"{value} ({low} to {high})"


def _said(one: Checked) -> str:
    """Return a requirement and what was found, for the middle of a sentence."""
    name = one.requirement.title
    if one.found is None:
        return f"{name} {one.doubt.removeprefix('it ') or 'was not measured'}"
    side = "at least" if one.requirement.row.is_better == "higher" else "at most"
    found = (
        f"{name} is {shown(one.requirement, one.found)}, where {side} "
        f"{one.requirement.bound_text} is required"
    )
    return f"{found}; {one.doubt}" if one.doubt else found
