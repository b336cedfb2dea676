"""What a slice of examples is said to be: `class dog`, `brightness below 0.2`, `camera missing`.

They are made of what accuracy's records hold: the class, the picture's looks, the confidence, and
the data's own columns.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from usable_core.evaluations.accuracy import ABOUT, AccuracyResult
from usable_core.metrics.arrays import Floats, Masks

if TYPE_CHECKING:
    import pandas as pd

Relation = Literal["is", "below", "from", "missing"]
Features = Mapping[str, NDArray[Any]]  # by name: numbers (NaN where missing), or texts and None

CLASS, CONFIDENCE = "class", "confidence"
FEW_VALUES = 8  # a number of so few different values is taken by each of them
# Shares of the examples below a limit: what is below some is looked at, and from others on.
BELOW, FROM = (0.1, 0.2, 0.3, 0.5), (0.5, 0.7, 0.8, 0.9)
_STEP = 0.05  # of the middle half: to it a limit is rounded, so that it is plain to read
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class Condition:
    """One thing that the examples of a slice have in common.

    Attributes:
        column: What is looked at, as people call it.
        relation: How it stands to the value; `missing` has none.
        value: A number or a text.
    """

    column: str
    relation: Relation
    value: float | str = ""

    @property
    def text(self) -> str:
        """Return it in words."""
        value = self.value if isinstance(self.value, str) else f"{self.value:.10g}"
        if self.column == CLASS:
            return f"class {value}"
        if self.relation == "missing":
            return f"{self.column} missing"
        if self.relation == "from":
            return f"{self.column} {value} or more"
        if self.relation == "below" and isinstance(self.value, str):
            return f"{self.column} before {value}"
        return f"{self.column} {self.relation} {value}"

    def holds(self, features: Features) -> Masks:
        """Return for which examples it holds (N,)."""
        values = features[self.column]
        is_text = values.dtype == object
        if self.relation == "missing":
            missing = [value is None for value in values] if is_text else np.isnan(values)
            return np.asarray(missing, dtype=bool)
        if self.relation == "is":
            return np.asarray(values == self.value, dtype=bool)
        if is_text:
            known = [value is not None and value < self.value for value in values]
            there = np.array([value is not None for value in values], dtype=bool)
            is_below = np.array(known, dtype=bool)
        else:
            there, is_below = ~np.isnan(values), values < self.value
        return np.asarray(there & (is_below if self.relation == "below" else ~is_below))


def features_of(result: AccuracyResult) -> dict[str, NDArray[Any]]:
    """Return what slices of an answer can be made of, by name, as far as its records hold it."""
    frame = result.to_frame()
    found: dict[str, NDArray[Any]] = {CLASS: frame["label_name"].to_numpy(dtype=object)}
    if "width" in frame:
        width, height = (frame[c].to_numpy(dtype=np.float64) for c in ("width", "height"))
        found |= {
            "brightness": frame["brightness"].to_numpy(dtype=np.float64).round(4),
            "contrast": frame["contrast"].to_numpy(dtype=np.float64).round(4),
            "shorter side in pixels": np.minimum(width, height),
            "width : height": (width / height).round(2),
        }
    found[CONFIDENCE] = frame["confidence"].to_numpy(dtype=np.float64)
    for column in frame.columns:
        if str(column).startswith(ABOUT):
            name = str(column).removeprefix(ABOUT)
            found[f"{name} (in the data)" if name in found else name] = _plain(frame[column])
    return found


def conditions(features: Features) -> Iterator[Condition]:
    """Yield every single condition that is looked at."""
    for name, values in features.items():
        is_text = values.dtype == object
        is_there = [v is not None for v in values] if is_text else ~np.isnan(values)
        known = values[np.asarray(is_there, dtype=bool)]
        if not all(is_there):
            yield Condition(name, "missing")
        different = sorted(set(known.tolist()))
        if len(different) <= FEW_VALUES or (is_text and not _are_dates(different)):
            yield from (Condition(name, "is", value) for value in different)
        else:
            yield from _limits(name, np.sort(known))


def _limits(name: str, ordered: NDArray[Any]) -> Iterator[Condition]:
    for relation, shares in (("below", BELOW), ("from", FROM)):
        limits = [_limit(ordered, share) for share in shares]
        for limit in dict.fromkeys(limits):
            yield Condition(name, "below" if relation == "below" else "from", limit)


def _limit(ordered: NDArray[Any], share: float) -> float | str:
    """Return a value with about this share of the values below it, rounded to be read."""
    value = ordered[min(len(ordered) - 1, round(share * len(ordered)))]
    if isinstance(value, str):
        return value[:10]
    middle = ordered[len(ordered) * 3 // 4] - ordered[len(ordered) // 4]
    step = _STEP * float(middle or ordered[-1] - ordered[0])
    return round(float(value), math.ceil(-math.log10(step)))


def _are_dates(values: list[Any]) -> bool:
    return all(isinstance(value, str) and _DATE.match(value) for value in values)


def _plain(column: "pd.Series[Any]") -> NDArray[Any]:
    """Return numbers as floats, and texts as objects with None where one is missing."""
    if column.dtype.kind in "fiu":
        found: Floats = column.to_numpy(dtype=np.float64)
        return found
    values = column.to_numpy(dtype=object)
    return np.array([v if isinstance(v, str) else None for v in values], dtype=object)
