"""Learning curve: how accuracy grows with the labelled examples that are trained on."""

import pandas as pd
import streamlit as st

from dashboard.components.train.curve_form import curve_form
from dashboard.components.train.curve_view import curve_view, figures
from dashboard.components.train.trainings_page import TrainingsPage, trainings_page
from usable_core.evaluations.learning_curve import LearningCurveConfig
from usable_core.evaluations.learning_curve_result import LearningCurveResult


def unfinished(asked: LearningCurveConfig, rows: pd.DataFrame) -> None:
    """Show what those trainings say that were over before the question was stopped."""
    found = LearningCurveResult(asked, rows)
    if any(len(curve.answered) > 1 for curve in found.curves):
        figures(found)


st.title("Learning curve")
st.markdown("How many labels does it take, and what would more of them give?")
trainings_page(
    TrainingsPage(
        "learning_curve",
        curve_form,
        curve_view,
        unfinished,
        "Each size with each seed is a training of its own, measured on the same test examples. "
        "What is known already is not trained again, so what was stopped goes on.",
    )
)
