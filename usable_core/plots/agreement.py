"""How far maps agree in pairs: one small table as a figure for each measure."""

import html
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from usable_core.plots.style import tidy

# Cells have their own background, so colours hold on light and dark pages: those of the maps for
# what has a sign, the page's own for shares.
_SIGNED = [[0.0, "#2166AC"], [0.5, "#F7F7F7"], [1.0, "#E6550D"]]
_SHARE = [[0.0, "#F7F7F7"], [1.0, "#0B6E99"]]
_HEIGHT = 240  # px


def pair_table(
    names: Sequence[str], table: Sequence[Sequence[float]], *, is_signed: bool
) -> go.Figure:
    """Return a measure of every pair, each cell with its number; a dash where there is none.

    A row has a name and a number, a column that number alone: names side by side would overlap.

    Args:
        names: The maps (M,).
        table: The measure (M, M).
        is_signed: It goes from −1 to 1; otherwise it is a share.
    """
    labels = [html.escape(name) for name in names]
    figure = go.Figure()
    texts = [[_text(v, is_signed) for v in row] for row in table]
    colours = (
        {"zmin": -1, "colorscale": _SIGNED} if is_signed else {"zmin": 0, "colorscale": _SHARE}
    )
    pairs = [[f"{row} and {column}" for column in labels] for row in labels]
    hover = {"texttemplate": "%{text}", "hovertemplate": "%{customdata}: %{text}<extra></extra>"}
    cells = {"x": labels, "y": labels, "text": texts, "customdata": pairs}
    figure.add_heatmap(z=[list(row) for row in table], **cells, **hover)
    figure.update_traces(zmax=1, showscale=False, xgap=2, ygap=2, **colours)
    for i, row in enumerate(table):  # heat maps leave a cell without a number blank
        for j, value in enumerate(row):
            if math.isnan(value):
                figure.add_annotation(x=labels[j], y=labels[i], text="–", showarrow=False)
    numbers = [str(1 + place) for place in range(len(labels))]
    numbered = [f"{label} · {number}" for label, number in zip(labels, numbers, strict=True)]
    figure.update_yaxes(autorange="reversed", showgrid=False, tickvals=labels, ticktext=numbered)
    figure.update_xaxes(showgrid=False, tickangle=0, tickvals=labels, ticktext=numbers)
    return tidy(figure, height=_HEIGHT + 24 * max(0, len(names) - 3))


def _text(value: float, is_signed: bool) -> str:
    if math.isnan(value):
        return ""
    return f"{value:+.2f}".replace("-", "−") if is_signed else f"{100 * value:.0f} %"
