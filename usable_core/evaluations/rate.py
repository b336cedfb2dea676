"""The question "which learning rate should this training take?" and its answer: a range test.

Records, one row per step:
    step (from 1), rate (at that step), loss (what is minimised, before the step), smoothed (its
    exponential mean with bias correction).

Reference: Smith 2017, arXiv:1506.01186, section 3.3.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from usable_core.evaluations.specs import Provenance, asked, require, require_range
from usable_core.evaluations.training import FineTuningConfig
from usable_core.metrics.arrays import Floats
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd

KEPT = 0.9  # of the exponential mean: it looks back some 10 steps
LEAST_FALL = 0.02  # of the first loss: less is no fall
NOISES = 7.0  # standard errors of the smoothed loss that a fall must exceed: of noise alone the
# highest of 100 steps is some 5 above the lowest
SETTLED = 10  # steps before which the smoothed loss is one of few batches
BELOW = 10.0  # times, the bound below the rate of the least loss; Howard & Gugger 2020, fastai


@dataclass(frozen=True)
class RateConfig(FineTuningConfig):
    """Find a learning rate for a fine-tuning: it is raised step by step until the loss runs away.

    What is asked is what `finetune` is asked; epochs, warm-up and decay make no difference. No
    weight of it is kept.

    Attributes:
        steps: Steps at most.
        lowest: Learning rate of the first step.
        highest: Learning rate of the last step, if it gets there.
    """

    steps: int = 100
    lowest: float = field(default=1e-6, metadata=asked("--lowest-rate"))
    highest: float = field(default=1.0, metadata=asked("--highest-rate"))

    def __post_init__(self) -> None:
        super().__post_init__()
        require_range(self, "steps", 20, 10_000)
        require_range(self, "lowest", 1e-12, 100)
        require_range(self, "highest", 1e-12, 100)
        expected = f"at least 10 times lowest ({self.lowest:g})"
        require(self.highest >= 10 * self.lowest, "highest", expected, self.highest)

    @property
    def rates(self) -> Floats:
        """Return the learning rate of each step (N,), rising by a constant factor."""
        return np.geomspace(self.lowest, self.highest, self.steps)


@dataclass(frozen=True)
class RateResult:
    """How the loss went while the learning rate rose, and what it suggests.

    Attributes:
        usual: The rate that the training takes where nothing else is said, or that was asked for.
        optimizer: By which the steps were taken.
        ran_away: Whether the loss ran away before the highest rate.
    """

    config: RateConfig
    provenance: Provenance
    records: "pd.DataFrame"
    usual: float
    optimizer: str
    ran_away: bool

    def __repr__(self) -> str:
        about = self.provenance
        found = "nothing" if self.suggested is None else f"{self.suggested:.2g}"
        return f"RateResult({about.model} on {about.dataset}: suggests {found})"

    @cached_property
    def _least(self) -> int:
        """Return at which row the smoothed loss is least."""
        return int(np.argmin(self._smoothed))

    @property
    def _smoothed(self) -> Floats:
        return np.asarray(self.records["smoothed"], dtype=np.float64)

    @property
    def is_flat(self) -> bool:
        """Tell whether the loss fell at no rate by more than its noise."""
        smoothed, losses = self._smoothed, np.asarray(self.records["loss"], dtype=np.float64)
        before = slice(0, self._least + 1)
        if self._least < SETTLED:
            return True
        noise = float(np.std(losses[before] - smoothed[before])) * np.sqrt((1 - KEPT) / (1 + KEPT))
        fall = float(np.max(smoothed[SETTLED - 1 : self._least + 1])) - smoothed[self._least]
        return bool(fall <= max(NOISES * noise, LEAST_FALL * abs(losses[0])))

    @property
    def steepest(self) -> float | None:
        """Return the rate at which the smoothed loss falls fastest; None where it is flat."""
        if self.is_flat:
            return None
        slopes = np.gradient(self._smoothed, np.log(self.records["rate"].to_numpy()))
        fastest = int(np.argmin(slopes[SETTLED - 1 : self._least + 1])) + SETTLED - 1
        return float(self.records["rate"].iloc[fastest])

    @property
    def bound(self) -> float | None:
        """Return a tenth of the rate at which the loss is least; None where it is flat."""
        return None if self.is_flat else self._least_rate / BELOW

    @property
    def suggested(self) -> float | None:
        """Return the rate to take; None where the curve is flat.

        That is the usual one in the decade up to the rate of the least loss, else `bound`: a test
        tells the order of magnitude, and within it the rate of the steepest fall trains no better
        and for some networks worse; see `benchmarks.learning_rates`.
        """
        return self.usual if self.bound is not None and self.is_usual_fit else self.bound

    @property
    def is_usual_fit(self) -> bool:
        """Tell whether the usual rate lies where the loss falls, near its least."""
        return self._least_rate / BELOW <= self.usual <= self._least_rate

    @property
    def _least_rate(self) -> float:
        return float(self.records["rate"].iloc[self._least])

    def to_frame(self) -> "pd.DataFrame":
        """Return the records, one row per step."""
        return self.records.copy()

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON."""
        names = ["suggested", "steepest", "bound", "usual", "optimizer", "is_flat", "ran_away"]
        found: dict[str, Any] = to_json(
            {
                "model": self.provenance.model,
                "dataset": self.provenance.dataset,
                **{name: getattr(self, name) for name in names},
                "steps": len(self.records),
                "in_words": in_words(self),
                "seconds": self.provenance.seconds,
                "warnings": self.provenance.warnings,
            }
        )
        return found


def in_words(result: RateResult) -> str:
    """Return what the curve suggests, beside what is usual, in sentences."""
    last = float(result.records["rate"].iloc[-1])
    if result.suggested is None:
        return (
            f"The curve shows nothing: up to a learning rate of {last:.2g} the loss fell by no "
            f"more than its noise. Take the usual {result.usual:.2g}, or look again with more "
            "--steps or a larger --batch-size."
        )
    end = f"runs away at {last:.2g}" if result.ran_away else f"has not run away at {last:.2g}"
    least = (result.bound or math.nan) * BELOW
    falls = f"The loss falls fastest at {result.steepest:.2g} and {end}."
    if result.is_usual_fit:
        return (
            f"Take a learning rate of {result.suggested:.2g}, the usual one: it lies in the decade "
            f"up to {least:.2g}, at which the loss is least, and more than the decade a test of "
            f"{len(result.records)} steps does not tell. {falls}"
        )
    return (
        f"Take a learning rate of {result.suggested:.2g}, a tenth of that at which the loss is "
        f"least: the usual {result.usual:.2g} lies {_where(result.usual, least)}. {falls}"
    )


def _where(usual: float, least: float) -> str:
    return "above that, where the loss rises" if usual > least else "more than a decade below that"
