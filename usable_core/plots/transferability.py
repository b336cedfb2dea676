"""Transferability as a figure: what each backbone's frozen features say of a task."""

from collections.abc import Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from usable_core.catalog.metrics import METRICS
from usable_core.catalog.units import written
from usable_core.evaluations.transferability import TransferabilityResult
from usable_core.plots import style as look
from usable_core.plots.style import Names, Theme

_SIZE = 11  # px of a marker
_SCALES = {"share": 100.0, "number": 1.0}


def transferability_figure(
    results: Sequence[TransferabilityResult],
    *,
    names: Names = None,
    theme: Theme = "light",
) -> go.Figure:
    """Return one panel for each number, backbones below each other, each with its interval."""
    metrics = [number.metric for number in results[0].numbers()] if results else []
    titles = [METRICS[name].title for name in metrics]
    figure = make_subplots(1, max(1, len(metrics)), subplot_titles=titles, shared_yaxes=True)
    for name, result, style in look.drawn(results, names, theme):
        for column, number in enumerate(result.numbers(), start=1):
            unit, found = METRICS[number.metric].unit, number.found
            ends = [[_SCALES[unit] * end] for end in (found.value, found.low, found.high)]
            low, high = written(found.low, unit), written(found.high, unit)
            figure.add_scatter(
                x=ends[0],
                y=[name],
                mode="markers",
                name=name,
                showlegend=False,
                marker={"color": style.color, "symbol": style.symbol, "size": _SIZE},
                error_x=look.error_bars(ends, style.color),
                hovertemplate=f"{written(found.value, unit)}, 95 % interval {low} to {high}, "
                f"n = {result.n}<extra>{name}</extra>",
                row=1,
                col=column,
            )
    for column, metric in enumerate(metrics, start=1):
        written_in = "%" if METRICS[metric].unit == "share" else "nats"
        figure.update_xaxes(title_text=f"{written_in} (95 % interval)", col=column)
    figure.update_yaxes(autorange="reversed", type="category")
    return look.tidy(figure, height=130 + look.ROW * 2 * len(results))
