"""What came of a learning curve: its figure, every size, and each training as a model to use."""

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import download_csv, download_json, escaped
from dashboard.components.shared.metrics import figure, frame
from dashboard.components.shared.once import once
from dashboard.components.train.refusals import refusals_and_warnings
from dashboard.components.train.sweep_view import BARS, axis_cells
from dashboard.components.train.trained_models import trained_models
from usable_core.evaluations.learning_curve_result import LearningCurveResult
from usable_core.evaluations.learning_curve_words import in_words, refusals
from usable_core.plots.learning_curve import learning_curve_figure
from usable_core.runs.run import Run


def curve_view(run: Run, result: LearningCurveResult) -> None:
    """Show what labels give."""
    for sentence in in_words(result):
        st.markdown(escaped(sentence))
    refusals_and_warnings(refusals(result), result.warnings)
    figures(result)
    rows = [
        {"backbone": curve.name, result.examples: f"{point.size:,}"}
        | {"seeds": str(point.spread.seeds), **axis_cells(point.spread, result.axes)}
        for curve in result.curves
        for point in curve.points
    ]
    frame(pd.DataFrame(rows), alt="What each number of examples gave")
    name = f"learning-curve-{run.id}"
    with st.container(horizontal=True):
        download_csv(result.records, name, key="curve_csv", label="Every training, CSV")
        download_json(result.summary(), name, key="curve_json")
    trained_models(result, state.CURVE_USE)


def figures(result: LearningCurveResult) -> None:
    """Show every axis against the number of examples."""
    plot = once(learning_curve_figure, result, theme=state.theme())
    figure(plot, key="learning_curve", alt="Accuracy against the examples trained on")
    st.caption(BARS)
