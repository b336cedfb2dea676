"""λ: what the task gains and what of the source is lost, over several λ and seeds."""

import pandas as pd
import streamlit as st

from dashboard.components.train.sweep_form import sweep_form
from dashboard.components.train.sweep_view import figures, sweep_view
from dashboard.components.train.trainings_page import TrainingsPage, trainings_page
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.sweep_result import SweepResult


def unfinished(asked: SweepConfig, rows: pd.DataFrame) -> None:
    """Show what those trainings say that were over before the sweep was stopped."""
    found = SweepResult(asked, rows)
    if len(found.answered) > 1:
        figures(found)


st.title("λ")
st.markdown(
    r"Turn λ of $L_\mathrm{pre} + \lambda\,L_\mathrm{fine}$ and see what it does: what the task "
    "gains, what is forgotten."
)
trainings_page(
    TrainingsPage(
        "sweep",
        sweep_form,
        sweep_view,
        unfinished,
        "Each λ with each seed is a training of its own. What is known already is not trained "
        "again, so a sweep that was stopped goes on.",
    )
)
