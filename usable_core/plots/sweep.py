"""A sweep of λ as figures: what the task gains, what the source loses, one against the other."""

from collections.abc import Iterator, Mapping, Sequence
from math import log10

import plotly.graph_objects as go

from usable_core.evaluations.sweep_result import Point, SweepResult
from usable_core.evaluations.sweep_words import ends, spread
from usable_core.metrics.intervals import Estimate
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

TASK, KEPT = "task accuracy", "retained of the source"
_APART = 1.0  # powers of ten from 0 to the smallest other λ
_SIZE = 9  # px of a marker


def lambda_figure(result: SweepResult, *, theme: Theme = "light") -> go.Figure:
    """Return task accuracy and what is retained of the source (%) against λ.

    λ is on a log axis on which 0 has a place of its own. Bars are the intervals over seeds, bands
    those of the examples.
    """
    figure, points = go.Figure(), result.answered
    place = places([point.task_weight for point in result.points])
    looks = zip((TASK, KEPT), _styles(theme), strict=True)
    for name, style in looks:
        rows = list(_rows(points, is_task=name == TASK))
        if rows:
            _add_line(figure, name, style, place, rows)
    _mark_limits(figure, result.points, place, theme)
    figure.update_xaxes(
        title_text="λ (log scale, 0 apart)",
        tickvals=list(place.values()),
        ticktext=[f"{weight:g}" for weight in place],
    )
    figure.update_yaxes(title_text="%", range=[-2, 112], tickvals=list(range(0, 101, 20)))
    return tidy(figure)


def front_figure(result: SweepResult, *, theme: Theme = "light") -> go.Figure:
    """Return what is retained (%) against task accuracy (%), a point per λ, with the Pareto front.

    Filled points are on the front, which the line joins. Bars are the intervals over seeds.
    """
    figure = go.Figure()
    task, kept = _styles(theme)
    front = sorted(result.front, key=lambda point: point.accuracy.value)
    figure.add_scatter(
        x=[100 * point.accuracy.value for point in front],
        y=[100 * point.retained.value for point in front if point.retained is not None],
        mode="lines",
        name="Pareto front",
        line={"color": NEUTRAL[theme], "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )
    for point in result.answered:
        if point.retained is None:
            continue
        x, y = (
            [[100 * getattr(of, end)] for end in ("value", "low", "high")] for of in _both(point)
        )
        figure.add_scatter(
            x=x[0],
            y=y[0],
            mode="markers+text",
            name=f"λ = {point.task_weight:g}",
            text=[f"{point.task_weight:g}"],
            textposition="bottom center",
            marker={
                "symbol": "circle" if point.is_front else "circle-open",
                "size": _SIZE + 3,
                "color": task.color,
            },
            error_x=error_bars(x, task.color),
            error_y=error_bars(y, kept.color),
            showlegend=False,
            hovertemplate=f"λ = {point.task_weight:g}: task {spread(point.accuracy)}, retained "
            f"{spread(point.retained)}<extra></extra>",
        )
    figure.update_xaxes(title_text=f"{TASK}, %")
    figure.update_yaxes(title_text=f"{KEPT}, %")
    return tidy(figure)


def places(weights: Sequence[float]) -> dict[float, float]:
    """Return where each λ stands: at its power of ten, and 0 below the smallest other."""
    above = [log10(weight) for weight in weights if weight > 0]
    zero = min(above, default=0.0) - _APART
    return {weight: log10(weight) if weight > 0 else zero for weight in sorted(weights)}


def _styles(theme: Theme) -> tuple[ModelStyle, ModelStyle]:
    blue, orange = COLORS[theme][:2]
    return ModelStyle(blue, "solid", "circle"), ModelStyle(orange, "dash", "square")


def _both(point: Point) -> tuple[Estimate, Estimate]:
    return point.accuracy, point.retained or point.accuracy


def _rows(points: Sequence[Point], *, is_task: bool) -> Iterator[tuple[Point, Estimate, Estimate]]:
    """Yield each point that has a share, with that and what the examples leave open of it."""
    for point in points:
        over_seeds = point.accuracy if is_task else point.retained
        of_examples = point.accuracy_of_examples if is_task else point.retained_of_examples
        if over_seeds is not None and of_examples is not None:
            yield point, over_seeds, of_examples


def _add_line(
    figure: go.Figure,
    name: str,
    style: ModelStyle,
    place: Mapping[float, float],
    rows: Sequence[tuple[Point, Estimate, Estimate]],
) -> None:
    x = [place[point.task_weight] for point, _, _ in rows]
    low, high = ([100 * getattr(of, end) for _, _, of in rows] for end in ("low", "high"))
    add_band(figure, x, low, high, style.band)
    over_seeds = [[100 * getattr(of, end) for _, of, _ in rows] for end in ("value", "low", "high")]
    figure.add_scatter(
        x=x,
        y=over_seeds[0],
        mode="lines+markers",
        name=name,
        line={"color": style.color, "dash": style.dash, "width": WIDTH},
        marker={"symbol": style.symbol, "size": _SIZE, "color": style.color},
        error_y=error_bars(over_seeds, style.color),
        customdata=[(f"{p.task_weight:g}", spread(of), ends(by)) for p, of, by in rows],
        hovertemplate="λ = %{customdata[0]}: %{customdata[1]}, of the examples %{customdata[2]}"
        f"<extra>{name}</extra>",
    )


def _mark_limits(
    figure: go.Figure, points: Sequence[Point], place: Mapping[float, float], theme: Theme
) -> None:
    """Draw a line at the outermost λ of each limit, with its name above."""
    for said, one in {point.limit: point for point in points if point.limit}.items():
        x = place[one.task_weight]
        figure.add_vline(x=x, line={"color": NEUTRAL[theme], "width": 1, "dash": "dot"})
        is_left = x == min(place.values())
        figure.add_annotation(
            x=x,
            y=112,  # above all shares
            text=said,
            showarrow=False,
            xanchor="left" if is_left else "right",
            yanchor="top",
            font={"color": NEUTRAL[theme], "size": 12},
        )
