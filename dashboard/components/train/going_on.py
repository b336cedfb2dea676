"""Going on with a training that ended early, from its newest checkpoint."""

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.formats import errors_shown
from usable_core import jobs
from usable_core.runs.run import Run


def going_on(run: Run) -> None:
    """Offer to go on with a training that was cancelled, killed or failed, where it can."""
    step = stored.store().kept_step(run.id)
    if step is None:
        st.caption("No checkpoint was left: Start begins anew.")
        return
    of = f" of {run.total:,}" if run.total > step else ""
    is_pressed = st.button(
        f"Go on from step {step:,}{of}",
        key=state.FINE_TUNE_GO_ON,
        type="primary",
        icon=":material/resume:",
        help="The same question again: on a processor its weights will be, to the bit, those of a "
        "training that was never ended.",
    )
    if is_pressed:
        with errors_shown():
            st.query_params[state.RUN] = jobs.again(run.id)
            st.rerun()
