"""Whether requirements stood before the data were first looked at, as far as the store knows.

A bound that is set after the numbers are known can be chosen by them, and a verdict by it shows
little (Kerr 1998, Personality and Social Psychology Review 2:196-217).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Precedence:
    """What came first.

    Attributes:
        written: When these requirements were first asked for (UTC, ISO 8601); empty where that is
            not known.
        looked: When a model was first evaluated on these data; empty where none was before.
    """

    written: str = ""
    looked: str = ""

    @property
    def is_after(self) -> bool:
        """Tell whether the requirements were set after the data were first looked at."""
        return bool(self.written and self.looked and self.looked < self.written)

    @property
    def mark(self) -> str:
        """Return what stands beside the verdict; empty where the requirements came first."""
        return (
            "The requirements were set after the test data had been looked at."
            if self.is_after
            else ""
        )

    @property
    def sentence(self) -> str:
        """Return it with the times, in one sentence."""
        if not self.written:
            return (
                "It is not known whether the requirements came before the first look at the data."
            )
        if self.is_after:
            return (
                f"These requirements were first asked for on {_day(self.written)}, after models "
                f"had been evaluated on these data on {_day(self.looked)}: the bounds may have "
                "been chosen by what was seen. Fresh data would settle it."
            )
        return (
            "The requirements were written before these data were first looked at, as far as this "
            "store knows."
        )


def _day(moment: str) -> str:
    return f"{moment[:16].replace('T', ' ')} UTC"
