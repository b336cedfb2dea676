"""A sweep of λ as figures: each axis against λ, and two of them against each other."""

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from usable_core.catalog.looks import DASHES, SYMBOLS
from usable_core.evaluations.spread_words import ends, spread
from usable_core.evaluations.sweep_result import Point, SweepResult, on_front
from usable_core.evaluations.training_axes import AXES, AxisRow
from usable_core.plots.style import (
    COLORS,
    NEUTRAL,
    WIDTH,
    ModelStyle,
    Theme,
    add_band,
    error_bars,
    tidy,
)

_APART = 1.0  # powers of ten from 0 to the smallest other λ
_SIZE = 9  # px of a marker
_PANEL, _AROUND = 190, 90  # px of one panel, and of what stands above and below all


def lambda_figure(result: SweepResult, *, theme: Theme = "light") -> go.Figure:
    """Return every measured axis against λ, one panel below another.

    λ is on a log axis that they share, on which 0 has a place of its own. Bars are the intervals
    over seeds, bands those of the examples.
    """
    axes = result.axes
    figure = make_subplots(
        max(1, len(axes)),
        1,
        shared_xaxes=True,
        vertical_spacing=0.24 / max(2, len(axes)),
        subplot_titles=[f"{AXES[name].title}{_unit(AXES[name])}" for name in axes],
    )
    figure.update_annotations(font={"size": 13}, x=0, xanchor="left")
    place = places([point.task_weight for point in result.points])
    for row, (name, style) in enumerate(zip(axes, _styles(theme), strict=False), start=1):
        known = [point for point in result.answered if name in point.spread.over_seeds]
        _add_line(figure, name, style, [(place[p.task_weight], p) for p in known], row)
        figure.update_yaxes(range=_range(AXES[name]), row=row, col=1)
    _mark_limits(figure, result.points, place, theme)
    figure.update_xaxes(tickvals=list(place.values()), ticktext=[f"{weight:g}" for weight in place])
    figure.update_xaxes(title_text="λ (log scale, 0 apart)", row=max(1, len(axes)), col=1)
    figure.update_layout(showlegend=False)
    return tidy(figure, height=_AROUND + _PANEL * max(1, len(axes)))


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
        x=[_scaled(point, right)[0] for point in front],
        y=[_scaled(point, up)[0] for point in front],
        mode="lines",
        name="Pareto front",
        line={"color": NEUTRAL[theme], "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )
    for point, is_one in zip(known, is_front, strict=True):
        _add_point(figure, point, axes, theme, is_filled=is_one)
    for name, update in ((right, figure.update_xaxes), (up, figure.update_yaxes)):
        update(title_text=f"{AXES[name].title}{_unit(AXES[name])}")
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


def _scale(axis: AxisRow) -> float:
    return 1 if axis.lowest < 0 else 100


def _unit(axis: AxisRow) -> str:
    return "" if axis.lowest < 0 else ", %"


def _range(axis: AxisRow) -> list[float] | None:
    """Return a panel's range: shares are seen whole, what has no usual size as it is."""
    return [-4, 104] if axis.is_share else None


def _scaled(point: Point, axis: str) -> list[float]:
    """Return the mean and both ends over seeds, as they are drawn."""
    found = point.spread.over_seeds[axis]
    return [_scale(AXES[axis]) * getattr(found, end) for end in ("value", "low", "high")]


def _add_point(
    figure: go.Figure, point: Point, axes: Sequence[str], theme: Theme, *, is_filled: bool
) -> None:
    x, y = ([[end] for end in _scaled(point, name)] for name in axes)
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
            "size": _SIZE + 3,
            "color": blue,
        },
        error_x=error_bars(x, blue),
        error_y=error_bars(y, orange),
        showlegend=False,
        hovertemplate=f"λ = {point.task_weight:g}: {', '.join(told)}<extra></extra>",
    )


def _add_line(
    figure: go.Figure,
    axis: str,
    style: ModelStyle,
    points: Sequence[tuple[float, Point]],
    row: int,
) -> None:
    """Draw an axis over the places of λ, with both intervals."""
    x, scale = [at for at, _ in points], _scale(AXES[axis])
    examples = [point.spread.of_examples[axis] for _, point in points]
    low, high = ([scale * getattr(of, end) for of in examples] for end in ("low", "high"))
    add_band(figure, x, low, high, style.band).update(xaxis=f"x{row}", yaxis=f"y{row}")
    columns = list(zip(*(_scaled(point, axis) for _, point in points), strict=True))
    told = [
        (f"{p.task_weight:g}", spread(p.spread.over_seeds[axis], axis), ends(of, axis))
        for (_, p), of in zip(points, examples, strict=True)
    ]
    figure.add_scatter(
        x=x,
        y=columns[0],
        mode="lines+markers",
        name=AXES[axis].title,
        line={"color": style.color, "dash": style.dash, "width": WIDTH},
        marker={"symbol": style.symbol, "size": _SIZE, "color": style.color},
        error_y=error_bars(columns, style.color),
        customdata=told,
        hovertemplate="λ = %{customdata[0]}: %{customdata[1]}, of the examples %{customdata[2]}"
        f"<extra>{AXES[axis].title}</extra>",
        row=row,
        col=1,
    )


def _mark_limits(
    figure: go.Figure, points: Sequence[Point], place: dict[float, float], theme: Theme
) -> None:
    """Draw a line at the outermost λ of each limit, with its name in the first panel."""
    for said, one in {point.limit: point for point in points if point.limit}.items():
        x = place[one.task_weight]
        figure.add_vline(x=x, line={"color": NEUTRAL[theme], "width": 1, "dash": "dot"})
        is_left = x == min(place.values())
        figure.add_annotation(
            x=x,
            y=0.02 if is_left else 0.98,
            yref="y domain",
            text=said,
            showarrow=False,
            xanchor="left" if is_left else "right",
            yanchor="bottom" if is_left else "top",
            font={"color": NEUTRAL[theme], "size": 12},
        )
