"""What several seeds gave of each axis, one panel below another, over an x that they share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from usable_core.evaluations.spread_words import ends, spread
from usable_core.evaluations.training_axes import AXES, AxisRow, Spread
from usable_core.plots.style import WIDTH, ModelStyle, add_band, error_bars, tidy

SIZE = 9  # px of a marker
_PANEL, _AROUND = 190, 100  # px of one panel, and of what stands above and below all

ENDS = ("low", "high")


@dataclass(frozen=True)
class Line:
    """One line of every panel.

    Attributes:
        name: In the legend; empty where there is one line alone, called as its axis.
        style: Its look.
        places: x, what stands there in words, and what it gave.
    """

    name: str
    style: ModelStyle
    places: Sequence[tuple[float, str, Spread]]


def panels(axes: Sequence[str]) -> go.Figure:
    """Return an empty panel for each axis, its name above it."""
    titles = [titled(name) for name in axes]
    gap = 0.24 / max(2, len(axes))
    figure = make_subplots(
        max(1, len(axes)), 1, shared_xaxes=True, vertical_spacing=gap, subplot_titles=titles
    )
    figure.update_annotations(font={"size": 13}, x=0, xanchor="left")
    for row, name in enumerate(axes, start=1):
        # Shares are seen whole; what has no usual size as it is.
        figure.update_yaxes(range=[-4, 104] if AXES[name].is_share else None, row=row, col=1)
    return tidy(figure, height=_AROUND + _PANEL * max(1, len(axes)))


def titled(axis: str) -> str:
    """Return the name of an axis with its unit."""
    return AXES[axis].title + ("" if scale(AXES[axis]) == 1 else ", %")


def scale(axis: AxisRow) -> float:
    """Return what a value is multiplied by where it is drawn."""
    return 1 if axis.lowest < 0 else 100


def scaled(found: Spread, axis: str) -> list[float]:
    """Return the mean and both ends over seeds, as they are drawn."""
    by = scale(AXES[axis])
    return [by * getattr(found.over_seeds[axis], end) for end in ("value", "low", "high")]


def add_line(figure: go.Figure, axis: str, row: int, line: Line) -> None:
    """Draw an axis over its places: bars are the intervals over seeds, the band of the examples.

    Args:
        figure: Panels.
        axis: A key of `AXES`.
        row: Its panel, from 1.
        line: What is drawn; places where the axis is unknown are left out.
    """
    known = [one for one in line.places if axis in one[2].over_seeds]
    x = [at for at, _, _ in known]
    examples = [found.of_examples[axis] for _, _, found in known]
    low, high = ([scale(AXES[axis]) * getattr(of, end) for of in examples] for end in ENDS)
    if not any(map(math.isnan, (*low, *high))):
        band = add_band(figure, x, low, high, line.style.band)
        band.update(xaxis=f"x{row}", yaxis=f"y{row}")
    columns = list(zip(*(scaled(found, axis) for _, _, found in known), strict=True))
    told = [
        (where, spread(found.over_seeds[axis], axis), ends(found.of_examples[axis], axis))
        for _, where, found in known
    ]
    figure.add_scatter(
        x=x,
        y=columns[0] if columns else (),
        mode="lines+markers",
        name=line.name or AXES[axis].title,
        legendgroup=line.name,
        showlegend=bool(line.name) and row == 1,
        line={"color": line.style.color, "dash": line.style.dash, "width": WIDTH},
        marker={"symbol": line.style.symbol, "size": SIZE, "color": line.style.color},
        error_y=error_bars(columns or ([], [], []), line.style.color),
        customdata=told,
        hovertemplate="%{customdata[0]}: %{customdata[1]}, of the examples %{customdata[2]}"
        f"<extra>{line.name or AXES[axis].title}</extra>",
        row=row,
        col=1,
    )
