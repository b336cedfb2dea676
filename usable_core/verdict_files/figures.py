"""Every number of one candidate under a name of its own, as tools that track experiments take it.

A function of `verdict.json`, like every view: `robustness/robust_accuracy at 1_255`, with the ends
of its interval as `… low` and `… high`.
"""

import re
from collections.abc import Mapping
from typing import Any

from usable_core.verdict_files.form import Document

OUTCOMES = ("met", "not met", "undecided")


def figures(document: Document, model: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a candidate by their names; what was not measured is not among them.

    Args:
        document: The verdict.
        model: The candidate, one of `document["summary"]["models"]`.
    """
    outcomes = [row["outcome"] for row in model["requirements"]]
    found = {
        f"requirements/{plain(outcome)}": float(outcomes.count(outcome)) for outcome in OUTCOMES
    }
    for name, run in document["runs"].items():
        if run["candidate"] != model["name"]:
            continue
        for one in document["numbers"][name]:
            at = f" at {plain(one['at'])}" if one["at"] else ""
            found |= ends_of(f"{run['task']}/{one['metric']}{at}", one)
    return found


def plain(text: str) -> str:
    """Return a text in signs that every such tool takes in a name."""
    return re.sub(r"[^A-Za-z0-9_. -]", "_", text)


def ends_of(name: str, one: Mapping[str, Any]) -> dict[str, float]:
    """Return a number by its name, and the ends of its interval where it has one."""
    if one["low"] == one["high"] and one["n"] == 1:  # counted: it has no interval
        ends = {name: one["value"]}
    else:
        ends = {name: one["value"], f"{name} low": one["low"], f"{name} high": one["high"]}
    return {end: float(value) for end, value in ends.items() if value is not None}
