"""The panel of one run: progress, time left, cancel, live curves, and how it ended.

It asks the store every second while the run is alive, so it shows the same after a reload, in a
second tab and after a restart of the dashboard.
"""

from collections.abc import Callable

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.formats import duration, errors_shown, escaped, link
from dashboard.components.shelves.runs_table import status_badge
from usable_core import jobs
from usable_core.errors import StorageError, UnknownName
from usable_core.evaluations.result import Config
from usable_core.runs.pace import seconds_left
from usable_core.runs.run import Run, Status
from usable_core.tasks import TASKS

POLL = "1s"
CURVES_AT_ONCE = 2
PLOT_CONFIG = {"displaylogo": False}


def start_run(config: Config, *, title: str | None = None) -> None:
    """Start a job, put its run into the address and show the page again.

    A `UsableError` is shown as its sentence. Call it on a button press.
    """
    with errors_shown():
        st.query_params[state.RUN] = visitor.start(config, title=title)
        st.rerun()


def run_panel(
    run_id: str,
    parts: Callable[[Run], None] | None = None,
    show_curves: Callable[[Run], None] | None = None,
) -> Run | None:
    """Show a run until its end and return it as it is now; None when there is no such run.

    Args:
        run_id: The run.
        parts: Shows the parts of the run; None shows a line for each.
        show_curves: Shows the curves of a training; None shows loss and accuracy.

    A page shows its result when the returned run is DONE:

        run = run_panel(run_id)
        if run and run.status is Status.DONE:
            show(stored.store().load(run.id))
    """
    run = find(run_id)
    if run is None:
        return None
    is_live = not run.status.is_over

    @st.fragment(run_every=POLL if is_live else None)
    def watch() -> None:
        current = find(run_id)
        if current is not None:
            with errors_shown():
                show_run(current, parts, show_curves)
        if is_live and (current is None or current.status.is_over):
            st.rerun()  # the whole page once: stops the timer and shows the result

    watch()
    return run


def run_of(run_id: str) -> Run | None:
    """Return a run; None where there is none (any more), or it cannot be read."""
    try:
        return stored.store().get(run_id)
    except (UnknownName, StorageError):
        return None


def find(run_id: str) -> Run | None:
    """Return the run, or say that there is none, or why it cannot be read."""
    try:
        return stored.store().get(run_id)
    except StorageError as error:
        st.error(escaped(str(error)), icon=":material/warning:")
    except UnknownName:
        st.warning(
            f"There is no run {escaped(run_id)}. It may have been deleted.",
            icon=":material/search_off:",
        )
    link("runs", "All runs", "list_alt")
    return None


def show_run(
    run: Run,
    parts: Callable[[Run], None] | None = None,
    show_curves: Callable[[Run], None] | None = None,
) -> None:
    """Show one run as it is now: its state, its curves, and the runs that it started."""
    stored.mark_lost()
    with st.container(border=True):
        _SHOW[run.status](run)
        children = stored.store().children(run.id)
        if parts is not None:
            parts(run)
        for child in children if parts is None else ():
            _child(child)
        training = [r for r in (run, *children) if TASKS[r.task].makes_model]
        for one in training[-CURVES_AT_ONCE:]:
            if children and one.metrics:
                st.caption(escaped(one.title))
            (show_curves or curves)(one)


def _child(run: Run) -> None:
    share = (
        f" · {run.done:,} of {run.total:,}" if run.status is Status.RUNNING and run.total else ""
    )
    seconds = "" if run.seconds is None else f" · {duration(run.seconds)}"
    st.markdown(f"{status_badge(run.status)} {escaped(run.called)} :gray[{share}{seconds}]")


def curves(run: Run) -> None:
    """Show the loss and accuracy curves of a training run, as far as it has come."""
    if not run.metrics or said_unmoved(run):
        return
    from usable_core.plots.training import training_curves

    counted = getattr(run.config, "counted", "Accuracy")
    st.plotly_chart(
        training_curves(stored.store().events(run.id), state.theme(), counted=counted),
        key=f"curves_{run.id}",
        config=PLOT_CONFIG,
        alt=f"Loss and {counted.lower()} after each epoch",
    )


def said_unmoved(run: Run) -> bool:
    """Say that a training of λ = 0 has no curves, if it is one; tell whether it is."""
    is_unmoved = getattr(run.config, "is_unmoved", False)
    if is_unmoved:
        st.caption(f"λ = {run.config.task_weight:g} moves no weight, so there are no curves.")
    return is_unmoved


def _head(run: Run, text: str, *, can_cancel: bool = False) -> None:
    line = f"{status_badge(run.status)} **{escaped(run.called)}** :gray[{escaped(text)}]"
    if not can_cancel:
        st.markdown(line)
        return
    is_asked = stored.store().is_cancel_requested(run.id)
    left, right = st.columns([4, 1], vertical_alignment="center")
    left.markdown(line)
    right.button(
        "Cancelling …" if is_asked else "Cancel",
        key=f"cancel_{run.id}",
        on_click=_cancel,
        args=(run.id,),
        disabled=is_asked or visitor.read_only() is not None,
        help=visitor.read_only(),
        width="stretch",
    )


def _cancel(run_id: str) -> None:
    with errors_shown():
        jobs.cancel(run_id)


def _queued(run: Run) -> None:
    position = jobs.queue_position(run.id)
    ahead = f"waiting, {position} before it" if position else "starting"
    _head(run, ahead, can_cancel=True)
    st.progress(0.0)


def _running(run: Run) -> None:
    seconds = seconds_left(stored.store().events(run.id))
    left = "" if seconds is None else f" · about {duration(seconds)} left"
    _head(run, f"{run.message or 'starting'}", can_cancel=True)
    share = min(1.0, run.done / run.total) if run.total else 0.0
    st.progress(share, text=f"{run.done:,} of {run.total:,}{left}" if run.total else "preparing")


def _done(run: Run) -> None:
    if run.answered_by:
        _head(run, f"answered from the store by run {run.answered_by}, measured earlier")
    else:
        result = f"{run.result} · " if run.result else ""
        _head(run, f"{result}in {duration(run.seconds)}")
    gone = stored.store().gone(run.id)
    if gone and (told := stored.store().elsewhere(run.id)):
        st.warning(escaped(told), icon=":material/lan:")
    elif gone:
        st.warning(
            f"Deleted since: {escaped(', '.join(gone))}. The same question is measured anew.",
            icon=":material/folder_off:",
        )


def _cancelled(run: Run) -> None:
    _head(run, _after(run))
    st.caption(escaped(run.message))


def _failed(run: Run) -> None:
    _head(run, _after(run))
    st.error(escaped(run.error or "It ended without saying why; see its log on the Runs page."))


def _lost(run: Run) -> None:
    _head(run, _after(run))
    st.warning(escaped(run.error or "Its process ended without a word. Start it again."))


def _after(run: Run) -> str:
    after = "" if run.seconds is None else f"after {duration(run.seconds)}"
    return f"{after} · run {run.answered_by} has the answer" if run.answered_by else after


_SHOW = {
    Status.QUEUED: _queued,
    Status.RUNNING: _running,
    Status.DONE: _done,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
    Status.LOST: _lost,
}
