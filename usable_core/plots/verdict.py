"""A verdict as a figure: each required share with its interval beside its bound."""

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from usable_core.catalog.metrics import METRICS
from usable_core.plots.style import (
    BAND_OPACITY,
    COLORS,
    NEUTRAL,
    Theme,
    error_bars,
    named_inside,
    tidy,
)
from usable_core.verdicts.checking import Checked, Outcome
from usable_core.verdicts.verdict import Verdict, shown

ROW = 52  # px, with the name above
STRIPE = 0.2  # of a row, to either side of its middle: names stand between stripes
SYMBOLS: dict[Outcome, str] = {"met": "circle", "not met": "x", "undecided": "circle-open"}
_COLOR_OF: dict[Outcome, int] = {"met": 2, "not met": 5}


def requirement_bars(verdict: Verdict, *, theme: Theme = "light") -> go.Figure:
    """Return the required shares of one model (%), each with its interval beside its bound.

    The stripe of a row is where its requirement is met.

    Args:
        verdict: What to show; numbers that are no shares are left to the table.
        theme: Colour scheme of the page around it.
    """
    rows = [one for one in verdict.checked if one.found is not None and is_share(one)]
    # All at once: each shape that is added to a figure is checked together with those before.
    shapes = [shape for place, one in enumerate(rows) for shape in _bound(place, one, theme)]
    figure = go.Figure(layout={"shapes": shapes})
    for outcome, symbol in SYMBOLS.items():
        of_outcome = [one for one in rows if one.outcome == outcome]
        if of_outcome:
            _add_found(figure, of_outcome, outcome, symbol, theme)
    figure.update_xaxes(title_text="%", range=[-1, 101])
    order = [_label(one) for one in rows]
    figure.update_yaxes(
        autorange="reversed", type="category", categoryorder="array", categoryarray=order
    )
    return named_inside(tidy(figure, height=110 + ROW * len(rows)))


def is_share(one: Checked) -> bool:
    """Tell whether a requirement is about a share, which has a place between 0 and 100 %."""
    return METRICS[one.requirement.row.metric].unit == "share"


def _bound(place: int, one: Checked, theme: Theme) -> list[dict[str, object]]:
    """Return what shows where the requirement of a row is met: a stripe, and a line at its end."""
    bound = 100 * one.requirement.bound
    ends = (bound, 100) if one.requirement.row.is_better == "higher" else (0, bound)
    across: dict[str, object] = {"y0": place - STRIPE, "y1": place + STRIPE}
    stripe: dict[str, object] = {
        "type": "rect",
        "x0": ends[0],
        "x1": ends[1],
        "fillcolor": COLORS[theme][_COLOR_OF["met"]],
        "opacity": BAND_OPACITY,
        "line": {"width": 0},
        "layer": "below",
    }
    line = {"color": NEUTRAL[theme], "width": 2}
    end: dict[str, object] = {"type": "line", "x0": bound, "x1": bound, "line": line}
    return [stripe | across, end | across]


def _add_found(
    figure: go.Figure, rows: Sequence[Checked], outcome: Outcome, symbol: str, theme: Theme
) -> None:
    """Draw the numbers of the rows of one outcome."""
    found = [one.found for one in rows if one.found is not None]
    values = [
        [100 * value for value in ends]
        for ends in zip(*((f.value, f.low, f.high) for f in found), strict=True)
    ]
    color = COLORS[theme][_COLOR_OF[outcome]] if outcome in _COLOR_OF else NEUTRAL[theme]
    figure.add_scatter(
        x=values[0],
        y=[_label(one) for one in rows],
        mode="markers",
        name=outcome,
        marker={"size": 12, "symbol": symbol, "color": color, "line": {"width": 2}},
        error_x=error_bars(values, color),
        customdata=[
            (html.escape(one.requirement.text), shown(one.requirement, f), f.n)
            for one, f in zip(rows, found, strict=True)
        ],
        hovertemplate="%{customdata[1]}, n = %{customdata[2]}<br>required: %{customdata[0]}"
        "<extra></extra>",
    )


def _label(one: Checked) -> str:
    return html.escape(one.requirement.title)
