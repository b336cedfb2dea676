"""Do attacks and corruptions say the same? Rank agreement, over examples and over models.

Spearman's coefficient throughout: 1 where both put everything in one order, NaN where one of them
tells nothing apart.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from usable_core.errors import ConfigError, DatasetRefused
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.result import question
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.metrics.intervals import Estimate
from usable_core.metrics.ranks import spearman, spearman_estimate

LEAST_MODELS = 3  # two models agree or disagree wholly, whatever they are


@dataclass(frozen=True)
class Agreement:
    """How far attack and corruption rank alike.

    Attributes:
        correlation: Spearman's coefficient with its interval; n counts examples or models.
        points: What was ranked, one row per example or model.
    """

    correlation: Estimate
    points: pd.DataFrame


def agreement_by_example(attack: RobustnessResult, corruption: CorruptionResult) -> Agreement:
    """Return whether examples that an attack breaks early survive few corruptions, for one model.

    Examples that are wrong when clean are left out: they would agree by definition.

    Returns:
        `points` has index, id, breaking_epsilon (the smallest of the grid that breaks the example;
        infinite where none does, which ranks last) and survived (cells that are right). The
        interval resamples examples.

    Raises:
        ConfigError: the results are of two models.
        DatasetRefused: they have no example in common.
    """
    if attack.provenance.model_fingerprint != corruption.provenance.model_fingerprint:
        raise ConfigError(
            "Agreement over examples needs both results of one model, but got "
            f"{attack.provenance.model} and {corruption.provenance.model}. Choose one model's."
        )
    keys = ["id", "copy"]
    points = breaking_epsilons(attack).merge(_survived(corruption), on=keys, how="inner")
    if points.empty:
        raise DatasetRefused(
            "The results have no example in common. Measure both on the same part of the data set."
        )
    points = points[points["is_right"]].drop(columns=["copy", "is_right"])
    points = points.sort_values("index", ignore_index=True)
    found = spearman_estimate(
        points["breaking_epsilon"].to_numpy(), points["survived"].to_numpy(dtype=np.float64)
    )
    return Agreement(found, points)


def agreement_across_models(
    attacks: Sequence[RobustnessResult], corruptions: Sequence[CorruptionResult]
) -> Agreement:
    """Return whether models that withstand attacks withstand corruptions, one point per model.

    A model counts where it has a result of each kind, the last one of each. Below three models the
    coefficient is NaN; it never has an interval, for models are no sample of anything.

    Returns:
        `points` has model, area (mean robust accuracy over the grid) and corruption_accuracy, each
        with `_low` and `_high`.

    Raises:
        ConfigError: attacks, budgets, corruptions or severities differ between models.
        DatasetRefused: the results are of several data sets.
    """
    _check_same([question(r.config) for r in attacks], "attack, with its steps and budgets,")
    _check_same([(r.corruptions, r.severities) for r in corruptions], "corruptions and severities")
    results = [r.provenance for r in attacks] + [r.provenance for r in corruptions]
    if len({provenance.dataset_fingerprint for provenance in results}) > 1:
        raise DatasetRefused("Agreement over models needs results on one data set.")
    attacked = {r.provenance.model_fingerprint: r for r in attacks}
    rows = []
    for mark, result in {r.provenance.model_fingerprint: r for r in corruptions}.items():
        if mark in attacked:
            found = (attacked[mark].area, result.mean_corruption_accuracy)
            ends = (end for f in found for end in (f.value, f.low, f.high))
            rows.append((result.provenance.model, *ends))
    columns = ["area", "corruption_accuracy"]
    names = ["model", *(f"{c}{end}" for c in columns for end in ("", "_low", "_high"))]
    points = pd.DataFrame(rows, columns=names)
    first, second = (points[c].to_numpy(dtype=np.float64) for c in columns)
    value = spearman(first, second) if len(points) >= LEAST_MODELS else math.nan
    return Agreement(Estimate(value, math.nan, math.nan, len(points)), points)


def breaking_epsilons(attack: RobustnessResult) -> pd.DataFrame:
    """Return index, id, copy, is_right (when clean) and breaking_epsilon, one row per example."""
    records = attack.records.sort_values(["index", "epsilon"])
    is_broken = records["prediction"] != records["label"]
    broken = records["epsilon"].where(is_broken, np.inf).groupby(records["index"]).min()
    first = records.drop_duplicates("index").set_index("index")
    found = pd.DataFrame(
        {
            "id": first["id"].astype(str),
            "is_right": first["clean_prediction"] == first["label"],
            "breaking_epsilon": broken,
        }
    )
    return found.reset_index().assign(copy=found.groupby("id").cumcount().to_numpy())


def _survived(corruption: CorruptionResult) -> pd.DataFrame:
    """Return id, copy and survived (cells that are right), one row per example."""
    first = corruption.records.drop_duplicates("index").sort_values("index")
    found = pd.DataFrame(
        {"id": first["id"].astype(str).to_numpy(), "survived": corruption.corrupted.sum((1, 2))}
    )
    return found.assign(copy=found.groupby("id").cumcount())


def _check_same(settings: Sequence[object], what: str) -> None:
    if len(set(settings)) > 1:
        raise ConfigError(
            f"Agreement over models needs the same {what} for all of them, but there are "
            f"{len(set(settings))} settings. Measure again with one."
        )
