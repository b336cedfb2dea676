"""How long a run will still take, by the steps that it has told of."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

LEAST = 2.0  # seconds of work from which a pace is believed


def seconds_left(events: "pd.DataFrame") -> float | None:
    """Return the seconds that are left if it goes on at its pace; None while that is unknown.

    Time counts from the first step that was over: what was loaded before it says nothing of the
    steps to come.

    Args:
        events: See `RunStore.events`; one row at least per step that was told.
    """
    total = events["total"].iloc[-1] if len(events) else 0
    work = events[(events["total"] == total) & (events["done"] > 0)]
    if not total or len(work) < 2:
        return None
    anew = work["done"].diff() < 0  # it was ended and began again
    work = work[anew.cumsum() == anew.sum()]
    steps = float(work["done"].iloc[-1] - work["done"].iloc[0])
    seconds = float((work["time"].iloc[-1] - work["time"].iloc[0]).total_seconds())
    if not steps > 0 or not math.isfinite(seconds) or seconds < LEAST:
        return None
    return seconds * max(float(total - work["done"].iloc[-1]), 0.0) / steps
