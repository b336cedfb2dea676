"""Tables of a corruption answer: its accuracy by cell, corruption, severity and group."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from usable_core.catalog.corruptions import GROUPS
from usable_core.catalog.text_corruptions import KNOWN, TEXT_GROUPS
from usable_core.evaluations.result import table
from usable_core.metrics import corruption
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Estimate, paired_difference
from usable_core.metrics.paired import flips

if TYPE_CHECKING:
    import pandas as pd

    from usable_core.evaluations.corruption_result import CorruptionResult


def per_cell(result: "CorruptionResult") -> "pd.DataFrame":
    """Return one row per corruption and severity.

    Columns: corruption, title, group, severity, n, accuracy, low, high (Wilson), lost (right
    when clean, wrong when corrupted), gained, change (accuracy − clean accuracy), change_low,
    change_high (paired).
    """
    rows = []
    for i, name in enumerate(result.corruptions):
        for k, severity in enumerate(result.severities):
            right = result.corrupted[:, i, k]
            lost, gained = flips(result.clean, right)
            change = paired_difference(lost, gained, result.n).columns("change")
            hit = _accuracy(share(right)) | {"lost": lost, "gained": gained}
            rows.append(_about(name) | {"severity": severity} | hit | change)
    return table(rows)


def by_corruption(result: "CorruptionResult") -> "pd.DataFrame":
    """Return one row per corruption, over its severities.

    Columns: corruption, title, group, n, accuracy, low, high (clustered by example), ece,
    ece_low, ece_high.
    """
    every, rows = range(len(result.severities)), []
    for i, name in enumerate(result.corruptions):
        mean = _mean_of(result, [i], every)
        rows.append(_about(name) | mean | result.ece(name).columns("ece"))
    return table(rows)


def by_severity(result: "CorruptionResult") -> "pd.DataFrame":
    """Return one row per severity, over the corruptions: severity, n, accuracy, low, high."""
    every = range(len(result.corruptions))
    found = enumerate(result.severities)
    return table({"severity": s} | _mean_of(result, every, [k]) for k, s in found)


def by_group(result: "CorruptionResult") -> "pd.DataFrame":
    """Return one row per group of corruptions: group, n, accuracy, low, high."""
    members: dict[str, list[int]] = {}
    for i, name in enumerate(result.corruptions):
        members.setdefault(KNOWN[name].group, []).append(i)
    return table(
        {"group": group} | _mean_of(result, members[group], range(len(result.severities)))
        for group in (*GROUPS, *TEXT_GROUPS)
        if group in members
    )


def _mean_of(
    result: "CorruptionResult", corruptions: Sequence[int], severities: Sequence[int]
) -> dict[str, Any]:
    chosen = result.corrupted[:, list(corruptions)][:, :, list(severities)]
    return _accuracy(corruption.mean_accuracy(chosen))


def _about(name: str) -> dict[str, Any]:
    row = KNOWN[name]
    return {"corruption": name, "title": row.title, "group": row.group}


def _accuracy(found: Estimate) -> dict[str, Any]:
    return {"n": found.n, "accuracy": found.value, "low": found.low, "high": found.high}
