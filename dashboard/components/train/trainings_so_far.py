"""Several trainings while they run, or where they were stopped: each that is over, and what is on.

What stopped can be resumed: what is finished is answered from the store.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import state, visitor
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.metrics import frame
from usable_core.evaluations.training_axes import AXES, AxisRow
from usable_core.evaluations.trainings import PLACES, titled
from usable_core.jobs.trainings import so_far
from usable_core.runs.run import ENDED_EARLY, Run


def trainings_so_far(run: Run) -> None:
    """Show a row for each training that has begun, and offer to resume where that was stopped."""
    rows = so_far(run)
    if len(rows):
        axes = [axis for axis in AXES.values() if (rows[axis.count] > 0).any()]
        lines = [_row(row, axes) for row in rows.to_dict("records")]
        frame(pd.DataFrame(lines), alt="Every training that has begun")
    if run.status in ENDED_EARLY and st.button(
        "Resume",
        icon=":material/resume:",
        key=state.of_page(run.task, "resume"),
        disabled=visitor.read_only() is not None,
        help=visitor.read_only(),
    ):
        with errors_shown():
            st.query_params[state.RUN] = visitor.again(run.id)
            st.rerun()
    for row in rows.to_dict("records"):
        if row["refused"]:
            st.caption(escaped(f"{titled(row)}: {row['refused']}"))


def _row(row: Mapping[str, Any], axes: Sequence[AxisRow]) -> dict[str, str]:
    """Return a line of the table: where, how far, and what is known of each axis."""
    shown = {PLACES[name].head: PLACES[name].written(row[name]) for name in PLACES if name in row}
    known = {axis.title: axis.written(row[axis.column]) for axis in axes if row[axis.count] > 0}
    return shown | {"": _state(row)} | dict.fromkeys((axis.title for axis in axes), "") | known


def _state(row: Mapping[str, Any]) -> str:
    if row["refused"]:
        return "no answer"
    return row["state"] or ("done" if row["n"] > 0 else "trained")
