"""A sweep of λ as figures: each axis against λ, and two of them against each other."""

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go

from usable_core.catalog.looks import DASHES, SYMBOLS
from usable_core.evaluations.spread_words import spread
from usable_core.evaluations.sweep_result import Point, SweepResult, on_front
from usable_core.evaluations.training_axes import AXES
from usable_core.plots.spreads import SIZE, Line, add_line, panels, scaled, titled
from usable_core.plots.style import COLORS, NEUTRAL, ModelStyle, Theme, error_bars, tidy

_APART = 1.0  # powers of ten from 0 to the smallest other λ


def lambda_figure(result: SweepResult, *, theme: Theme = "light") -> go.Figure:
    """Return every measured axis against λ, one panel below another.

    λ is on a log axis that they share, on which 0 has a place of its own. Bars are the intervals
    over seeds, bands those of the examples.
    """
    axes, figure = result.axes, panels(result.axes)
    place = places([point.task_weight for point in result.answered])
    known = [(place[p.task_weight], f"λ = {p.task_weight:g}", p.spread) for p in result.answered]
    for row, (name, style) in enumerate(zip(axes, _styles(theme), strict=False), start=1):
        add_line(figure, name, row, Line("", style, known))
    _mark_limits(figure, result, place, theme)
    figure.update_xaxes(tickvals=list(place.values()), ticktext=[f"{weight:g}" for weight in place])
    return figure.update_xaxes(title_text="λ (log scale, 0 apart)", row=max(1, len(axes)), col=1)


def front_figure(
    result: SweepResult, axes: Sequence[str] = (), *, theme: Theme = "light"
) -> go.Figure:
    """Return one axis against another, a point per λ, with the Pareto front.

    Filled points are on the front, which the line joins. Bars are the intervals over seeds.

    Args:
        result: The answer.
        axes: Names of the axis to the right and of the one up; those of the question when empty.
        theme: Colour scheme of the page around it.
    """
    right, up = axes = tuple(axes) or result.config.front
    known = [p for p in result.answered if all(name in p.spread.over_seeds for name in axes)]
    is_front = on_front([point.spread for point in known], axes)
    figure = go.Figure()
    front = [point for point, is_one in zip(known, is_front, strict=True) if is_one]
    front.sort(key=lambda point: point.spread.over_seeds[right].value)
    figure.add_scatter(
        x=[scaled(point.spread, right)[0] for point in front],
        y=[scaled(point.spread, up)[0] for point in front],
        mode="lines",
        name="Pareto front",
        line={"color": NEUTRAL[theme], "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )
    for point, is_one in zip(known, is_front, strict=True):
        _add_point(figure, point, axes, theme, is_filled=is_one)
    for name, update in ((right, figure.update_xaxes), (up, figure.update_yaxes)):
        update(title_text=titled(name))
        if AXES[name].is_better_low:
            update(autorange="reversed")  # better is always up and to the right
    return tidy(figure)


def places(weights: Sequence[float]) -> dict[float, float]:
    """Return where each λ stands: at its power of ten, and 0 below the smallest other."""
    above = [log10(weight) for weight in weights if weight > 0]
    zero = min(above, default=0.0) - _APART
    return {weight: log10(weight) if weight > 0 else zero for weight in sorted(weights)}


def _styles(theme: Theme) -> list[ModelStyle]:
    looks = zip(COLORS[theme], DASHES, SYMBOLS, strict=False)
    return [ModelStyle(*look) for look in looks]


def _add_point(
    figure: go.Figure, point: Point, axes: Sequence[str], theme: Theme, *, is_filled: bool
) -> None:
    x, y = ([[end] for end in scaled(point.spread, name)] for name in axes)
    blue, orange = COLORS[theme][:2]
    told = (f"{AXES[name].title} {spread(point.spread.over_seeds[name], name)}" for name in axes)
    figure.add_scatter(
        x=x[0],
        y=y[0],
        mode="markers+text",
        name=f"λ = {point.task_weight:g}",
        text=[f"{point.task_weight:g}"],
        textposition="bottom center",
        marker={
            "symbol": "circle" if is_filled else "circle-open",
            "size": SIZE + 3,
            "color": blue,
        },
        error_x=error_bars(x, blue),
        error_y=error_bars(y, orange),
        showlegend=False,
        hovertemplate=f"λ = {point.task_weight:g}: {', '.join(told)}<extra></extra>",
    )


def _mark_limits(
    figure: go.Figure, result: SweepResult, place: dict[float, float], theme: Theme
) -> None:
    """Draw a line at the outermost λ of each limit, with its name in the first panel."""
    for said, one in {point.limit: point for point in result.answered if point.limit}.items():
        x = place[one.task_weight]
        figure.add_vline(x=x, line={"color": NEUTRAL[theme], "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=x,
            y=1,
            yref="y domain",
            text=said,
            showarrow=False,
            xanchor="left" if x == min(place.values()) else "right",
            yanchor="top",
            font={"color": NEUTRAL[theme], "size": 12},
        )
    if len(result.axes):  # above all shares there is room for the names
        figure.update_yaxes(range=[-4, 130], tickvals=[0, 50, 100], row=1, col=1)
