"""Cost results as a figure: how long batches of each size take."""

from collections.abc import Sequence
from math import ceil, floor, log10

import plotly.graph_objects as go

from usable_core.catalog.units import written
from usable_core.evaluations.cost import CostResult, place
from usable_core.plots import style as look
from usable_core.plots.style import ModelStyle, Names, Theme

Results = Sequence[CostResult]
SHARES = {"median": 0.5, "p95": 0.95}
_SIZE = 11  # px of a marker
_ROW = 44  # px


def latency_figure(results: Results, *, names: Names = None, theme: Theme = "light") -> go.Figure:
    """Return the time (ms, log) of a batch, per model and batch size.

    Small points are single batches; the large filled one is the median, the hollow one the 95th
    percentile, each with its interval. Whole answers where pictures were decoded, else the forward
    pass alone.
    """
    figure = go.Figure()
    rows = [
        (name, result, style, size)
        for name, result, style in look.drawn(results, names, theme)
        for size in result.batch_sizes
    ]
    labels = [f"{name}, {place(size)}" for name, _, _, size in rows]
    for label, (name, result, style, size) in zip(labels, rows, strict=True):
        _add_row(figure, label, name, style, (result, size))
    figure.update_xaxes(title_text="time of a batch, ms (log scale)", type="log", **_ticks(figure))
    figure.update_yaxes(
        autorange="reversed", type="category", categoryorder="array", categoryarray=labels
    )
    return look.named_inside(look.tidy(figure, height=130 + _ROW * len(labels)))


def _ticks(figure: go.Figure) -> dict[str, object]:
    """Return ticks at 1, 2 and 5 of each power of ten: plotly's own print over each other."""
    times = [value for trace in figure.data for value in trace.x]
    powers = range(floor(log10(min(times))), ceil(log10(max(times))) + 1)
    values = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return {"tickvals": values, "ticktext": [f"{value:g}" for value in values]}


def _add_row(
    figure: go.Figure,
    label: str,
    name: str,
    style: ModelStyle,
    timed: tuple[CostResult, int],
) -> None:
    """Draw the batches of one model and size: each, and their quantiles with intervals."""
    result, size = timed
    part = result.parts[0]
    times = result.timings(part, size)
    figure.add_scatter(
        x=1000 * times,
        y=[label] * len(times),
        mode="markers",
        marker={"color": style.color, "size": 4},
        opacity=0.35,
        showlegend=False,
        hoverinfo="skip",
        name=f"{name}, single batches",
    )
    for called, share in SHARES.items():
        found = result.time(part, size, share)
        # An end that is not bounded is drawn to the slowest batch, and told.
        high = min(found.high, float(times.max()))
        ends = [[1000 * value] for value in (found.value, found.low, high)]
        symbol = style.symbol if called == "median" else f"{style.symbol}-open"
        said = [written(v, "seconds") for v in (found.value, found.low, found.high)]
        figure.add_scatter(
            x=ends[0],
            y=[label],
            mode="markers",
            marker={"color": style.color, "size": _SIZE, "symbol": symbol, "line_width": 2},
            error_x=look.error_bars(ends, style.color),
            showlegend=False,
            name=f"{name}, {called}",
            hovertemplate=f"{called} {said[0]}, 95 % interval {said[1]} to {said[2]}, "
            f"{found.n} timings<extra></extra>",
        )
