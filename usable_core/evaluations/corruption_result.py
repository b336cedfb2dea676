"""The answer to a corruption question: every number is a function of the records.

Their columns are said in `evaluations.corruption`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from usable_core.catalog.text_corruptions import KNOWN
from usable_core.errors import ConfigError, DatasetRefused
from usable_core.evaluations import corruption_tables as tables
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.result import Answer, Condition, Measured, Number, question, summed_up
from usable_core.evaluations.specs import InputKind, Provenance
from usable_core.metrics import calibration, corruption
from usable_core.metrics.arrays import Indices, Masks
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Estimate, Proportion

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class CorruptionResult(Answer):
    """Per-example outcomes of every cell (corruption, severity); every number is of them."""

    config: CorruptionConfig
    provenance: Provenance
    records: "pd.DataFrame"
    conditions = ("corruption", "severity")
    per_cell = cached_property(tables.per_cell)
    by_corruption = cached_property(tables.by_corruption)
    by_severity = cached_property(tables.by_severity)
    by_group = cached_property(tables.by_group)

    def __repr__(self) -> str:
        under = self.mean_corruption_accuracy
        return self.headline({"clean accuracy": self.clean_accuracy, "under corruptions": under})

    @property
    def axis(self) -> str:  # type: ignore[override]
        """Return the corruptions: means over different ones do not compare."""
        return " ".join(self.corruptions)

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""
        return "text" if "text" in self.records else "picture"

    @property
    def n(self) -> int:
        """Return the number of examples."""
        return len(self.clean)

    @property
    def corruptions(self) -> tuple[str, ...]:
        """Return the keys of the corruptions, in the order asked for."""
        return self.config.corruptions

    @property
    def severities(self) -> tuple[int, ...]:
        """Return the severities, increasing."""
        return self.config.severities

    @property
    def image_size(self) -> tuple[int, int]:
        """Return (height, width) of the images when they were corrupted; zeros where none were."""
        if len(self.records) == 0:
            return 0, 0
        return int(self.records["height"].iloc[0]), int(self.records["width"].iloc[0])

    @cached_property
    def clean(self) -> Masks:
        """Return whether the unchanged examples are right (N,), in order of index."""
        return np.asarray(self._cells("clean_prediction") == self._cells("label"))[:, 0, 0]

    @cached_property
    def corrupted(self) -> Masks:
        """Return whether the corrupted examples are right (N, corruptions, severities)."""
        return np.asarray(self._cells("prediction") == self._cells("label"))

    @property
    def clean_accuracy(self) -> Proportion:
        """Return mean 1[y = ŷ] of the unchanged images."""
        return share(self.clean)

    def accuracy(self, name: str, severity: int) -> Proportion:
        """Return mean 1[y = ŷ'] of one cell.

        Raises:
            ValueError: the cell was not measured.
        """
        cell = self.corruptions.index(name), self.severities.index(severity)
        return share(self.corrupted[:, cell[0], cell[1]])

    def broken(self, name: str | None = None, severity: int = 0) -> "pd.DataFrame":
        """Return the records that one cell broke: right when clean and wrong there, surest first.

        Args:
            name: The corruption; None returns what is wrong when clean, the surest first.
            severity: Of the corruption.
        """
        records = self.records
        is_clean = (records["clean_prediction"] == records["label"]).to_numpy()
        if name is None:
            found = records[~is_clean].drop_duplicates("index")
            return found.sort_values("clean_confidence", ascending=False, kind="stable")
        here = (records["corruption"] == name) & (records["severity"] == severity)
        found = records[here & is_clean & (records["prediction"] != records["label"])]
        return found.sort_values("confidence", ascending=False, kind="stable")

    @cached_property
    def mean_corruption_accuracy(self) -> Estimate:
        """Return the mean accuracy over corruptions and severities, clustered by example."""
        return corruption.mean_accuracy(self.corrupted)

    @cached_property
    def relative_drop(self) -> Estimate:
        """Return 1 − mean corruption accuracy / clean accuracy, resampled by example."""
        return corruption.relative_drop(self.clean, self.corrupted)

    @cached_property
    def clean_ece(self) -> Estimate:
        """Return the expected calibration error of the unchanged images."""
        confidence = self._cells("clean_confidence")[:, 0, 0].astype(np.float64)
        return calibration.calibration_error(confidence, self.clean)

    def ece(self, name: str) -> Estimate:
        """Return the expected calibration error of one corruption, over its severities.

        Raises:
            ValueError: the corruption was not measured.
        """
        return self._ece[self.corruptions.index(name)]

    @cached_property
    def mean_ece(self) -> float:
        """Return the mean over the corruptions of their expected calibration error."""
        return float(np.mean([found.value for found in self._ece]))

    def mce(self, reference: "CorruptionResult") -> Estimate:
        """Return the mean corruption error relative to another model's on the same images.

        Errors are summed over severities, divided by the reference's sum, and averaged over the
        corruptions; NaN where the reference makes no error. The interval resamples examples.

        Raises:
            ConfigError: corruptions, severities, seed or image size differ.
            DatasetRefused: the images differ.
        """
        if question(self.config) != question(reference.config):
            raise ConfigError(
                "mCE needs the same corruptions, severities and seed for both models, but they "
                "differ. Measure the reference again with this model's settings."
            )
        if self.image_size != reference.image_size:
            raise ConfigError(
                f"mCE needs images corrupted at one size, but these were {self.image_size} and "
                f"{reference.image_size} pixels. Choose a reference of the same input size."
            )
        if self._images != reference._images:
            raise DatasetRefused(
                "mCE needs errors of both models on the same images, but the images or their "
                "classes differ. Measure the reference on this part of the data set."
            )
        return corruption.relative_error(self.corrupted, reference.corrupted)

    def numbers(self) -> tuple[Number, ...]:
        """Return every number that is shown."""
        titles = [KNOWN[name].title for name in self.corruptions]
        return (
            Number("clean_accuracy", self.clean_accuracy),
            Number("mean_corruption_accuracy", self.mean_corruption_accuracy),
            Number("relative_drop", self.relative_drop),
            *(
                Number("corruption_accuracy", corruption.mean_accuracy(self.corrupted[:, [i]]), t)
                for i, t in enumerate(titles)
            ),
            Number("ece", self.clean_ece, "clean"),
            *(Number("ece", found, t) for found, t in zip(self._ece, titles, strict=True)),
        )

    def relative_to(self, reference: Measured) -> tuple[Number, ...]:
        """Return the mean corruption error relative to another model's."""
        return (Number("mce", self.mce(cast(CorruptionResult, reference))),)

    def said(self, condition: Condition) -> str:
        """Return the cell of a condition: `Fog, severity 3`."""
        return f"{KNOWN[condition['corruption']].title}, severity {condition['severity']}"

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with class names and `correct`, one row per example and cell."""
        frame = self.named("label", "clean_prediction", "prediction")
        return frame.assign(correct=frame["prediction"] == frame["label"])

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON: a number with its interval is {value, low, high, n}."""
        tables = {
            name: getattr(self, name) for name in ("by_corruption", "by_severity", "by_group")
        }
        return summed_up(
            self,
            "corruptions severities image_size clean_accuracy mean_corruption_accuracy "
            "relative_drop clean_ece",
            mean_ece=self.mean_ece,
            seed=self.config.seed,
            ece_bins=calibration.BINS,
            **{name: table.to_dict("records") for name, table in tables.items()},
            cells=self.per_cell.to_dict("records"),
        )

    @cached_property
    def _ece(self) -> tuple[Estimate, ...]:
        confidence = self._cells("confidence").astype(np.float64)
        return tuple(
            calibration.clustered_calibration_error(confidence[:, i], self.corrupted[:, i])
            for i in range(len(self.corruptions))
        )

    @property
    def _images(self) -> tuple[list[str], list[str]]:
        """Return id and class name of each example, in order of index."""
        first = self.records.drop_duplicates("index").sort_values("index")
        names = np.asarray(self.provenance.class_names, dtype=object)
        return [str(i) for i in first["id"]], list(names[first["label"].to_numpy()])

    @cached_property
    def _order(self) -> Indices:
        """Return the row of the records (N, corruptions, severities) of each cell."""
        records = self.records
        _, example = np.unique(records["index"].to_numpy(), return_inverse=True)
        place = {name: i for i, name in enumerate(self.corruptions)}
        which = records["corruption"].astype(str).map(place).to_numpy()
        how = np.searchsorted(self.severities, records["severity"].to_numpy())
        shape = (
            int(example.max()) + 1 if len(example) else 0,
            len(self.corruptions),
            len(self.severities),
        )
        rows = np.full(shape, -1, dtype=np.int64)
        rows[example, which.astype(np.int64), how] = np.arange(len(records))
        if (rows < 0).any():
            raise ValueError("the records lack some cells of some examples")
        return rows

    def _cells(self, column: str) -> NDArray[Any]:
        """Return a column as (N, corruptions, severities)."""
        return np.asarray(self.records[column].to_numpy()[self._order])
