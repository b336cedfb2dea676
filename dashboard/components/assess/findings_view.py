"""What stands beside a verdict: where the models fail, how far to believe it, what is open."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from dashboard.components.measure.slices_section import slice_lines
from dashboard.components.shared.formats import escaped
from usable_core.verdicts.findings import Findings, Tone

BADGES: dict[Tone, str] = {
    "good": ":green-badge[good]",
    "doubt": ":orange-badge[look]",
    "bad": ":red-badge[wrong]",
    "unknown": ":gray-badge[unknown]",
}
ORDER: tuple[Tone, ...] = ("bad", "doubt", "unknown", "good")


def sections(found: Findings) -> dict[str, Callable[[], None]]:
    """Return what shows each section that has something to say, by its title."""
    shown: dict[str, Callable[[], None]] = {}
    if found.slices:
        shown["Where it fails"] = partial(_slices, found)
    if found.trust:
        shown["Trust"] = partial(_trust, found)
    if found.not_measured:
        shown["Not measured"] = partial(_not_measured, found)
    return shown


def _slices(found: Findings) -> None:
    for name, slices in found.slices.items():
        st.markdown(f"**{escaped(name)}**: {escaped(slices.sentence)}")
        slice_lines(slices.worst[1:])


def _trust(found: Findings) -> None:
    told = sorted(found.trust, key=lambda one: ORDER.index(one.tone))
    st.markdown(
        "\n".join(
            f"- {BADGES[one.tone]} **{escaped(one.title)}**: {escaped(one.sentence)}"
            for one in told
        )
    )


def _not_measured(found: Findings) -> None:
    st.markdown("\n".join(f"- {escaped(name)}" for name in found.not_measured))
