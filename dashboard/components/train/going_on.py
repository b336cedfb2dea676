"""Going on with a training that ended early, from its newest checkpoint."""

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.formats import errors_shown
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
        disabled=visitor.read_only() is not None,
        help=visitor.read_only()
        or "The same question again: on a processor its weights will be, to the bit, those of a "
        "training that was never ended.",
    )
    if is_pressed:
        with errors_shown():
            st.query_params[state.RUN] = visitor.again(run.id)
            st.rerun()
