"""Training on old and new data at once: which data, and how much the new counts."""

import streamlit as st

from dashboard import state
from dashboard.components.shared.pickers import dataset_picker
from usable_core.evaluations.specs import DatasetSpec

SOURCE_HELP = (
    r"Minimises $L_\mathrm{pre}(\theta) + \lambda\,L_\mathrm{fine}(\theta)$: two heads, one "
    "backbone, so that it does not forget what it knew."
)


def source_picker() -> tuple[DatasetSpec | None, float]:
    """Ask for the data of L_pre and for λ."""
    if not st.toggle("Keep old knowledge", key=state.FINE_TUNE_HAS_SOURCE, help=SOURCE_HELP):
        return None, 1.0
    source = dataset_picker(state.FINE_TUNE_SOURCE, label="Source data")
    weight = st.number_input(
        "λ, weight of the new task", 0.0, 1e6, 1.0, key=state.FINE_TUNE_WEIGHT, help=SOURCE_HELP
    )
    return source, weight
