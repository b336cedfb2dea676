"""How a model and a share look, the same in every figure."""

import hashlib
import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
import plotly.graph_objects as go

from usable_core.catalog.models import list_references
from usable_core.evaluations.result import Measured
from usable_core.metrics.arrays import Floats
from usable_core.metrics.intervals import Proportion

Theme = Literal["light", "dark"]
Names = Sequence[str] | None  # what each result is called; the model's reference where None
Result = TypeVar("Result", bound=Measured)

# Okabe & Ito 2008, told apart by colour-blind readers. Orange, sky and pink are darkened on white
# and blue and green lightened on dark, so that every line has a contrast of 3:1 or more.
COLORS: dict[Theme, tuple[str, ...]] = {
    "light": ("#0072B2", "#B87A00", "#008060", "#B5588F", "#3A8FC2", "#D55E00", "#6B6B6B"),
    "dark": ("#4FA8E0", "#E69F00", "#2BC79B", "#E29CC4", "#8CCBF0", "#F08A4B", "#B5B5B5"),
}
DASHES = ("solid", "dash", "dashdot", "longdash", "longdashdot")  # dotted means random noise
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "triangle-down")
NEUTRAL: dict[Theme, str] = {"light": "#6B6B6B", "dark": "#B5B5B5"}
INK: dict[Theme, str] = {"light": "#1A1A1A", "dark": "#F2F2F2"}  # on top of a model's colour
# One hue from pale to dark (and the reverse): read without colours too.
SCALES: dict[Theme, str] = {"light": "Blues", "dark": "Cividis"}
ROW = 26  # px of a row of a table that is drawn
BAND_OPACITY = 0.15
WIDTH = 2.5  # px


@dataclass(frozen=True)
class ModelStyle:
    """Look of a model: colour, and dash and marker for those who do not see colours."""

    color: str
    dash: str
    symbol: str

    @property
    def band(self) -> str:
        """Return the colour of the interval's band."""
        red, green, blue = (int(self.color[i : i + 2], 16) for i in (1, 3, 5))
        return f"rgba({red},{green},{blue},{BAND_OPACITY})"


def model_styles(names: Iterable[str], theme: Theme = "light") -> list[ModelStyle]:
    """Return the look of each model of a selection, which no other of them has while there are any.

    A model has its own, by its place in the catalog or else a hash of its name; where a model
    before it has that already, it takes the next one.
    """
    places = [_places(name) for name in names]
    looks = (COLORS[theme], DASHES, SYMBOLS)
    chosen = [_chosen(look, [three[k] for three in places]) for k, look in enumerate(looks)]
    return [ModelStyle(*look) for look in zip(*chosen, strict=True)]


def _places(name: str) -> Sequence[int]:
    order = list_references()
    if name in order:
        return [order.index(name)] * 3
    return hashlib.sha256(name.encode()).digest()[:3]


def _chosen(looks: Sequence[str], places: Iterable[int]) -> list[str]:
    """Return the look at each place, or the next that fewer have."""
    found: list[str] = []
    for place in places:
        start = place % len(looks)
        found.append(min((*looks[start:], *looks[:start]), key=found.count))
    return found


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
    x: Sequence[object],
    y: Sequence[object],
    about: object,
    hover: str,
    theme: Theme,
) -> go.Figure:
    """Return shares (%) as a heat map, each cell with its number; `about` is for the hover."""
    figure, texts = go.Figure(), [[f"{value:.0f}" for value in row] for row in shares]
    figure.add_heatmap(z=shares, x=x, y=y, zmin=0, zmax=100, text=texts, texttemplate="%{text}")
    return figure.update_traces(
        colorscale=SCALES[theme],
        colorbar={"title": {"text": "accuracy, %"}},
        xgap=1,
        ygap=1,
        customdata=about,
        hovertemplate=f"{hover}<extra></extra>",
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
