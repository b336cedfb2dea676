"""The question "what in the input made the model say so, and is the map to be believed?"."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from usable_core.catalog import lookup
from usable_core.catalog.explainers import BACKGROUNDS, EXPLAINERS, TEXT_BACKGROUNDS
from usable_core.evaluations.doubts import doubts
from usable_core.evaluations.explanation_columns import (
    COLUMNS,
    FIGURES,
    SHOWN,
    TEXT_COLUMNS,
    TEXT_FIGURES,
)
from usable_core.evaluations.result import Answer, Number, summed_up, table
from usable_core.evaluations.specs import (
    MOST_SEED,
    DatasetSpec,
    InputKind,
    ModelSpec,
    Provenance,
    asked,
    require,
    require_choices,
    require_range,
)
from usable_core.metrics.arrays import Floats
from usable_core.metrics.intervals import CONFIDENCE, Estimate, bootstrap, wilson

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 10  # explained when nobody says otherwise
_WORST = 5  # examples named in a summary


@dataclass(frozen=True)
class ExplainerOptions:
    """How maps are made, the same for every method and backbone of a comparison.

    Attributes:
        evaluations: Largest number of model evaluations per map.
        segments: Target count of SLIC superpixels, shared by the methods that use them.
        background: What hides a part; the usual one of a text is the model's mask, or nothing.
        seed: Seed of every sampler.
        tolerance: A map whose Monte Carlo standard error is below this share of its largest value
            is stable and gets no more evaluations; 0 spends them all.
        precision: `float32`, or `auto`: bfloat16 where the device gains from it and a first batch
            shows that probabilities agree.
    """

    evaluations: int = 500
    segments: int = 50
    background: str = field(
        default="blur", metadata=asked(choices=lambda: [*BACKGROUNDS, *TEXT_BACKGROUNDS])
    )
    seed: int = 0
    tolerance: float = 0.0
    precision: Literal["float32", "auto"] = "float32"

    def __post_init__(self) -> None:
        require_choices(self)
        require_range(self, "evaluations", 16, 1_000_000)
        require_range(self, "segments", 2, 1000)
        lookup({**BACKGROUNDS, **TEXT_BACKGROUNDS}, "background", self.background)
        require_range(self, "seed", 0, MOST_SEED)
        require_range(self, "tolerance", 0, 1 - 2**-53, "from 0 to below 1")


def check_options(options: object) -> None:
    """Check that what should say how maps are made does.

    Raises:
        ConfigError: it is something else.
    """
    expected = "usable.ExplainerOptions, such as ExplainerOptions(evaluations=200)"
    require(isinstance(options, ExplainerOptions), "options", expected, options)


@dataclass(frozen=True)
class ExplanationConfig:
    """What to measure: one model's explanations over the examples of a data set.

    Attributes:
        model: The model.
        dataset: The data set; its `limit` says how many examples are explained.
        methods: Explanation methods; repeatable, or with commas.
        target: Class that is explained: `predicted`, `true`, or a class name.
        options: How maps are made.
        evidence: What is measured beside each map: `none`; `curves`, deletion and insertion behind
            a blur, some 130 evaluations for the first map of an image and 40 for each other; `all`,
            these behind the mean colour too, ROAD, and two further maps: with random weights and
            of another class. Of texts both have the curves behind two backgrounds.
    """

    model: ModelSpec
    dataset: DatasetSpec
    methods: tuple[str, ...] = field(
        default=("lime", "partition_shap"), metadata=asked("--method", choices=EXPLAINERS.keys)
    )
    target: str = "predicted"
    options: ExplainerOptions = ExplainerOptions()
    evidence: Literal["none", "curves", "all"] = field(
        default="curves",
        metadata=asked(
            flag="all", help="Also a second background, ROAD, random weights and another class."
        ),
    )
    same: ClassVar[tuple[str, ...]] = ("target", "options")

    @staticmethod
    def usual(said: Mapping[str, object]) -> dict[str, object]:
        """Return what the command line takes for what it was not told: how many images."""
        return {"limit": EXAMPLES}

    def __post_init__(self) -> None:
        require(len(self.methods) > 0, "methods", "at least one", self.methods)
        check_options(self.options)
        for method in self.methods:
            lookup(EXPLAINERS, "explanation method", method)
        require_choices(self)


@dataclass(frozen=True)
class ExplanationResult(Answer):
    """Per-map figures; every number is a property of them."""

    config: ExplanationConfig
    provenance: Provenance
    records: "pd.DataFrame"

    def __repr__(self) -> str:
        rows = self.per_method.dropna(subset="deletion_gain").to_dict("records")
        gain = {f"{row['method']} deletion gain": _estimate(row, "deletion_gain") for row in rows}
        return self.headline(gain)

    @property
    def n(self) -> int:
        """Return the number of examples."""
        return int(self.records["index"].nunique())

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""
        return "text" if "text" in self.records else "picture"

    @property
    def figures(self) -> tuple[str, ...]:
        """Return the figures of single maps that there are of such examples."""
        return TEXT_FIGURES if self.kind == "text" else FIGURES

    @cached_property
    def per_method(self) -> "pd.DataFrame":
        """Return one row per method that gave maps, in the order asked for.

        Columns: method, n (maps); the median of each of `figures` with its interval, `…_low` and
        `…_high` (bootstrap over the examples); r2_lowest and additivity_gap_largest; doubtful, the
        share of maps with a reason to doubt them, with Wilson's interval; evaluations and seconds
        (means per map). NaN where a method has no such figure.
        """
        records = self.records.reindex(columns=self._columns)
        doubted = np.array([bool(reasons) for reasons in self._doubts], dtype=bool)
        rows = []
        for method in self.config.methods:
            chosen = (records["method"] == method).to_numpy()
            if not chosen.any():  # it refused this model
                continue
            of = records[chosen]
            row: dict[str, Any] = {"method": method, "n": len(of)}
            for figure in self.figures:
                row |= _median(of[figure].to_numpy(dtype=np.float64)).columns(figure)
            row["r2_lowest"] = of["r2"].min()
            row["additivity_gap_largest"] = of["additivity_gap"].max()
            row |= wilson(int(doubted[chosen].sum()), len(of)).columns("doubtful")
            rows.append(row | {cost: of[cost].mean() for cost in ("evaluations", "seconds")})
        return table(rows)

    def worst(self, count: int, method: str | None = None) -> "pd.DataFrame":
        """Return the maps that are the least to be trusted, worst first, one per example.

        Those with the most reasons to doubt them come first; among equals, those whose order the
        network confirms the least. Columns are those of the records, `doubts` (how many) and
        `reason`.

        Args:
            count: At most so many.
            method: Only maps by this method; by all where None.
        """
        frame = self.records.reindex(columns=self._columns)
        reasons = self._doubts
        frame = frame.assign(
            doubts=[len(of) for of in reasons],
            reason=["; ".join(of) or "nothing speaks against it" for of in reasons],
            gain=frame[["deletion_gain", "insertion_gain"]].mean(axis=1),
        )
        frame = frame.sort_values(["doubts", "gain"], ascending=[False, True], kind="stable")
        if method is not None:
            frame = frame[frame["method"] == method]
        worst = frame.drop_duplicates("index").drop(columns="gain")
        return worst.head(count).reset_index(drop=True)

    @property
    def _columns(self) -> list[str]:
        own = TEXT_COLUMNS if self.kind == "text" else COLUMNS
        return list(dict.fromkeys([*self.records.columns, *own]))

    @cached_property
    def _doubts(self) -> list[list[str]]:
        """Return the reasons against each map of the records."""
        figures = self.records.reindex(columns=list(self.figures)).to_dict("records")
        return [[sentence for _, sentence in doubts(of_map)] for of_map in figures]

    def numbers(self) -> tuple[Number, ...]:
        """Return every number that is shown, of each method that has it."""
        rows = self.per_method.to_dict("records")
        return tuple(
            Number(
                metric,
                _estimate(row, metric),
                EXPLAINERS[row["method"]].title,
                within=self._within(metric, row["method"]),
            )
            for metric in SHOWN
            for row in rows
            if row.get(metric, np.nan) == row.get(metric, np.nan)
        )

    def _within(self, metric: str, method: str) -> Callable[[float], Estimate] | None:
        """Return what gives a median with the interval of another confidence."""
        if metric not in self.figures:
            return None
        records = self.records
        values = records.loc[records["method"] == method, metric].to_numpy(dtype=np.float64)
        return lambda confidence: _median(values, confidence)

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with class names, one row per map."""
        return self.named("label", "prediction", "target")

    def summary(self) -> dict[str, Any]:
        """Return the numbers as JSON, one entry of `methods` per method."""
        worst = self.worst(_WORST)[["index", "id", "method", "doubts", "reason"]]
        return summed_up(
            self,
            target=self.config.target,
            evidence=self.config.evidence,
            methods=self.per_method.to_dict("records"),
            worst=worst.to_dict("records"),
        )


def _estimate(row: dict[Hashable, Any], metric: str) -> Estimate:
    low, high = (row.get(f"{metric}_{end}", np.nan) for end in ("low", "high"))
    return Estimate(row[metric], low, high, row["n"])


def _median(values: Floats, confidence: float = CONFIDENCE) -> Estimate:
    """Return the median of the known values with percentiles of resampled images."""
    known = values[~np.isnan(values)]
    value = float(np.median(known)) if len(known) else np.nan
    if len(known) < 2:
        return Estimate(value, np.nan, np.nan, len(known))
    drawn = bootstrap(lambda indices: np.median(known[indices], axis=1), len(known))
    with np.errstate(invalid="ignore"):  # an error that nobody knows is infinite
        low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, float(low), float(high), len(known))
