"""Numbers of the catalog's metrics as cards and tables, several models side by side."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.components.measured import Measured
from dashboard.components.results import download_csv, escaped, percent, proportion_card
from dashboard.components.run_panel import PLOT_CONFIG
from usable_core.catalog.metrics import METRICS
from usable_core.comparison import score_card
from usable_core.metrics.intervals import Estimate, Proportion
from usable_core.runs.run import Run


def metric_card(metric: str, found: Proportion | Estimate, *, where: str = "") -> None:
    """Show a number of `catalog.metrics` with its interval, n, and its formula in the tooltip."""
    row = METRICS[metric]
    title = f"{row.title}{where}"
    if isinstance(found, Proportion):
        proportion_card(title, found, help=row.help)
        return
    with st.container(border=True):
        st.metric(title, percent(found.value), help=row.help)
        st.caption(f"95 % interval {percent(found.low)} to {percent(found.high)}, n = {found.n:,}")


def headings(found: Sequence[tuple[Run, Measured]], names: Sequence[str]) -> list[object]:
    """Show the models' names as the heads of columns and return the columns."""
    columns = st.columns(len(found))
    for column, (run, _), name in zip(columns, found, names, strict=True):
        column.markdown(f"**{escaped(name)}**")
        if run.answered_by:
            column.caption(escaped(run.message))
    return columns


def score_table(results: Sequence[Measured], names: Sequence[str], *, key: str) -> None:
    """Show every number of the results as a table, and offer it as a file."""
    table = score_card(results, names=names)
    has_epsilon = table["epsilon"].notna().any()
    shown = table if has_epsilon else table.drop(columns="epsilon")
    number = st.column_config.NumberColumn
    st.dataframe(
        shown,
        hide_index=True,
        column_config={
            "value": number(format="%.4f"),
            "low": number("95 % from", format="%.4f"),
            "high": number("to", format="%.4f"),
            "epsilon": number("ε", format="%.4f"),
        },
        alt="All numbers with their intervals",
    )
    download_csv(table, "scores", key=key, label="Numbers, CSV")


def records_downloads(found: Sequence[tuple[Run, Measured]], names: Sequence[str]) -> None:
    """Offer the records of each result, one row per example."""
    with st.container(horizontal=True):
        for (run, result), name in zip(found, names, strict=True):
            download_csv(
                result.to_frame(), f"{run.task}-{run.id}", key=f"records_{run.id}",
                label=f"Every example of {name}, CSV",
            )  # fmt: skip


def figure(plot: go.Figure, *, key: str, alt: str) -> None:
    """Show a figure as all pages do."""
    st.plotly_chart(plot, key=key, config=PLOT_CONFIG, alt=alt)


def frame(table: pd.DataFrame, *, alt: str) -> None:
    """Show a table without its index."""
    st.dataframe(table, hide_index=True, alt=alt)
