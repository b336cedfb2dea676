"""A table of runs: status, model, progress, duration."""

from collections.abc import Sequence

import streamlit as st

from dashboard.components.shared.formats import duration
from usable_core.runs.run import Run, Status
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


def status_text(status: Status) -> str:
    """Return a status with its sign: `✓ done`."""
    return f"{LOOKS[status][0]} {status.value}"


def status_badge(status: Status) -> str:
    """Return a status as a coloured badge in Markdown."""
    return f":{LOOKS[status][1]}-badge[{status_text(status)}]"


def runs_table(runs: Sequence[Run], *, key: str | None = None) -> str | None:
    """Show runs as a table and return the id of the selected one.

    Args:
        runs: The rows.
        key: Widget key; None makes the table one that only shows.
    """
    event = st.dataframe(
        [_row(run) for run in runs],
        hide_index=True,
        key=key,
        on_select="rerun" if key else "ignore",
        selection_mode="single-row",
        column_config={
            "model": st.column_config.TextColumn(width="medium"),
            "data": st.column_config.TextColumn(width="small"),
            "progress": st.column_config.ProgressColumn(format="percent", width="small"),
            "started": st.column_config.DatetimeColumn(format="MMM D, HH:mm"),
        },
        alt="Runs with their status, model, progress and duration",
    )
    rows = _selected_rows(event) if key else []
    return runs[rows[0]].id if rows and rows[0] < len(runs) else None


def _row(run: Run) -> dict[str, object]:
    share = run.done / run.total if run.total else 0.0
    dataset = getattr(run.config, "dataset", None)
    return {
        "status": status_text(run.status),
        "task": TASKS[run.task].title,
        "model": run.model_name or "–",
        "data": data_title(dataset.reference) if dataset else "–",
        "progress": 1.0 if run.status is Status.DONE else min(1.0, share),
        "started": run.started or run.created,
        "duration": duration(run.seconds),
        "run": run.id,
    }


def _selected_rows(event: object) -> list[int]:
    """Read a selection, which is an object from the browser and a plain dict from a test."""
    selection = event["selection"] if isinstance(event, dict) else getattr(event, "selection", {})
    return list(dict(selection).get("rows", []))
