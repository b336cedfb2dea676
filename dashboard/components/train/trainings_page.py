"""What pages of several trainings share: the form beside the answer, or how far it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state, stored
from dashboard.components.measure.measured_runs import answer
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shared.run_panel import find, run_panel, show_run
from dashboard.components.train.trainings_so_far import trainings_so_far
from usable_core.jobs.trainings import so_far
from usable_core.runs.run import ENDED_EARLY, Run, Status


@dataclass(frozen=True)
class TrainingsPage:
    """What one kind of question adds to the page that all share.

    Attributes:
        task: Key of `TASKS`, and name of the page.
        form: Asks.
        view: Shows an answer.
        figures: Shows what the records say so far of a question that was stopped.
        hint: What is said where nothing was asked yet.
    """

    task: str
    form: Callable[[], None]
    view: Callable[[Run, Any], None]
    figures: Callable[[Any, pd.DataFrame], None]
    hint: str


def trainings_page(page: TrainingsPage) -> None:
    """Show the form and the answer of the address's run, or how far it is."""
    left, right = st.columns([2, 3], gap="large")
    with left:
        page.form()
    with right:
        run_id = state.chosen_run_id()
        if run_id is None:
            _nothing(page)
        elif (run := find(run_id)) is not None:
            _shown(page, run)


def _nothing(page: TrainingsPage) -> None:
    newest = next(iter(stored.runs(page.task, limit=1)), None)
    with st.container(border=True):
        st.markdown("**Nothing is running here.**")
        st.caption(page.hint)
        if newest is not None:
            told = f"The last one: {escaped(newest.title)}"
            link(page.task, told, "history", {state.RUN: newest.id})


def _shown(page: TrainingsPage, run: Run) -> None:
    is_ours = run.task == page.task
    if run.status is not Status.DONE or not is_ours:
        run_panel(run.id, trainings_so_far if is_ours else None)
        if run.status in ENDED_EARLY and is_ours and len(rows := so_far(run)):
            page.figures(run.config, rows)
        return
    with errors_shown():
        page.view(run, answer(run))
    with st.expander("Its runs"):
        show_run(run)
