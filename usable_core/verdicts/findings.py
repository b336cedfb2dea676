"""What stands beside a verdict: where the candidates fail, how far to believe it, what is open."""

from dataclasses import dataclass, field
from typing import Any, Literal

from usable_core.records import to_json
from usable_core.verdicts.paces import Pace
from usable_core.verdicts.slices import Slices

Tone = Literal["good", "doubt", "bad", "unknown"]


@dataclass(frozen=True)
class Remark:
    """One thing that speaks for the measurement, against it, or is not known.

    Attributes:
        title: What was looked at.
        tone: `bad` makes a number wrong, `doubt` may; `unknown` cannot be told.
        sentence: What was seen, with its numbers.
        ids: Pictures behind it, those first that are to be looked at first.
    """

    title: str
    tone: Tone
    sentence: str
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Findings:
    """What stands beside the verdicts of several candidates.

    Attributes:
        slices: Where each fails, by its name.
        trust: What speaks for the measurement and against it.
        not_measured: What the verdicts do not rest on, by name.
        paces: Answers, attacked examples and maps a second; empty where an older version asked.
    """

    slices: dict[str, Slices] = field(default_factory=dict)
    trust: tuple[Remark, ...] = ()
    not_measured: tuple[str, ...] = ()
    paces: tuple[Pace, ...] = ()

    def summary(self) -> dict[str, Any]:
        """Return them as JSON."""
        found = {
            "slices": {name: found.summary() for name, found in self.slices.items()},
            "trust": to_json(self.trust),
            "not_measured": list(self.not_measured),
        }
        return found | ({"paces": to_json(self.paces)} if self.paces else {})
