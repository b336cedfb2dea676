"""Cards of the bundled backbones and of a data set."""

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import interval_text, link, percent
from usable_core.catalog.cards import BundledCard

NAMES = {
    "accuracy": "Accuracy",
    "ece": "Calibration error",
    "clean_accuracy": "Accuracy",
    "robust_accuracy": "Under attack",
    "pgd_accuracy": "Under attack",
}


def backbone_card(card: BundledCard) -> None:
    """Show one bundled backbone: what it is, what was measured, and where to use it."""
    with st.container(border=True, gap="xsmall", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{card.row.title}**")
            if card.card is not None:
                link("explain", "Explain", "image_search", {state.MODELS: [card.reference]})
        st.caption(card.row.help)
        if card.card is None:
            st.caption("Not in this installation.")
        elif not card.proportions:
            st.caption("Not measured yet.")
        cells = st.columns(max(1, len(card.proportions)))
        for cell, (name, proportion) in zip(cells, card.proportions.items(), strict=False):
            label = NAMES.get(name, name.replace("_", " ").capitalize())
            with cell.container(gap="xxsmall"):
                st.metric(label, percent(proportion["value"]), help=interval_text(proportion))
                st.caption(interval_text(proportion).removeprefix("95 % interval "))
