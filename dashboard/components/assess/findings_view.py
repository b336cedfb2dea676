"""What stands beside a verdict: where the models fail, how far to believe it, what is open."""

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


def findings_view(found: Findings) -> None:
    """Show where the models fail, then the trust in it, then what was not measured."""
    if found.slices:
        st.subheader("Where it fails")
        for name, slices in found.slices.items():
            st.markdown(f"**{escaped(name)}**: {escaped(slices.sentence)}")
            slice_lines(slices.worst[1:])
    if found.trust:
        st.subheader("Trust in the measurement")
        told = sorted(found.trust, key=lambda one: ORDER.index(one.tone))
        st.markdown(
            "\n".join(
                f"- {BADGES[one.tone]} **{escaped(one.title)}**: {escaped(one.sentence)}"
                for one in told
            )
        )
    if found.not_measured:
        with st.expander(f"Not measured ({len(found.not_measured)})", expanded=True):
            st.markdown("\n".join(f"- {escaped(name)}" for name in found.not_measured))
