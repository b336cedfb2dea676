"""Data: what can be measured on, and what is in it, before anything runs."""

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.data_look import newest_look
from dashboard.components.shared.data_picker import dataset_picker, restore_dataset
from dashboard.components.shared.formats import errors_shown
from dashboard.components.shared.run_panel import find, run_of, run_panel, start_run
from dashboard.components.shelves.data_view import data_view
from dashboard.components.shelves.uploads_list import uploads_list
from usable_core.evaluations.look import LookConfig
from usable_core.runs.run import Status


def page() -> None:
    st.title("Data")
    st.markdown(
        "Look at data before anything runs on them: classes, counts, examples, and what is wrong."
    )
    restore()
    dataset = dataset_picker(state.DATA)
    run = run_of(state.chosen_run_id() or "")
    if run is not None and dataset is not None and run.data_name != dataset.reference:
        st.query_params.pop(state.RUN, None)  # other data were chosen
    known = newest_look(dataset.reference) if dataset else None
    left, right = st.columns([1, 3], vertical_alignment="center")
    label = "Look again" if known and known.status.is_over else "Look at these data"
    is_pressed = left.button(
        label,
        key=state.DATA_LOOK,
        type="primary",
        disabled=dataset is None or visitor.read_only() is not None,
        help=visitor.read_only(),
    )
    if is_pressed:
        with errors_shown():
            start_run(LookConfig(dataset))
    right.caption("Every example is read once: about a second for a thousand small pictures.")
    answer(known.id if known else None)
    with st.expander("Uploads", icon=":material/folder_zip:"):
        uploads_list()


def restore() -> None:
    """Put the data of the address's run into the picker, once; call it before the picker."""
    run_id = state.chosen_run_id()
    if run_id is None or st.session_state.get(state.DATA_RESTORED) == run_id:
        return
    st.session_state[state.DATA_RESTORED] = run_id
    run = run_of(run_id)
    if run is not None and isinstance(run.config, LookConfig):
        restore_dataset(state.DATA, run.config.dataset)


def answer(known: str | None) -> None:
    """Show the look that the address names, else the newest at the chosen data, as far as it is."""
    run_id = state.chosen_run_id() or known
    run = find(run_id) if run_id else None
    if run is None:
        return
    if run.status is not Status.DONE:
        run_panel(run.id)
        return
    with errors_shown():
        data_view(run, stored.store().load(run.id))


page()
