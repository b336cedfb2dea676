"""`score_card`: every number of several results in one long table, with its interval and n."""

from collections.abc import Sequence
from dataclasses import astuple

import pandas as pd

from usable_core.catalog.metrics import METRICS
from usable_core.evaluations.result import Measured

COLUMNS = ["model", "metric", "at", "epsilon", "value", "low", "high", "n"]


def score_card(results: Sequence[Measured], *, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return one row per model, metric and place within the answer (a budget, a method).

    Columns: model, metric (as people call it), at (the place as people write it), epsilon (NaN
    where it has none), value, low, high, n. Shares are in [0, 1], the robustness score in [-1, 0],
    NLL in nats.
    """
    called = names or [r.provenance.model for r in results]
    rows = [
        (name, METRICS[number.metric].title, number.at, number.epsilon, *astuple(number.found))
        for name, result in zip(called, results, strict=True)
        for number in result.numbers()
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
