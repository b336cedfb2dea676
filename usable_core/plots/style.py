"""How a model and a share look, the same in every figure."""

import hashlib
import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import plotly.graph_objects as go

from usable_core.catalog.models import BUNDLED, SUGGESTED
from usable_core.evaluations.specs import Provenance

Theme = Literal["light", "dark"]

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
BAND_OPACITY = 0.15
WIDTH = 2.5  # px
_ORDER = (*(f"bundled/{name}" for name in BUNDLED), *SUGGESTED)


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


class HasProvenance(Protocol):
    """Any result of a measurement."""

    @property
    def provenance(self) -> Provenance:
        """Return where it comes from."""


def model_style(name: str, theme: Theme = "light") -> ModelStyle:
    """Return the look of a model: by its place in the catalog, else by a hash of its name."""
    if name in _ORDER:
        place = _ORDER.index(name)
        parts = (place, place, place)
    else:
        digest = hashlib.sha256(name.encode()).digest()
        parts = (digest[0], digest[1], digest[2])
    colors = COLORS[theme]
    return ModelStyle(
        colors[parts[0] % len(colors)],
        DASHES[parts[1] % len(DASHES)],
        SYMBOLS[parts[2] % len(SYMBOLS)],
    )


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share as people read it: 0.972 as `97.2 %`, NaN and None as a dash."""
    return "–" if value is None or value != value else f"{100 * value:.{digits}f} %"


def labels(results: Sequence[HasProvenance], names: Sequence[str] | None = None) -> list[str]:
    """Return what to call each result: the given names, or the models' references.

    Names come from users and plotly reads a little HTML, so it is escaped.
    """
    return [html.escape(name) for name in names or [r.provenance.model for r in results]]


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
