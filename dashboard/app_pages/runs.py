"""Runs: everything that was ever asked, what became of it, and its files; and what was uploaded."""

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.formats import choose_one, link
from dashboard.components.shared.markdown import escaped
from dashboard.components.shared.run_panel import run_panel
from dashboard.components.shelves.run_details import run_actions, run_record
from dashboard.components.shelves.run_words import run_words
from dashboard.components.shelves.runs_list import runs_list
from dashboard.components.shelves.uploads_list import uploads_list

RUNS, UPLOADS = "runs", "uploads"
SHELVES = {RUNS: "Runs", UPLOADS: "Uploads"}


def page() -> None:
    st.title("Runs")
    state.read_address(state.RUNS_SHELF, [RUNS])
    if st.session_state[state.RUNS_SHELF] not in SHELVES:
        st.session_state[state.RUNS_SHELF] = RUNS
    shelf = choose_one("Show", SHELVES, key=state.RUNS_SHELF, is_labelled=False)
    state.write_address(state.RUNS_SHELF, [] if shelf == RUNS else [shelf])
    if shelf == UPLOADS:
        uploads_list()
    else:
        runs()


def runs() -> None:
    if stored.store().listing(limit=0).total:
        runs_list()
    else:
        empty()
    if told := stored.place():
        st.caption(escaped(told))
    run_id = state.chosen_run_id()
    if run_id is not None:
        details(run_id)


def empty() -> None:
    with st.container(border=True):
        st.markdown("**No runs yet.**")
        st.caption("A run is a question and its answer: a training, a measurement, a demo.")
        link("overview", "Start with the demo", "play_arrow")


def details(run_id: str) -> None:
    st.subheader("Details")
    run = run_panel(run_id)
    if run is not None:
        run_words(run)
        run_actions(run)
        run_record(run)


page()
