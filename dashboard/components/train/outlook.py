"""What is known of backbones before any is tuned on a task, and asking it of the chosen ones."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shared.metrics import frame
from dashboard.components.shared.names import model_title
from dashboard.components.shared.run_panel import run_of, run_panel
from usable_core.catalog.metrics import METRICS
from usable_core.catalog.units import written
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.transferability import LIMIT, NUMBERS, TransferabilityConfig
from usable_core.runs.run import Run, Status

ASKED = "outlook_asked"  # id of the run that this page asked for last
ASK = "outlook_ask"


def outlook(models: Sequence[ModelSpec], dataset: DatasetSpec | None) -> None:
    """Show the hints that are stored for a task, and offer to ask those of the chosen backbones."""
    if not models or dataset is None:
        return
    task = replace(dataset, limit=dataset.limit or LIMIT)
    questions = [TransferabilityConfig(model, task) for model in models]
    known = _known(task)
    with st.expander("Which backbone is worth tuning?", icon=":material/query_stats:"):
        if known:
            frame(_table(known), alt="Hints of each backbone before it is tuned")
            st.caption("Best first. These are hints, of its frozen features; the tuning decides.")
            link("compare", "Compare them", "balance", {state.RUN: [run.id for run in known]})
        lacking = [one for one in questions if one.model not in [run.config.model for run in known]]
        names = ", ".join(model_title(question.model.reference) for question in lacking)
        if lacking and st.button(
            f"Ask of {escaped(names)}",
            key=ASK,
            width="stretch",
            disabled=visitor.read_only() is not None,
            help=visitor.read_only(),
        ):
            with errors_shown():
                st.session_state[ASKED] = visitor.start_all(lacking)[-1]
        _under_way()


def _under_way() -> None:
    """Show how far the hint is that was asked for here, and why where it failed."""
    asked = st.session_state.get(ASKED)
    run = None if asked is None else run_of(asked)
    if run is not None and run.status is not Status.DONE:
        run_panel(run.id)


def _known(task: DatasetSpec) -> list[Run]:
    """Return the newest answer of each backbone about a task, the best hint first."""
    found: dict[ModelSpec, Run] = {}
    for run in stored.runs("transferability", only_done=True):
        if run.config.dataset == task and run.summary:
            found.setdefault(run.config.model, run)
    return sorted(found.values(), key=lambda run: -run.summary[NUMBERS[0]]["value"])


def _table(runs: Sequence[Run]) -> pd.DataFrame:
    """Return a row for each answer: the backbone, and each number with its interval."""
    rows = [
        {"backbone": model_title(run.config.model.reference)}
        | {METRICS[name].title: _cell(name, run.summary[name]) for name in NUMBERS}
        for run in runs
    ]
    return pd.DataFrame(rows)


def _cell(name: str, found: dict[str, float]) -> str:
    value, low, high = (written(found[end], METRICS[name].unit) for end in ("value", "low", "high"))
    return f"{value} ({low} to {high})"
