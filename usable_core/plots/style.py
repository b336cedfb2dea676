"""How a model and a share look, the same in every figure."""

import html
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import numpy as np
import plotly.graph_objects as go

from usable_core.catalog.looks import BAND_OPACITY as BAND_OPACITY
from usable_core.catalog.looks import COLORS as COLORS
from usable_core.catalog.looks import ModelStyle as ModelStyle
from usable_core.catalog.looks import Theme as Theme
from usable_core.catalog.looks import model_styles as model_styles
from usable_core.evaluations.result import Measured
from usable_core.metrics.arrays import Floats
from usable_core.metrics.intervals import Proportion

Names = Sequence[str] | None  # what each result is called; the model's reference where None
Result = TypeVar("Result", bound=Measured)

NEUTRAL: dict[Theme, str] = {"light": "#6B6B6B", "dark": "#B5B5B5"}
INK: dict[Theme, str] = {"light": "#1A1A1A", "dark": "#F2F2F2"}  # on top of a model's colour
# One hue from pale to dark (and the reverse): read without colours too.
SCALES: dict[Theme, str] = {"light": "Blues", "dark": "Cividis"}
ROW = 26  # px of a row of a table that is drawn
WIDTH = 2.5  # px
NAME_SHIFT = 8  # px from the middle of a row up to its name


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as people read it: 0.972 as `97.2 %`, NaN and None as a dash."""
    return "–" if value is None or value != value else f"{100 * value:.{digits}f} %"


def labels(results: Sequence[Measured], names: Names = None) -> list[str]:
    """Return what to call each result: the given names, or the models' references.

    Names come from users and plotly reads a little HTML, so it is escaped.
    """
    return [html.escape(name) for name in names or [r.provenance.model for r in results]]


def drawn(
    results: Sequence[Result], names: Names, theme: Theme
) -> Iterator[tuple[str, Result, ModelStyle]]:
    """Yield what each result is called, the result, and its look."""
    styles = model_styles([result.provenance.model for result in results], theme)
    yield from zip(labels(results, names), results, styles, strict=True)


def titled(figure: go.Figure, text: str) -> go.Figure:
    """Return the figure with a sentence above it."""
    return figure.update_layout(title={"text": text, "font": {"size": 14}})


def error_bars(ends: Iterable[Sequence[float]], color: str | None = None) -> dict[str, object]:
    """Return plotly's error bars of (values, lows, highs); none where an end is NaN."""
    value, low, high = (np.asarray(part, dtype=float) for part in ends)
    look = {"type": "data", "symmetric": False, "thickness": 1.5, "width": 3, "color": color}
    up, down = np.nan_to_num(high - value), np.nan_to_num(value - low)
    return {"array": up.tolist(), "arrayminus": down.tolist(), **look}


def add_band(
    figure: go.Figure, x: Sequence[float], low: Sequence[float], high: Sequence[float], color: str
) -> go.Scatter:
    """Fill what lies between two lines and return the trace, which no pointer meets."""
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[*low, *reversed(high)],
        mode="lines",  # without it plotly adds markers that steal clicks
        fill="toself",
        fillcolor=color,
        line={"width": 0, "color": color},
        showlegend=False,
        hoverinfo="skip",
        name="95 % interval",
    )
    return figure.data[-1]


def add_clean_level(
    figure: go.Figure, ends: tuple[float, float], clean: Proportion, name: str, style: ModelStyle
) -> None:
    """Draw the accuracy (%) on clean images as a thin line from end to end."""
    figure.add_scatter(
        x=ends,
        y=[100 * clean.value] * 2,
        mode="lines",
        name=f"{name}, clean",
        showlegend=False,
        line={"color": style.color, "width": 1},
        opacity=0.6,
        hoverinfo="skip",
    )


def share_heat_map(
    shares: Sequence[Sequence[float]] | Floats,
    x: Sequence[str],
    y: Sequence[str],
    told: Sequence[Sequence[str]],
    places: Sequence[Sequence[str | None]],
    theme: Theme,
) -> go.Figure:
    """Return shares (%) as a heat map, each cell with its number.

    Args:
        shares: Rows of cells.
        x: Names of the columns; they may repeat: ImageNet has two cranes.
        y: Names of the rows, the first on top.
        told: What a pointer is told of each cell.
        places: What a click on each cell names; None where there is nothing to be clicked.
        theme: Colour scheme of the page around it.
    """
    figure, texts = go.Figure(), [[f"{value:.0f}" for value in row] for row in shares]
    figure.add_heatmap(z=shares, zmin=0, zmax=100, text=texts, texttemplate="%{text}")
    figure.update_traces(
        colorscale=SCALES[theme],
        showscale=False,  # each cell says its number, and a phone is narrow
        xgap=1,
        ygap=1,
        customdata=told,
        hovertemplate="%{customdata}<extra></extra>",
    )
    # Cells of a heat map cannot be clicked: bars that nobody sees lie over them.
    cells = [(i, j) for i in range(len(y)) for j in range(len(x)) if places[i][j] is not None]
    figure.add_bar(
        x=[j for _, j in cells],
        y=[1] * len(cells),
        base=[i - 0.5 for i, _ in cells],
        width=1,
        customdata=[(told[i][j], places[i][j]) for i, j in cells],
        marker={"color": INK[theme], "opacity": 0},
        selected={"marker": {"opacity": 0.35}},
        unselected={"marker": {"opacity": 0}},
        hovertemplate="%{customdata[0]}<extra></extra>",
        showlegend=False,
    )
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(tickvals=list(range(len(x))), ticktext=x, range=[-0.5, len(x) - 0.5])
    return figure.update_yaxes(tickvals=list(range(len(y))), ticktext=y, range=[len(y) - 0.5, -0.5])


def named_inside(figure: go.Figure) -> go.Figure:
    """Return a figure whose rows' names stand above them: beside, a phone has no room for more."""
    # The topmost name reaches above the plot, where names inside it would be left out.
    return figure.update_yaxes(
        ticklabelposition="inside top",
        ticklabelshift=NAME_SHIFT,
        ticklabeloverflow="allow",
    )


def tidy(figure: go.Figure, *, height: int = 380) -> go.Figure:
    """Return the figure with the margins, legend and hover that all figures share."""
    figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        # Above: below, it would lie on the axis title of a narrow figure.
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure
