"""Runs as a table (status, model, data, result, name, owner, duration), or a few as lines."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state, visitor
from dashboard.components.shared import names
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

SPARSE = ("name", "tags")  # columns that are there where a run of the page has such a thing
COLUMNS = {
    "result": st.column_config.TextColumn(
        help="The main number of the answer: accuracy, accuracy under the largest attack, mean "
        "accuracy over corruptions, verdict.",
    ),
    "name": st.column_config.TextColumn(help="Given to a run in its details below."),
    "tags": st.column_config.ListColumn(),
    "started": st.column_config.DatetimeColumn(format="MMM D, HH:mm"),
}
ALT = "Runs with their status, model, data, result, name, tags, owner and duration"


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
            link("runs", escaped(run.called), "list_alt", {state.RUN: run.id})
            st.caption(run.result or duration(run.seconds), width="content")


def runs_table(runs: Sequence[RunHead], *, key: str) -> list[str]:
    """Show runs as a table and return the ids of the chosen ones.

    Args:
        runs: The rows.
        key: Beginning of the widget's key.
    """
    rows, ids = [_row(run) for run in runs], [run.id for run in runs]
    empty = {column for column in SPARSE if not any(row[column] for row in rows)}
    empty |= {"machine"} if len({row["machine"] for row in rows}) < 2 else set()
    if {row["owner"] for row in rows} <= {"", visitor.name()}:
        empty.add("owner")
    rows = [{column: row[column] for column in row if column not in empty} for row in rows]
    return choosable(rows, ids, key=key, alt=ALT, columns=COLUMNS)


def _row(run: RunHead) -> dict[str, object]:
    share = min(1.0, run.done / run.total) if run.total else 0.0
    return {
        "status": status_text(run.status),
        "task": TASKS[run.task].title if run.task in TASKS else run.task,
        "model": names.model_title(run.model_name) if run.model_name else "–",
        "data": data_title(run.data_name) if run.data_name else "–",
        "result": run.result or (f"{share:.0%}" if run.status is Status.RUNNING else "–"),
        "name": run.name or "",
        "tags": list(run.tags),
        "owner": run.owner or "",
        "started": run.started or run.created,
        "duration": duration(run.seconds),
        "machine": run.host or "",
        "run": run.id,
    }
