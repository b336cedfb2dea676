"""The question "how often is the model right, and does it know when?" and its answer.

Records, one row per example:
    index (position in the evaluated split), id (hash of the image), label (true class, an index
    into provenance.class_names), prediction, rank (of the true class, 0 is top), confidence
    (largest probability), nll (nats), brier (sum over classes of squared error); of the picture,
    before it is resized: width and height (pixels), brightness and contrast (mean and standard
    deviation of its luminance, in [0, 1]; NaN where they are not known), alike (the smallest index
    of a picture that is equal or nearly so; its own where none is); of a text, in place of these
    four, text (its first 1,000 characters); and, as `about_NAME`, what the
    data say of it in a column of their own. Runs of earlier versions lack what is of the picture.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from usable_core.evaluations.result import Answer, Number, summed_up, table
from usable_core.evaluations.specs import (
    LARGEST_BATCH,
    DatasetSpec,
    InputKind,
    ModelSpec,
    Precision,
    Provenance,
    require_choices,
    require_range,
)
from usable_core.metrics import calibration, classification
from usable_core.metrics.arrays import Indices, Masks
from usable_core.metrics.intervals import Estimate, Proportion, mean_estimate

if TYPE_CHECKING:
    import pandas as pd

ACCURACY_COLUMNS = ("index", "id", "label", "prediction", "rank", "confidence", "nll", "brier")
ABOUT = "about_"  # before the name of a column of the data
LETTERS = 1000  # of each text that records hold
WRONG_FOLDER = "wrong"  # of a run's folder: pictures of wrong answers, `{index}.png`
CONFUSION_CLASSES = 100  # most in a summary; 1,000 ImageNet classes would be a million cells


@dataclass(frozen=True)
class AccuracyConfig:
    """What to measure: one model on one data set.

    Attributes:
        model: The model.
        dataset: The data set.
        precision: Number format of the forward passes.
        batch_size: Examples per forward pass; the fastest that fits when not given.
    """

    model: ModelSpec
    dataset: DatasetSpec
    precision: Precision = "float32"
    batch_size: int | None = None
    same: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        require_choices(self)
        require_range(self, "batch_size", 1, LARGEST_BATCH)


@dataclass(frozen=True)
class AccuracyResult(Answer):
    """Per-example outcomes; every number is a property of them."""

    config: AccuracyConfig
    provenance: Provenance
    records: "pd.DataFrame"
    conditions = ()

    def __repr__(self) -> str:
        return self.headline({"accuracy": self.accuracy})

    @property
    def n(self) -> int:
        """Return the number of examples."""
        return len(self.records)

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""
        return "text" if "text" in self.records else "picture"

    @property
    def correct(self) -> Masks:
        """Return whether each prediction is right (N,)."""
        return np.asarray(self._column("label") == self._column("prediction"))

    @property
    def accuracy(self) -> Proportion:
        """Return mean 1[y = ŷ]."""
        return classification.share(self.correct)

    @property
    def top5(self) -> Proportion:
        """Return the share of examples whose true class is among the five most probable."""
        return classification.share(self._column("rank") < 5)

    @property
    def balanced_accuracy(self) -> Estimate:
        """Return the mean recall over the classes that have examples."""
        return classification.balanced_accuracy(*self._outcomes)

    @property
    def worst_class(self) -> Estimate:
        """Return the smallest recall of the classes that have examples."""
        return classification.worst_class(*self._outcomes)

    @property
    def majority_baseline(self) -> Proportion:
        """Return the accuracy of always answering the most frequent class."""
        return classification.majority_baseline(self._column("label"))

    @property
    def brier(self) -> Estimate:
        """Return the mean Brier score, in [0, 2]."""
        return mean_estimate(self._column("brier"))

    @property
    def nll(self) -> Estimate:
        """Return the mean negative log likelihood, in nats."""
        return mean_estimate(self._column("nll"))

    def ece(self, bins: int = calibration.BINS) -> Estimate:
        """Return the expected calibration error over bins of equal width."""
        return self._ece if bins == calibration.BINS else self._calibration(bins, equal_mass=False)

    @cached_property
    def ece_equal_mass(self) -> Estimate:
        """Return the expected calibration error over 15 bins of equal count."""
        return self._calibration(calibration.BINS, equal_mass=True)

    @property
    def reliability(self) -> "pd.DataFrame":
        """Return accuracy beside mean confidence per bin (see `calibration.reliability`)."""
        return calibration.reliability(self._column("confidence"), self.correct)

    @cached_property
    def per_class(self) -> "pd.DataFrame":
        """Return one row per class that has examples.

        Columns: class_index, class_name, n, predicted (times), precision, precision_low,
        precision_high, recall, recall_low, recall_high, f1.
        """
        names = self.provenance.class_names
        return table(
            {
                "class_index": s.index,
                "class_name": names[s.index],
                "n": s.recall.n,
                "predicted": s.precision.n,
                **s.precision.columns("precision"),
                **s.recall.columns("recall"),
                "f1": s.f1,
            }
            for s in classification.class_scores(*self._outcomes)
        )

    def wrong(self, confidence: tuple[float, float] = (0.0, 1.0)) -> "pd.DataFrame":
        """Return the records of wrong answers whose confidence is in a range, the surest first."""
        found = self.records[~self.correct]
        found = found[found["confidence"].between(*confidence)]
        return found.sort_values("confidence", ascending=False, kind="stable")

    @property
    def class_indices(self) -> Indices:
        """Return the classes (C,) of `confusion`: those that occur as label or prediction."""
        return classification.confusion(*self._outcomes)[0]

    @property
    def confusion(self) -> Indices:
        """Return counts (C, C): row is the true class, column the predicted."""
        return classification.confusion(*self._outcomes)[1]

    def worst_confusion(self, most: int = CONFUSION_CLASSES) -> tuple[Indices, Indices]:
        """Return `class_indices` and `confusion`, cut to the `most` classes with most errors."""
        classes, counts = classification.confusion(*self._outcomes)
        wrong = counts.sum(0) + counts.sum(1) - 2 * np.diag(counts)
        kept = np.sort(np.argsort(-wrong, kind="stable")[:most])
        return classes[kept], counts[np.ix_(kept, kept)]

    def numbers(self) -> tuple[Number, ...]:
        """Return every number that is shown."""
        return tuple(Number(metric, number) for metric, number in self._numbers.items())

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with class names and `correct`, one row per example."""
        return self.named("label", "prediction").assign(correct=self.correct)

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON: a proportion is {value, low, high, n}."""
        classes, confusion = self.worst_confusion()
        names = self.provenance.class_names
        per_class = [
            {"class_name": names[s.index], "n": s.recall.n}
            | {figure: getattr(s, figure) for figure in ("precision", "recall", "f1")}
            for s in classification.class_scores(*self._outcomes)
        ]
        return summed_up(
            self,
            **self._numbers,
            ece_bins=calibration.BINS,
            per_class=per_class,
            confusion=confusion,
            confusion_classes=[names[c] for c in classes],
            confusion_left_out=self.n - int(confusion.sum()),
        )

    @cached_property
    def _numbers(self) -> dict[str, Estimate]:
        """Return every number by its key in `METRICS`."""
        return {
            "accuracy": self.accuracy,
            "top5": self.top5,
            "balanced_accuracy": self.balanced_accuracy,
            "worst_class": self.worst_class,
            "majority_baseline": self.majority_baseline,
            "ece": self.ece(),
            "ece_equal_mass": self.ece_equal_mass,
            "brier": self.brier,
            "nll": self.nll,
        }

    @cached_property
    def _ece(self) -> Estimate:
        return self._calibration(calibration.BINS, equal_mass=False)

    def _calibration(self, bins: int, *, equal_mass: bool) -> Estimate:
        confidence = self._column("confidence").astype(np.float64)
        return calibration.calibration_error(confidence, self.correct, bins, equal_mass=equal_mass)

    @property
    def _outcomes(self) -> tuple[Indices, Indices]:
        return self._column("label"), self._column("prediction")

    def _column(self, name: str) -> NDArray[Any]:
        return np.asarray(self.records[name].to_numpy())
