"""The question "what in the image made the model say so, and is the map to be believed?".

Records, one row per (example, method):
    index, id, label (-1: unknown to the model), prediction, target (the class explained), method,
    r2 (weighted local R², LIME; NaN otherwise), additivity_gap (|sum of values + base − f(x)| in
    output units, SHAP; NaN otherwise), evaluations (forward passes of single images), seconds.
The maps themselves are artifacts: `maps.npz`, key "{index}_{method}", arrays (H, W) float32.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from usable_core.catalog.explainers import BACKGROUNDS
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Provenance, is_between, require
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ExplainerOptions:
    """How maps are made, the same for every method and backbone of a comparison.

    Attributes:
        evaluations: Largest number of model evaluations per map.
        segments: Target count of SLIC superpixels, shared by the methods that use them.
        background: What hides a part: a key of `catalog.explainers.BACKGROUNDS`.
        seed: Seed of every sampler.
        tolerance: A map whose Monte Carlo standard error is below this share of its largest value
            is stable and gets no more evaluations; 0 spends them all.
        precision: `float32`, or `auto`: bfloat16 where the device gains from it and a first batch
            shows that probabilities agree.
    """

    evaluations: int = 500
    segments: int = 50
    background: str = "blur"
    seed: int = 0
    tolerance: float = 0.0
    precision: Literal["float32", "auto"] = "float32"

    def __post_init__(self) -> None:
        require(
            is_between(self.evaluations, 16, 1_000_000),
            "evaluations",
            "at least 16",
            self.evaluations,
        )
        require(is_between(self.segments, 2, 1000), "segments", "between 2 and 1000", self.segments)
        require(
            self.background in BACKGROUNDS,
            "background",
            f"one of {', '.join(BACKGROUNDS)}",
            self.background,
        )
        require(0 <= self.tolerance < 1, "tolerance", "from 0 to below 1", self.tolerance)
        require(
            self.precision in ("float32", "auto"), "precision", "float32 or auto", self.precision
        )


@dataclass(frozen=True)
class ExplanationConfig:
    """What to measure: one model's explanations over the examples of a data set.

    Attributes:
        model: The model.
        dataset: The data set; its `limit` says how many images are explained.
        methods: Keys of `catalog.explainers.EXPLAINERS`.
        target: `predicted`, `true`, or a class name.
        options: How maps are made.
    """

    model: ModelSpec
    dataset: DatasetSpec
    methods: tuple[str, ...] = ("lime", "partition_shap")
    target: str = "predicted"
    options: ExplainerOptions = ExplainerOptions()

    def __post_init__(self) -> None:
        from usable_core.catalog import lookup
        from usable_core.catalog.explainers import EXPLAINERS

        require(len(self.methods) > 0, "methods", "at least one", self.methods)
        for method in self.methods:
            lookup(EXPLAINERS, "explanation method", method)


@dataclass(frozen=True)
class ExplanationResult:
    """Per-map figures; every number is a property of them."""

    config: ExplanationConfig
    provenance: Provenance
    records: "pd.DataFrame"

    @property
    def n(self) -> int:
        """Return the number of images."""
        return int(self.records["index"].nunique())

    @property
    def per_method(self) -> "pd.DataFrame":
        """Return one row per method, in the order asked for.

        Columns: method, n (maps), r2 (median) and r2_lowest, additivity_gap (median) and
        additivity_gap_largest, evaluations and seconds (means per map). NaN where a method has no
        such figure.
        """
        import pandas as pd

        rows = []
        for method in self.config.methods:
            of = self.records[self.records["method"] == method]
            rows.append({
                "method": method, "n": len(of),
                "r2": of["r2"].median(), "r2_lowest": of["r2"].min(),
                "additivity_gap": of["additivity_gap"].median(),
                "additivity_gap_largest": of["additivity_gap"].max(),
                "evaluations": of["evaluations"].mean(), "seconds": of["seconds"].mean(),
            })  # fmt: skip
        return pd.DataFrame(rows)

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with class names, one row per map."""
        names = np.asarray(self.provenance.class_names, dtype=object)
        columns = ("label", "prediction", "target")
        return self.records.assign(
            **{
                f"{c}_name": np.where(self.records[c] >= 0, names[self.records[c].to_numpy()], None)
                for c in columns
            }
        )

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON, one entry of `methods` per method."""
        found: dict[str, Any] = to_json({
            "model": self.provenance.model, "dataset": self.provenance.dataset,
            "split": self.provenance.split, "n": self.n, "target": self.config.target,
            "methods": self.per_method.to_dict("records"),
            "seconds": self.provenance.seconds, "warnings": self.provenance.warnings,
        })  # fmt: skip
        return found
