"""Tables of a corruption answer: its accuracy by cell, corruption, severity and group."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from usable_core.catalog.corruptions import CORRUPTIONS, GROUPS
from usable_core.metrics import corruption
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Estimate, Proportion, paired_difference
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
    import pandas as pd

    rows = []
    for i, name in enumerate(result.corruptions):
        for k, severity in enumerate(result.severities):
            lost, gained = flips(result.clean, result.corrupted[:, i, k])
            change = paired_difference(lost, gained, result.n)
            changed = {
                "lost": lost,
                "gained": gained,
                "change": change.value,
                "change_low": change.low,
                "change_high": change.high,
            }
            hit = _accuracy(share(result.corrupted[:, i, k]))
            rows.append(_about(name) | {"severity": severity} | hit | changed)
    return pd.DataFrame(rows)


def by_corruption(result: "CorruptionResult") -> "pd.DataFrame":
    """Return one row per corruption, over its severities.

    Columns: corruption, title, group, n, accuracy, low, high (clustered by example), ece,
    ece_low, ece_high.
    """
    import pandas as pd

    every, rows = range(len(result.severities)), []
    for i, name in enumerate(result.corruptions):
        ece = result.ece(name)
        calibrated = {"ece": ece.value, "ece_low": ece.low, "ece_high": ece.high}
        rows.append(_about(name) | _mean_of(result, [i], every) | calibrated)
    return pd.DataFrame(rows)


def by_severity(result: "CorruptionResult") -> "pd.DataFrame":
    """Return one row per severity, over the corruptions: severity, n, accuracy, low, high."""
    import pandas as pd

    every = range(len(result.corruptions))
    found = enumerate(result.severities)
    return pd.DataFrame([{"severity": s} | _mean_of(result, every, [k]) for k, s in found])


def by_group(result: "CorruptionResult") -> "pd.DataFrame":
    """Return one row per group of corruptions: group, n, accuracy, low, high."""
    import pandas as pd

    members: dict[str, list[int]] = {}
    for i, name in enumerate(result.corruptions):
        members.setdefault(CORRUPTIONS[name].group, []).append(i)
    rows = [
        {"group": group} | _mean_of(result, members[group], range(len(result.severities)))
        for group in GROUPS
        if group in members
    ]
    return pd.DataFrame(rows)


def _mean_of(
    result: "CorruptionResult", corruptions: Sequence[int], severities: Sequence[int]
) -> dict[str, Any]:
    chosen = result.corrupted[:, list(corruptions)][:, :, list(severities)]
    return _accuracy(corruption.mean_accuracy(chosen))


def _about(name: str) -> dict[str, Any]:
    row = CORRUPTIONS[name]
    return {"corruption": name, "title": row.title, "group": row.group}


def _accuracy(found: Proportion | Estimate) -> dict[str, Any]:
    return {"n": found.n, "accuracy": found.value, "low": found.low, "high": found.high}
