"""Runs as a table (status, model, progress, duration), or a few as lines."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import duration, escaped, link
from dashboard.components.shelves.choosing import choosable
from usable_core.runs.run import RunHead, Status
from usable_core.runs.uploads import data_title
from usable_core.tasks import TASKS

# Plain signs: every font has them, and they are read without their colour.
LOOKS = {
    Status.QUEUED: ("…", "gray"),
    Status.RUNNING: ("▸", "blue"),
    Status.DONE: ("✓", "green"),
    Status.FAILED: ("✗", "red"),
    Status.CANCELLED: ("–", "gray"),
    Status.LOST: ("?", "orange"),
}

COLUMNS = {
    "status": st.column_config.TextColumn(width="small"),
    "progress": st.column_config.ProgressColumn(format="percent", width="small"),
    "started": st.column_config.DatetimeColumn(format="MMM D, HH:mm"),
}
ALT = "Runs with their status, model, progress and duration"


def status_text(status: Status) -> str:
    """Return a status with its sign: `✓ done`."""
    return f"{LOOKS[status][0]} {status.value}"


def status_badge(status: Status) -> str:
    """Return a status as a coloured badge in Markdown."""
    return f":{LOOKS[status][1]}-badge[{status_text(status)}]"


def run_lines(runs: Sequence[RunHead]) -> None:
    """Show a few runs, each a link; a first page without a table is there half a second sooner."""
    for run in runs:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(status_badge(run.status), width="content")
            link("runs", escaped(run.title), "list_alt", {state.RUN: run.id})
            st.caption(duration(run.seconds), width="content")


def runs_table(runs: Sequence[RunHead], *, key: str) -> list[str]:
    """Show runs as a table and return the ids of the chosen ones.

    Args:
        runs: The rows.
        key: Beginning of the widget's key.
    """
    rows, ids = [_row(run) for run in runs], [run.id for run in runs]
    return choosable(rows, ids, key=key, alt=ALT, columns=COLUMNS)


def _row(run: RunHead) -> dict[str, object]:
    share = run.done / run.total if run.total else 0.0
    return {
        "status": status_text(run.status),
        "task": TASKS[run.task].title if run.task in TASKS else run.task,
        "model": run.model_name or "–",
        "data": data_title(run.data_name) if run.data_name else "–",
        "progress": 1.0 if run.status is Status.DONE else min(1.0, share),
        "started": run.started or run.created,
        "duration": duration(run.seconds),
        "run": run.id,
    }
