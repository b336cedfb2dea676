"""`score_card`: every number of several results in one long table, with its interval and n."""

from collections.abc import Sequence

import pandas as pd

from usable_core.catalog.metrics import METRICS
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.robustness import RobustnessResult
from usable_core.metrics.intervals import Estimate, Proportion

ACCURACY_METRICS = (
    "accuracy",
    "top5",
    "balanced_accuracy",
    "majority_baseline",
    "ece",
    "ece_equal_mass",
    "brier",
    "nll",
)
PER_EPSILON = ("robust_accuracy", "robustness", "conditional_success", "noise_accuracy")


def score_card(
    results: Sequence[AccuracyResult | RobustnessResult], *, names: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return one row per model, metric and epsilon.

    Columns: model, metric (as people call it), epsilon (NaN where it has none), value, low, high,
    n. Shares are in [0, 1], the robustness score in [-1, 0], NLL in nats.
    """
    rows = []
    for name, result in zip(names or [r.provenance.model for r in results], results, strict=True):
        for metric, epsilon, found in _numbers(result):
            title = METRICS[metric].title
            rows.append((name, title, epsilon, found.value, found.low, found.high, found.n))
    columns = ["model", "metric", "epsilon", "value", "low", "high", "n"]
    return pd.DataFrame(rows, columns=columns)


def _numbers(
    result: AccuracyResult | RobustnessResult,
) -> list[tuple[str, float, Proportion | Estimate]]:
    nowhere = float("nan")
    if isinstance(result, AccuracyResult):
        found = {m: getattr(result, m) for m in ACCURACY_METRICS if m != "ece"}
        found["ece"] = result.ece()
        return [(metric, nowhere, found[metric]) for metric in ACCURACY_METRICS]
    rows: list[tuple[str, float, Proportion | Estimate]] = [
        ("clean_accuracy", nowhere, result.clean_accuracy),
        ("area", nowhere, result.area),
    ]
    for metric in PER_EPSILON:
        at = zip(result.epsilons, getattr(result, metric), strict=True)
        rows += [(metric, epsilon, found) for epsilon, found in at]
    return rows
