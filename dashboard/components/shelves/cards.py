"""Cards of the bundled backbones and of a data set."""

import re

import streamlit as st

from dashboard.components.shared.formats import interval_text, link, percent
from dashboard.components.shared.kinds import to_explain
from usable_core.catalog.cards import BundledCard

NAMES = {
    "accuracy": "Accuracy",
    "ece": "Calibration error",
    "clean_accuracy": "Accuracy",
    "robust_accuracy": "Under attack",
    "pgd_accuracy": "Under attack",
}
ATTACKED = ("robust_accuracy", "pgd_accuracy")


def backbone_card(card: BundledCard) -> None:
    """Show one bundled backbone: what it is, what was measured, and where to use it."""
    with st.container(border=True, gap="xsmall", height="stretch"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{card.row.title}**")
            if card.card is not None:
                link("explain", "Explain", "image_search", to_explain(card.reference))
        st.caption(card.row.help)
        if card.card is None:
            st.caption("Not in this installation.")
        elif not card.proportions:
            st.caption("Not measured yet.")
        cells = st.columns(max(1, len(card.proportions)))
        for cell, (name, proportion) in zip(cells, card.proportions.items(), strict=False):
            label, said = _label(name, card.attack), interval_text(proportion)
            about = f"{card.attack}; {said}" if name in ATTACKED else said
            with cell.container(gap="xxsmall"):
                st.metric(label, percent(proportion["value"]), help=about)
                st.caption(said.removeprefix("95 % interval "))


def _label(name: str, attack: str) -> str:
    """Return what a number is called, one under attack with its ε."""
    epsilon = re.search(r"\d+/255", attack) if name in ATTACKED else None
    if epsilon is not None:
        return f"Attack, ε {epsilon[0]}"
    return NAMES.get(name, name.replace("_", " ").capitalize())
