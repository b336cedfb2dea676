"""λ: what the task gains and what of the source is lost, over several λ and seeds."""

import pandas as pd
import streamlit as st

from dashboard import state, stored
from dashboard.components.measure.measured_runs import answer
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shared.run_panel import find, run_panel, show_run
from dashboard.components.train.sweep_form import sweep_form
from dashboard.components.train.sweep_view import figures, sweep_view
from dashboard.components.train.trainings_so_far import trainings_so_far
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.sweep_result import SweepResult
from usable_core.jobs.trainings import so_far
from usable_core.runs.run import ENDED_EARLY, Status


def page() -> None:
    st.title("λ")
    st.markdown(
        "Turn λ of L_pre + λ·L_fine and see what it does: what the task gains, what is forgotten."
    )
    left, right = st.columns([2, 3], gap="large")
    with left:
        sweep_form()
    with right:
        result()


def result() -> None:
    run_id = state.chosen_run_id()
    if run_id is None:
        newest = next(iter(stored.runs("sweep", limit=1)), None)
        with st.container(border=True):
            st.markdown("**Nothing is running here.**")
            st.caption(
                "Each λ with each seed is a training of its own. What is known already is not "
                "trained again, so a sweep that was stopped goes on."
            )
            if newest is not None:
                told = f"The last one: {escaped(newest.title)}"
                link("sweep", told, "history", {state.RUN: newest.id})
        return
    run = find(run_id)
    if run is None:
        return
    if run.status is not Status.DONE or run.task != "sweep":
        run_panel(run.id, trainings_so_far)
        if run.status in ENDED_EARLY and isinstance(run.config, SweepConfig):
            unfinished(run.config, so_far(run))
        return
    with errors_shown():
        sweep_view(run, answer(run))
    with st.expander("Its runs"):
        show_run(run)


def unfinished(asked: SweepConfig, rows: pd.DataFrame) -> None:
    """Show what those trainings say that were over before the sweep was stopped."""
    if len(rows) and len((found := SweepResult(asked, rows)).answered) > 1:
        figures(found)


page()
