"""The question "is this backbone worth tuning on the task?", asked before tuning, and its answer.

Records, one row per example of the training part:
    index (position in that part), id (hash of the example), label (true class, an index into
    provenance.class_names), fold (in which it was held out), neighbour (class of most of the
    nearest other examples), probe (class by a linear probe on the other folds); of a text also
    text (its first 1,000 characters).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from usable_core.evaluations.result import Answer, Condition, Number, summed_up
from usable_core.evaluations.specs import DatasetSpec, InputKind, ModelSpec, Provenance
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Estimate, Proportion
from usable_core.metrics.transferability import jackknife

if TYPE_CHECKING:
    import pandas as pd

LIMIT = 1000  # examples where nothing is said: seconds beside the training that they stand for
FOLDS = 10
# Columns of what is right or wrong of each example, and what that is; the best hint first, see
# `benchmarks.transferability`.
JUDGES = {"neighbour": "the nearest neighbours", "probe": "a linear probe"}
NUMBERS = ("neighbour_accuracy", "logme", "probe_accuracy")  # likewise


@dataclass(frozen=True)
class TransferabilityConfig:
    """How well the frozen features of a model tell the classes of a task apart.

    Asked of several models before any is tuned, on the examples that a training would see.

    Attributes:
        model: The backbone.
        dataset: The task; its training part is used, as by `finetune`.
    """

    model: ModelSpec
    dataset: DatasetSpec
    same: ClassVar[tuple[str, ...]] = ("split", "limit", "seed")

    @staticmethod
    def usual(said: object) -> dict[str, object]:
        """Return what the command line takes for what it was not told: a modest limit."""
        return {"limit": LIMIT}

    @property
    def split(self) -> str:
        """Return which part was asked for: probes of other examples are no equals."""
        return self.dataset.split

    @property
    def limit(self) -> int | None:
        """Return the most examples that were asked for."""
        return self.dataset.limit

    @property
    def seed(self) -> int:
        """Return the seed of their draw."""
        return self.dataset.seed


@dataclass(frozen=True)
class TransferabilityResult(Answer):
    """How often neighbours and a linear probe are right, and LogME.

    Attributes:
        logme: Mean log evidence of an example and class, see `metrics.transferability.logme`.
        logme_without: The same without each fold.
        neighbours: How many are asked.
        width: Features of an example.
    """

    config: TransferabilityConfig
    provenance: Provenance
    records: "pd.DataFrame"
    logme: float
    logme_without: tuple[float, ...]
    neighbours: int
    width: int
    conditions = ("judge",)

    def __repr__(self) -> str:
        return self.headline({"nearest neighbours": self.accuracy("neighbour")})

    @property
    def n(self) -> int:
        """Return the number of examples."""
        return len(self.records)

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""
        return "text" if "text" in self.records else "picture"

    def accuracy(self, judge: str) -> Proportion:
        """Return how often one of `JUDGES` is right, with Wilson's interval."""
        right = self.records["label"].to_numpy() == self.records[judge].to_numpy()
        return share(np.asarray(right))

    @property
    def evidence(self) -> Estimate:
        """Return LogME with the interval of a jackknife by folds."""
        return jackknife(self.logme, np.array(self.logme_without))

    def numbers(self) -> tuple[Number, ...]:
        """Return every number that is shown, the best hint first."""
        without = np.array(self.logme_without)
        evidence = Number(
            "logme",
            self.evidence,
            within=lambda confidence: jackknife(self.logme, without, confidence),
        )
        found = {f"{one}_accuracy": Number(f"{one}_accuracy", self.accuracy(one)) for one in JUDGES}
        return tuple({**found, "logme": evidence}[name] for name in NUMBERS)

    def outcomes(self) -> "pd.DataFrame":
        """Return whether each judge is right about each example, see `Measured`."""
        import pandas as pd

        frame = self.named("label")[["index", "id", "label_name"]]
        frame = frame.rename(columns={"label_name": "label"})
        label = self.records["label"]
        parts = [
            frame.assign(judge=judge, correct=label == self.records[judge]) for judge in JUDGES
        ]
        return pd.concat(parts, ignore_index=True)

    def said(self, condition: Condition) -> str:
        """Return who judges: `a linear probe`."""
        return JUDGES.get(str(condition.get("judge")), "")

    def quantity(self, condition: Condition) -> str:
        """Return whose accuracy it is."""
        return f"accuracy of {self.said(condition)}"

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with class names, one row per example."""
        return self.named("label", *JUDGES)

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON: a proportion is {value, low, high, n}."""
        found = {number.metric: number.found for number in self.numbers()}
        return summed_up(self, "neighbours width", **found)
