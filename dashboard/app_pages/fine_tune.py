"""Fine-tune: a backbone, a task's data, how to train; live curves; what to do with the result."""

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.formats import escaped, link
from dashboard.components.shared.run_panel import run_of, run_panel
from dashboard.components.train.fine_tuning_form import fine_tuning_form
from dashboard.components.train.found_rate import found_rate
from dashboard.components.train.going_on import going_on
from dashboard.components.train.live_curves import curves_with_earlier
from dashboard.components.train.outcome import outcome
from dashboard.components.train.worst import worst_section
from usable_core.runs.run import Run, Status


def page() -> None:
    st.title("Fine-tune")
    st.markdown("Teach a pretrained backbone your classes, and watch it learn.")
    left, right = st.columns([2, 3], gap="large")
    with left:
        fine_tuning_form()
    with right:
        result()


def result() -> None:
    run_id = state.chosen_run_id()
    if run_id is None:
        newest = next(iter(stored.runs("finetune", limit=1)), None)
        with st.container(border=True):
            st.markdown("**Nothing is running here.**")
            st.caption("Loss and accuracy appear here, epoch by epoch, once you press Start.")
            if newest is not None:
                link(
                    "fine_tune",
                    f"The last one: {escaped(newest.title)}",
                    "history",
                    {state.RUN: newest.id},
                )
        return
    known = run_of(run_id)
    panel = st.container()
    behind = curves_with_earlier(known if known and known.task == "finetune" else None)
    with panel:
        run = run_panel(run_id, show_curves=behind)
    if run is not None and run.status.is_over:
        show_ended(run)


def show_ended(run: Run) -> None:
    """Show what came of a run, or how it goes on."""
    is_done = run.status is Status.DONE
    if run.task == "rate" and is_done:
        found_rate(run)
    elif run.task == "finetune" and is_done:
        outcome(run)
        worst_section(run)
    elif run.task == "finetune":
        going_on(run)


page()
