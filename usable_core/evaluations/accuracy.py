"""The question "how often is the model right, and does it know when?" and its answer.

Records, one row per example:
    index (position in the evaluated split), id (hash of the image), label (true class, an index
    into provenance.class_names), prediction, rank (of the true class, 0 is top), confidence
    (largest probability), nll (nats), brier (sum over classes of squared error).
"""

from dataclasses import dataclass

import pandas as pd

from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Precision, Provenance, require

ACCURACY_COLUMNS = ("index", "id", "label", "prediction", "rank", "confidence", "nll", "brier")


@dataclass(frozen=True)
class AccuracyConfig:
    """What to measure: one model on one data set.

    Attributes:
        model: The model.
        dataset: The data set.
        precision: Number format of the forward passes.
        batch_size: Examples per forward pass; None chooses the fastest that fits.
    """

    model: ModelSpec
    dataset: DatasetSpec
    precision: Precision = "float32"
    batch_size: int | None = None

    def __post_init__(self) -> None:
        require(self.batch_size is None or self.batch_size >= 1, "batch_size", "at least 1", self.batch_size)


@dataclass(frozen=True)
class AccuracyResult:
    """Per-example outcomes; every number is a property of them."""

    config: AccuracyConfig
    provenance: Provenance
    records: pd.DataFrame
