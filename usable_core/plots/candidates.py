"""Several candidates as figures: all their numbers with intervals, and who is first by weights."""

import html
from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from usable_core.catalog.looks import model_styles
from usable_core.plots.style import (
    NEUTRAL,
    WIDTH,
    ModelStyle,
    Theme,
    error_bars,
    tidy,
)
from usable_core.verdicts.candidates import Candidates

APART = 0.5  # share of an axis's width over which the models of a figure stand side by side
SHARES = np.linspace(0, 1, 21)  # of the weight, along which chances are drawn
MOST_COLUMN = 24  # letters of a line under an axis


def numbers_with_intervals(found: Candidates, *, theme: Theme = "light") -> go.Figure:
    """Return every number (%) of every candidate with its 95 % interval, a column per axis.

    The lines join one candidate's numbers (parallel coordinates); it is the intervals that tell.

    Args:
        found: What to show.
        theme: Colour scheme of the page around it.
    """
    figure = go.Figure()
    count = len(found.names)
    for k, (name, style) in enumerate(styles(found, theme)):
        ends = [axis.standing.values[k] for axis in found.axes]
        values = [[100 * getattr(one, end) for one in ends] for end in ("value", "low", "high")]
        shift = APART * ((k + 0.5) / count - 0.5)
        figure.add_scatter(
            x=[place + shift for place in range(len(found.axes))],
            y=values[0],
            mode="lines+markers",
            name=name,
            line={"color": style.color, "dash": style.dash, "width": 1},
            marker={"symbol": style.symbol, "size": 9, "color": style.color},
            error_y=error_bars(values, style.color),
            customdata=[
                (axis.title, 100 * one.low, 100 * one.high)
                for axis, one in zip(found.axes, ends, strict=True)
            ],
            hovertemplate="%{customdata[0]}: %{y:.1f} % (%{customdata[1]:.1f} to "
            f"%{{customdata[2]:.1f}})<extra>{name}</extra>",
        )
    figure.update_xaxes(
        tickvals=list(range(len(found.axes))),
        ticktext=[_wrapped(axis.title) for axis in found.axes],
        range=[-0.6, len(found.axes) - 0.4],
        showgrid=False,
    )
    figure.update_yaxes(title_text="% (higher is better, 95 % intervals)")
    return tidy(figure, height=430)


def first_by_weight(
    found: Candidates, axis: int, weights: Mapping[str, float], *, theme: Theme = "light"
) -> go.Figure:
    """Return how likely each candidate is first (%) while one axis weighs from nothing to all.

    Args:
        found: What to show.
        axis: Place of the axis.
        weights: Of all axes by name; the others keep their proportions.
        theme: Colour scheme of the page around it.
    """
    figure, chances = go.Figure(), found.first_along(axis, SHARES, weights)
    for k, (name, style) in enumerate(styles(found, theme)):
        figure.add_scatter(
            x=100 * SHARES,
            y=100 * chances[:, k],
            mode="lines",
            name=name,
            line={"color": style.color, "dash": style.dash, "width": WIDTH},
            hovertemplate=f"weight %{{x:.0f}} %: first with a chance of %{{y:.0f}} %"
            f"<extra>{name}</extra>",
        )
    now = 100 * float(found.weights(weights)[axis])
    figure.add_vline(x=now, line={"color": NEUTRAL[theme], "width": 1.5, "dash": "dot"})
    figure.update_xaxes(title_text=f"weight of {found.axes[axis].title}, %", range=[0, 100])
    figure.update_yaxes(title_text="chance to be first, %", range=[-2, 102])
    return tidy(figure, height=340)


def styles(found: Candidates, theme: Theme) -> list[tuple[str, ModelStyle]]:
    """Return what each candidate is called in a figure, and how it looks in all of them."""
    looks = model_styles(found.models or found.names, theme)
    return [(html.escape(name), look) for name, look in zip(found.names, looks, strict=True)]


def _wrapped(title: str) -> str:
    """Return a title in lines that fit under an axis."""
    lines = [""]
    for word in title.split(" "):
        if len(lines[-1]) + len(word) > MOST_COLUMN:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(map(html.escape, lines))
