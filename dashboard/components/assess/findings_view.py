"""What stands beside a verdict: where the models fail, how far to believe it, what is open."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from dashboard.components.assess.failures import failures
from dashboard.components.assess.measured_parts import Parts
from dashboard.components.assess.remark_pictures import remark_pictures
from dashboard.components.shared.formats import escaped, kept_together
from usable_core.verdicts.findings import Findings, Tone

BADGES: dict[Tone, str] = {
    "good": ":green-badge[good]",
    "doubt": ":orange-badge[look]",
    "bad": ":red-badge[wrong]",
    "unknown": ":gray-badge[unknown]",
}
ORDER: tuple[Tone, ...] = ("bad", "doubt", "unknown", "good")


def sections(found: Findings, parts: Callable[[], Parts]) -> dict[str, Callable[[], None]]:
    """Return what shows each section that has something to say, by its title.

    Args:
        found: What to show.
        parts: Finds the runs whose pictures stand behind it.
    """
    shown: dict[str, Callable[[], None]] = {}
    if found.slices:
        shown["Where it fails"] = lambda: failures(found, parts())
    if found.trust:
        shown["Trust"] = lambda: _trust(found, parts())
    if found.paces:
        shown["Cost"] = partial(_cost, found)
    if found.not_measured:
        shown["Not measured"] = partial(_not_measured, found)
    return shown


def _trust(found: Findings, parts: Parts) -> None:
    told = sorted(enumerate(found.trust), key=lambda one: ORDER.index(one[1].tone))
    lines = []
    for place, one in told:
        lines.append(f"- {BADGES[one.tone]} **{escaped(one.title)}**: {escaped(one.sentence)}")
        if one.ids:
            st.markdown("\n".join(lines))
            remark_pictures(one, parts, key=f"remark_{place}")
            lines = []
    st.markdown("\n".join(lines))


def _cost(found: Findings) -> None:
    """Show how many answers, attacked examples and maps a second each candidate gives."""
    lines = ["| model | what | how many | measured on |", "|---|---|---|---|"]
    for one in found.paces:
        cells = map(escaped, (one.model, one.what, kept_together(one.found), one.told))
        lines.append(f"| {' | '.join(cells)} |")
    st.markdown("\n".join(lines))
    st.caption(
        "What these parts of the assessment took, on this machine as it was. Parameters, memory "
        "and the time of single answers are on the page Cost."
    )


def _not_measured(found: Findings) -> None:
    st.markdown("\n".join(f"- {escaped(name)}" for name in found.not_measured))
