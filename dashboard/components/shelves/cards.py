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
    """Show one bundled backbone in a row: what it is, what was measured, and where to use it."""
    with st.container(border=True):
        about, *cells = st.columns([2, *[1] * max(1, len(card.proportions))])
        with about:
            st.markdown(f"**{card.row.title}**")
            st.caption(card.row.help)
            if card.card is not None:
                link("explain", "Explain", "image_search", {state.MODELS: [card.reference]})
        for cell, (name, proportion) in zip(cells, card.proportions.items(), strict=False):
            label = NAMES.get(name, name.replace("_", " ").capitalize())
            cell.metric(label, percent(proportion["value"]), help=interval_text(proportion))
            cell.caption(interval_text(proportion))
        if card.card is None:
            cells[0].caption("Not in this installation.")
        elif not card.proportions:
            cells[0].caption("Not measured yet.")
