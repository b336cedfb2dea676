"""What came of a sweep of λ: both figures, every λ, and each training as a model to use."""

import pandas as pd
import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import download_csv, download_json, escaped, link
from dashboard.components.shared.metrics import figure, frame
from dashboard.components.shared.once import once
from usable_core.evaluations.sweep_result import Point, SweepResult
from usable_core.evaluations.sweep_words import ends, in_words, refusals, spread
from usable_core.plots.sweep import front_figure, lambda_figure
from usable_core.runs.run import Run


def sweep_view(run: Run, result: SweepResult) -> None:
    """Show what λ trades."""
    for sentence in in_words(result):
        st.markdown(escaped(sentence))
    for sentence in (*refusals(result), *result.warnings):
        st.warning(escaped(sentence), icon=":material/warning:")
    plot = once(lambda_figure, result, theme=state.theme())
    figure(plot, key="sweep_lambda", alt="Task and retained source accuracy against λ")
    st.caption("Bars: 95 % intervals over seeds. Bands: of the examples, of one training.")
    if result.front:
        plot = once(front_figure, result, theme=state.theme())
        figure(plot, key="sweep_front", alt="Retained source accuracy against task accuracy")
        st.caption("Each point is a λ; filled ones are on the Pareto front, by their means.")
    frame(pd.DataFrame([_row(point) for point in result.points]), alt="What each λ gave")
    with st.container(horizontal=True):
        download_csv(
            result.records, f"sweep-{run.id}", key="sweep_csv", label="Every training, CSV"
        )
        download_json(result.summary(), f"sweep-{run.id}", key="sweep_json")
    models(result)


def models(result: SweepResult) -> None:
    """Offer the model of each training to be used, and its run."""
    rows = result.records[result.records["training"] != ""]
    named = {
        str(row["training"]): f"λ = {row['lambda']:g}, seed {row['seed']}"
        for row in rows.to_dict("records")
    }
    chosen = st.selectbox("Use a model", list(named), format_func=named.get, key=state.SWEEP_USE)
    if chosen is None:
        return
    data = {state.MODELS: [f"run/{chosen}"], state.DATA: result.config.dataset.reference}
    with st.container(horizontal=True):
        link("fine_tune", "Its training", "tune", {state.RUN: chosen})
        link("accuracy", "Measure accuracy", "target", data)
        link("robustness", "Measure robustness", "shield", data)
    st.caption(f"In a terminal it is `run/{chosen}`.")


def _row(point: Point) -> dict[str, str]:
    return {
        "λ": f"{point.task_weight:g}",
        "limit": point.limit,
        "seeds": str(point.seeds),
        "task accuracy": spread(point.accuracy),
        "of the examples": ends(point.accuracy_of_examples),
        "ECE": spread(point.ece),
        "retained": spread(point.retained),
        "retained, of the examples": ends(point.retained_of_examples),
        "front": "yes" if point.is_front else "",
    }
