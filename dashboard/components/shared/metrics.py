"""Numbers of the catalog's metrics as cards and tables, several models side by side."""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.components.shared.formats import (
    download_csv,
    escaped,
    interval_text,
    kept_together,
    percent,
    proportion_card,
)
from dashboard.components.shared.once import once
from dashboard.components.shared.run_panel import PLOT_CONFIG
from usable_core.catalog.metrics import METRICS
from usable_core.catalog.units import written
from usable_core.comparison import score_card
from usable_core.evaluations.result import Measured
from usable_core.metrics.intervals import Estimate, Proportion
from usable_core.runs.run import Run

UPPER_BOUND = "upper bound only"
CARDS_IN_A_ROW = {1: 4, 2: 2}  # at most, by the number of models
_UNITS = {row.title: row.unit for row in METRICS.values()}


def metric_card(metric: str, found: Proportion | Estimate, *, where: str = "") -> None:
    """Show a number of `catalog.metrics` with its interval, n, and its formula in the tooltip."""
    row = METRICS[metric]
    title = f"{row.title}{where}"
    if isinstance(found, Proportion):
        proportion_card(title, found, help=row.help)
        return
    with st.container(border=True, gap="xsmall", height="stretch"):
        if row.unit == "points":
            st.metric(title, points(found.value), help=row.help)
            ends = f"{points(found.low)} to {points(found.high)}, n = {found.n:,}"
            st.caption(f"points; 95 % interval {kept_together(ends)}")
        else:
            st.metric(title, percent(found.value), help=row.help)
            st.caption(interval_text(vars(found)))


def metric_cards(numbers: Mapping[str, Proportion | Estimate], *, models: int = 1) -> None:
    """Show numbers in rows, as many in each as fit beside those of the other models."""
    most = CARDS_IN_A_ROW.get(models, 1)
    in_a_row = ceil(len(numbers) / ceil(len(numbers) / most))  # five are three and two
    for place, (metric, found) in enumerate(numbers.items()):
        if place % in_a_row == 0:  # row by row, so that a narrow screen keeps the order
            cells = st.columns(in_a_row)
        with cells[place % in_a_row]:
            metric_card(metric, found)


def numbers_of(result: Measured, metrics: Sequence[str]) -> dict[str, Proportion | Estimate]:
    """Return some of a result's numbers, by their metrics."""
    numbers = {number.metric: number.found for number in result.numbers()}
    return {metric: numbers[metric] for metric in metrics}


def points(value: float) -> str:
    """Return a difference of shares in points as people read it: -0.2 as `−20.0`."""
    return f"{100 * value + 0:.1f}".replace("-", "−")


def headings(found: Sequence[tuple[Run, Measured]], names: Sequence[str]) -> list[object]:
    """Show the models' names as the heads of columns and return the columns."""
    columns = st.columns(len(found))
    for column, (run, result), name in zip(columns, found, names, strict=True):
        column.markdown(f"**{escaped(name)}**{bound_mark(result)}")
        if run.answered_by:
            column.caption(escaped(run.message))
    return columns


def bound_mark(result: Measured) -> str:
    """Return the Markdown that says that a result is an upper bound only; empty for others."""
    is_bound = result.is_upper_bound_only
    return f" :red-badge[:material/warning: {UPPER_BOUND}]" if is_bound else ""


def score_table(results: Sequence[Measured], names: Sequence[str], *, key: str) -> None:
    """Show every number of the results as a table, and offer it as a file."""
    called = [
        f"{name} ({UPPER_BOUND})" if result.is_upper_bound_only else name
        for name, result in zip(names, results, strict=True)
    ]
    table = once(score_card, results, names=called)
    frame(once(side_by_side, table), alt="All numbers of the models with their intervals")
    download_csv(table, "scores", key=key, label="Numbers, CSV")


def side_by_side(table: pd.DataFrame) -> pd.DataFrame:
    """Return a score card with a row per metric (and ε, or method) and a column per model."""
    rows = table[["metric", "value", "low", "high"]].itertuples(index=False)
    text = [_cell(*row) for row in rows]
    how = {"values": "text", "aggfunc": "first", "sort": False, "dropna": False}
    wide = table.assign(text=text).pivot_table(index=["metric", "at"], columns="model", **how)
    wide = wide.dropna(how="all")[list(table["model"].unique())].reset_index()
    wide.columns.name = None
    if not wide["at"].any():
        return wide.drop(columns="at")
    return wide.rename(columns={"at": "of" if table["epsilon"].isna().all() else "ε"})


def _cell(title: str, value: float, low: float, high: float) -> str:
    """Return a number of a score card with its interval, in the unit of its metric."""
    unit = _UNITS.get(title, "number")
    if value != value:
        return "–"
    if unit in ("share", "points", "number"):
        return f"{value:.3f} ({low:.3f} to {high:.3f})"
    shown, *ends = (written(part, unit) for part in (value, low, high))
    return shown if low == high else f"{shown} ({ends[0]} to {ends[1]})"


def records_downloads(found: Sequence[tuple[Run, Measured]], names: Sequence[str]) -> None:
    """Offer the records of each result, one row per example."""
    with st.container(horizontal=True):
        for (run, result), name in zip(found, names, strict=True):
            download_csv(
                result.to_frame,
                f"{run.task}-{run.id}",
                key=f"records_{run.id}",
                label=f"Every example of {name}, CSV",
            )


def figure(
    plot: go.Figure, *, key: str, alt: str, on_click: Callable[[], None] | None = None
) -> None:
    """Show a figure as all pages do; `on_click` runs when one of its points is clicked."""
    st.plotly_chart(
        plot,
        key=key,
        config=PLOT_CONFIG,
        alt=alt,
        on_select=on_click or "ignore",
        selection_mode="points",
    )


def clicked_point(key: str) -> Mapping[str, Any] | None:
    """Return the last clicked point of a `figure`, `customdata` as a list; None where none is."""
    event = st.session_state.get(key)
    points = event.get("selection", {}).get("points", []) if isinstance(event, Mapping) else []
    if not points:
        return None
    about = points[-1].get("customdata")
    values = list(about.values()) if isinstance(about, Mapping) else list(about or [])
    return {**points[-1], "customdata": values}


def frame(table: pd.DataFrame, *, alt: str) -> None:
    """Show a table without its index."""
    st.dataframe(table, hide_index=True, alt=alt)
