"""The verdict as Markdown, in which no text of any origin is markup."""

import re
from collections.abc import Mapping
from typing import Any

from usable_core.verdict_files.page import estimate
from usable_core.verdicts.requirements import requirement
from usable_core.verdicts.verdict import rounded, shown

_SIGNS = re.compile(r"[\\`*_{}\[\]<>#!|~$&@]")


def in_markdown(text: str) -> str:
    """Return a text as one line of Markdown that reads as it is written."""
    return _SIGNS.sub(r"\\\g<0>", " ".join(text.split()))


def requirement_table(model: Mapping[str, Any]) -> str:
    """Return what one model must reach and what was found, as a table."""
    lines = ["| outcome | required | found (95 %) | n | n to decide |", "|---|---|---|---:|---:|"]
    for row in model["requirements"]:
        cells = (row["outcome"], row["requirement"], found_in(row), *counts_in(row))
        lines.append(f"| {' | '.join(map(in_markdown, cells))} |")
    return "\n".join(lines)


def found_in(row: Mapping[str, Any]) -> str:
    """Return what was found of one requirement, as it is written."""
    found = estimate(row)
    return shown(requirement(row["requirement"]), found) if found.n else "not measured"


def counts_in(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return how many examples it was measured on, and how many would decide."""
    needed = f"about {rounded(row['examples']):,}" if row["examples"] else ""
    return (f"{row['n']:,}" if row["n"] else ""), needed
