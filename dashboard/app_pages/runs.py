"""Runs: everything that was ever asked, what became of it, and its files."""

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import link
from dashboard.components.shared.run_panel import run_panel
from dashboard.components.shelves.run_details import run_actions, run_record
from dashboard.components.shelves.runs_table import runs_table, status_text
from usable_core.runs.run import Run, Status
from usable_core.tasks import TASKS


def page() -> None:
    st.title("Runs")
    st.markdown("Everything that was asked here. Choose a row for its details.")
    found = state.runs()
    if not found:
        empty()
    else:
        shown = chosen(found)
        selected = runs_table(shown, key=state.RUNS_TABLE) if shown else nothing_matches()
        if selected:
            st.query_params[state.RUN] = selected
    run_id = state.chosen_run_id()
    if run_id is not None:
        details(run_id)


def empty() -> None:
    with st.container(border=True):
        st.markdown("**No runs yet.**")
        st.caption("A run is a question and its answer: a training, a measurement, a demo.")
        link("overview", "Start with the demo", "play_arrow")


def chosen(found: list[Run]) -> list[Run]:
    """Ask which runs to list, and return those."""
    left, right = st.columns([2, 3])
    tasks = left.pills(
        "Task",
        [name for name in TASKS if any(run.task == name for run in found)],
        selection_mode="multi",
        key=state.RUNS_TASK,
        wrap=True,
        format_func=lambda name: TASKS[name].title,
    )
    statuses = right.pills(
        "Status",
        [status for status in Status if any(run.status is status for run in found)],
        selection_mode="multi",
        key=state.RUNS_STATUS,
        wrap=True,
        format_func=status_text,
    )
    return [
        run
        for run in found
        if (not tasks or run.task in tasks) and (not statuses or run.status in statuses)
    ]


def nothing_matches() -> None:
    st.info("No run matches. Take back a filter above.", icon=":material/search_off:")


def details(run_id: str) -> None:
    st.subheader("Details")
    run = run_panel(run_id)
    if run is not None:
        run_actions(run)
        run_record(run)


page()
