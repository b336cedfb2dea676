"""A comparison as a figure: the paired difference of every pair with its interval."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from usable_core.comparison.pairs import Comparison
from usable_core.comparison.simultaneous import EQUAL_WITHIN
from usable_core.comparison.verdicts import Sides, sides
from usable_core.evaluations.result import Condition
from usable_core.plots.style import (
    BAND_OPACITY,
    COLORS,
    NEUTRAL,
    Theme,
    error_bars,
    named_inside,
    tidy,
)

ROW = 34  # px
# What a pair's interval shows: the marker, and its words in the legend.
MARKS = {
    "better": ("circle", "better: the interval leaves out 0"),
    "equal": ("diamond", "equal within 1 point"),
    "undecided": ("circle-open", "not shown to differ"),
    "unranked": ("x-open", "not ranked: an upper bound only"),
}


def difference_forest(
    comparison: Comparison, *, condition: Condition | None = None, theme: Theme = "light"
) -> go.Figure:
    """Return the differences in points with their simultaneous intervals, one row per pair.

    Rows are in the order of the sentences and written as they are: the model that is ahead first,
    so that no difference is negative. The stripe is where two models count as equal. A click on a
    pair names its place, see `pairs_by_place`.

    Args:
        comparison: What to show.
        condition: Only the pairs under this condition; None for all.
        theme: Colour scheme of the page around it.
    """
    records = comparison.pairs_under(condition).to_dict("records")
    figure = go.Figure()
    figure.add_vline(x=0, line={"color": NEUTRAL[theme], "width": 1})
    for name in MARKS:
        rows = [row for row in records if row["status"] == name]
        if rows:
            _add_pairs(figure, comparison, name, rows, theme)
    _add_stripe(figure, theme)
    figure.update_xaxes(
        title_text="difference of accuracy, points<br>(95 % interval, all pairs together)"
    )
    order = [_label(comparison, row) for row in records]
    figure.update_yaxes(
        autorange="reversed", type="category", categoryorder="array", categoryarray=order
    )
    return named_inside(tidy(figure, height=170 + ROW * len(records)))


def _add_stripe(figure: go.Figure, theme: Theme) -> None:
    """Draw where two models count as equal, and say so in the legend."""
    end = 100 * EQUAL_WITHIN
    figure.add_vrect(x0=-end, x1=end, fillcolor=NEUTRAL[theme], opacity=BAND_OPACITY, line_width=0)
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="markers",
        marker={
            "symbol": "square",
            "size": 14,
            "color": NEUTRAL[theme],
            "opacity": 2 * BAND_OPACITY,
        },
        name=f"stripe: less than {end:.0f} point",
    )


def _add_pairs(
    figure: go.Figure,
    comparison: Comparison,
    status: str,
    rows: Sequence[Condition],
    theme: Theme,
) -> None:
    """Draw the pairs of one status."""
    symbol, words = MARKS[status]
    pairs = [sides(row) for row in rows]
    values = [[100 * end for end in ends] for ends in _ends(pairs)]
    figure.add_scatter(
        x=values[0],
        y=[_label(comparison, row) for row in rows],
        mode="markers",
        name=words,
        customdata=[
            (
                *map(html.escape, (p.ahead, p.behind)),
                p.only_ahead,
                p.only_behind,
                row["n"],
                row["p_holm"],
                place_of(comparison, row),
            )
            for p, row in zip(pairs, rows, strict=True)
        ],
        marker={"size": 11, "color": COLORS[theme][0], "symbol": symbol},
        error_x=error_bars(values, NEUTRAL[theme]),
        hovertemplate="%{customdata[0]} − %{customdata[1]}: %{x:.2f} points<br>only the first "
        "right: %{customdata[2]}, only the second: %{customdata[3]}, n = %{customdata[4]}, "
        "p = %{customdata[5]:.2g} (McNemar, Holm)<extra></extra>",
    )


def _ends(pairs: Sequence[Sides]) -> tuple[list[float], list[float], list[float]]:
    return [p.difference for p in pairs], [p.low for p in pairs], [p.high for p in pairs]


def place_of(comparison: Comparison, row: Condition) -> str:
    """Return what a click on a pair names: the models, the one that is ahead first."""
    pair, place = sides(row), comparison.said(row)
    names = f"{comparison.called(pair.ahead)} − {comparison.called(pair.behind)}"
    return f"{names}{place and ', ' + place}"


def pairs_by_place(
    comparison: Comparison, condition: Condition | None = None
) -> dict[str, tuple[str, str]]:
    """Return the two names of each pair, the one that is ahead first, by what a click names."""
    rows = comparison.pairs_under(condition).to_dict("records")
    pairs = {place_of(comparison, row): sides(row) for row in rows}
    return {place: (pair.ahead, pair.behind) for place, pair in pairs.items()}


def _label(comparison: Comparison, row: Condition) -> str:
    return html.escape(place_of(comparison, row))
