"""What can be done with a run, and what it was asked: files, links, deletion, settings, log."""

from functools import partial

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.formats import (
    csv_of_run,
    download,
    download_json,
    errors_shown,
    escaped,
    link,
)
from usable_core.records import to_json
from usable_core.runs import uploads
from usable_core.runs.artifacts import log_tail
from usable_core.runs.run import Run, Status
from usable_core.tasks import TASKS

FROM_STORE = (
    "The same question of the same weights and data is answered from the store. Delete this run "
    "first to measure it anew."
)
RECORD_HEIGHT = 340  # px: settings and log side by side within one screen


def run_actions(run: Run) -> None:
    """Show the buttons of a run: downloads, the page of its result, delete."""
    with st.container(horizontal=True, vertical_alignment="center"):
        if run.status is Status.DONE:
            _files(run)
        if run.status.is_over:
            _again(run)
            _delete(run)
        row = TASKS[run.task]
        if run.status is Status.DONE and row.page:
            link(row.page, "Show its result", "open_in_new", {row.page_parameter: run.id})
        if run.status.is_over and row.page in (run.task, "fine_tune"):  # its form is filled
            link(row.page, "Change and ask again", "edit_note", {row.page_parameter: run.id})


def _again(run: Run) -> None:
    """Offer to ask the same again; what ended early goes on where its kind can."""
    is_done, store = run.status is Status.DONE, stored.store()
    goes_on = not is_done and (TASKS[run.task].is_of_parts or store.has_parts(run.id))
    told = FROM_STORE if is_done else store.again(run.id)
    if st.button(
        "Resume" if goes_on else "Run again",
        key=state.RUNS_AGAIN,
        icon=":material/resume:" if goes_on else ":material/replay:",
        disabled=visitor.read_only() is not None,
        help=visitor.read_only() or told,
    ):
        with errors_shown():
            st.query_params[state.RUN] = visitor.again(run.id)
            st.rerun()


def _files(run: Run) -> None:
    name = f"{run.task}-{run.id}"
    records = partial(csv_of_run, stored.store(), run.id)
    download("Records, CSV", records, f"{name}.csv", key=f"csv_{run.id}")
    download_json(run.summary, name, key=f"json_{run.id}", label="Summary, JSON")


def _delete(run: Run) -> None:
    """Ask twice, then delete the run and its files."""
    with st.popover(
        "Delete",
        icon=":material/delete:",
        disabled=visitor.read_only() is not None,
        help=visitor.read_only(),
    ):
        st.markdown("Delete this run, its parts and its files for good?")
        if st.button("Yes, delete", key=state.RUNS_DELETE, type="primary"):
            with errors_shown():
                stored.store().delete(run.id)
                st.query_params.pop(state.RUN, None)
                st.rerun()


def run_record(run: Run) -> None:
    """Show what a run was asked, and the end of its log."""
    if run.data_name and uploads.is_deleted(run.data_name):
        st.info(
            f"The archive {escaped(uploads.data_title(run.data_name))} that this run is about was "
            "deleted from the uploads. Its answer stays; upload the archive again to measure on it "
            "or to see its pictures.",
            icon=":material/folder_off:",
        )
    left, right = st.columns(2)
    with left:
        st.markdown("**Settings**")
        with st.expander("All of them, as JSON"):
            st.json(to_json(run.config), expanded=2)
        download_json(
            run.config, f"config-{run.id}", key=f"config_{run.id}", label="Settings, JSON"
        )
    with right:
        st.markdown("**Log**")
        log = log_tail(stored.store().log_path(run.id))
        told = log or stored.store().elsewhere(run.id) or "The log is empty."
        st.code(told, language=None, wrap_lines=True, height=RECORD_HEIGHT)
