"""Labels that are probably wrong, as records show them: by low probability, and by agreement.

Both name pictures to be looked at; what a model gets wrong by itself is among them.

Reference: Northcutt, Jiang & Chuang 2021, "Confident learning", JAIR 70:1373-1411.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from usable_core.evaluations.accuracy import AccuracyResult

if TYPE_CHECKING:
    import pandas as pd


def unlikely_labels(result: AccuracyResult) -> "pd.DataFrame":
    """Return the records whose class is called otherwise with confidence, the least likely first.

    Called another class j with at least the confidence that the model has in class j where it is
    the label, on average (the thresholds of confident learning; the class that is named second is
    not in the records, so that only wrong answers count).
    """
    records = result.records
    own = np.exp(-records["nll"].to_numpy(dtype=np.float64))
    usual = records.assign(own=own).groupby("label")["own"].mean()
    threshold = records["prediction"].map(usual).to_numpy(dtype=np.float64)  # NaN of no example
    is_called = ~result.correct & (records["confidence"].to_numpy() >= threshold)
    return records[is_called].sort_values("nll", ascending=False, kind="stable")


def agreed_labels(results: Sequence[AccuracyResult]) -> "pd.DataFrame":
    """Return the records of the first answer that all models call by one other class.

    Pictures that not all of them have are left out, and so is everything where there is only one
    model: it cannot agree with itself. Classes are compared by name.
    """
    first = results[0].to_frame()
    if len(results) < 2:
        return results[0].records.iloc[:0]
    agreed = np.ones(len(first), dtype=bool)
    for other in results:
        called = other.to_frame().drop_duplicates("id").set_index("id")["prediction_name"]
        agreed &= (first["id"].map(called) == first["prediction_name"]).to_numpy()
    agreed &= (first["prediction_name"] != first["label_name"]).to_numpy()
    return results[0].records[agreed]
