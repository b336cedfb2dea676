"""Learning curves: what was measured against the number of labelled examples."""

from math import log10

import plotly.graph_objects as go

from usable_core.evaluations.learning_curve_result import LearningCurveResult
from usable_core.plots.spreads import Line, add_line, panels
from usable_core.plots.style import Theme, model_styles

_ROW = 22  # px of a row of the legend


def learning_curve_figure(result: LearningCurveResult, *, theme: Theme = "light") -> go.Figure:
    """Return every measured axis against the examples trained on (log axis), a line per backbone.

    Bars are the intervals over seeds, bands those of the examples.
    """
    axes, figure, unit = result.axes, panels(result.axes), result.examples
    curves = [curve for curve in result.curves if curve.answered]
    styles = model_styles([curve.name for curve in curves], theme)
    for curve, style in zip(curves, styles, strict=True):
        places = [(log10(p.size), f"{p.size:,} {unit}", p.spread) for p in curve.answered]
        for row, name in enumerate(axes, start=1):
            add_line(figure, name, row, Line(curve.name, style, places))
    sizes = sorted({point.size for curve in curves for point in curve.points})
    figure.update_xaxes(tickvals=[log10(one) for one in sizes], ticktext=[f"{s:,}" for s in sizes])
    # Above the name of the first panel, with room for a row each where the page is narrow.
    room = _ROW * len(curves)
    figure.update_layout(
        height=figure.layout.height + room,
        margin={"t": figure.layout.margin.t + room},
        legend={"yref": "container", "y": 1, "yanchor": "top"},
    )
    title = f"{unit} trained on (log scale)"
    return figure.update_xaxes(title_text=title, row=max(1, len(axes)), col=1)
