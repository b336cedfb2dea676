"""A comparison as a figure: the paired difference of every pair with its interval."""

import html

import plotly.graph_objects as go

from usable_core.comparison.pairs import Comparison
from usable_core.comparison.verdicts import EQUAL_WITHIN, LEVEL
from usable_core.evaluations.result import Condition
from usable_core.plots.style import COLORS, NEUTRAL, Theme, error_bars, tidy

ROW = 34  # px


def difference_forest(
    comparison: Comparison, *, condition: Condition | None = None, theme: Theme = "light"
) -> go.Figure:
    """Return second − first in points with its paired interval, one row per pair.

    Filled markers are differences that hold after Holm's correction; a cross is a difference that
    ranks nothing, for one of the two is an upper bound only. The grey stripe is where two models
    count as equal.

    Args:
        comparison: What to show.
        condition: Only the pairs under this condition; None for all.
        theme: Colour scheme of the page around it.
    """
    pairs = comparison.pairs_under(condition)
    records = pairs.to_dict("records")
    rows = [_label(comparison, row) for row in records]
    figure = go.Figure()
    figure.add_vrect(
        x0=-100 * EQUAL_WITHIN,
        x1=100 * EQUAL_WITHIN,
        fillcolor=NEUTRAL[theme],
        opacity=0.15,
        line_width=0,
    )
    figure.add_vline(x=0, line={"color": NEUTRAL[theme], "width": 1})
    figure.add_scatter(
        x=100 * pairs["difference"],
        y=rows,
        mode="markers",
        customdata=pairs[["lost", "gained", "n", "p_holm"]],
        marker={
            "size": 11,
            "color": COLORS[theme][0],
            "symbol": [_symbol(comparison, row) for row in records],
        },
        error_x=error_bars((100 * pairs[c] for c in ("difference", "low", "high")), NEUTRAL[theme]),
        hovertemplate="%{x:+.1f} points; only the first right: %{customdata[0]}, only the second: "
        "%{customdata[1]}, n = %{customdata[2]}, p = %{customdata[3]:.2g} (Holm)<extra></extra>",
        showlegend=False,
    )
    figure.update_xaxes(title_text="difference of accuracy, points (paired 95 % interval)")
    figure.update_yaxes(autorange="reversed", type="category")
    return tidy(figure, height=140 + ROW * len(rows))


def _symbol(comparison: Comparison, row: Condition) -> str:
    if comparison.is_unranked(row):
        return "x-open"
    return "circle" if row["p_holm"] < LEVEL else "circle-open"


def _label(comparison: Comparison, row: Condition) -> str:
    place = comparison.said(row)
    note = " (not ranked)" if comparison.is_unranked(row) else ""
    return html.escape(f"{row['second']} − {row['first']}{place and ', ' + place}{note}")
