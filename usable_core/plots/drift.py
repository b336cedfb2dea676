"""How maps move under attack: similarity, drift beyond noise and confidence on one axis of ε."""

import html
import math
from collections.abc import Iterator, Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.evidence import Drift
from usable_core.evaluations.specs import Norm
from usable_core.plots.epsilon_axis import epsilon_places, epsilon_ticks
from usable_core.plots.style import NEUTRAL, WIDTH, ModelStyle, Theme, model_styles, tidy

_ROWS = ("Similarity to the clean map", "Drift beyond noise", "Confidence, %")
_HEIGHT = 640  # px
_MARKER = 9  # px
_APART = 0.9  # of ticks with a text, in steps of log2, for a narrow figure


def drift_figure(
    drifts: dict[str, Drift], names: Sequence[str], *, norm: Norm = "linf", theme: Theme = "light"
) -> go.Figure:
    """Return the drift of each backbone's map of one method.

    Solid markers: the prediction is kept; hollow ones: it is lost, so the map explains a class that
    is no longer predicted. The dotted line is the noise level: two clean maps of different seeds.

    Args:
        drifts: Model reference to its drift.
        names: What each is called.
        norm: Of the budgets.
        theme: The page's colour scheme.
    """
    place = epsilon_places([e for drift in drifts.values() for e in drift.epsilons])
    figure = make_subplots(rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.07)
    styles = model_styles(drifts, theme)
    for drift, name, style in zip(drifts.values(), names, styles, strict=True):
        for row, trace in _traces(drift, html.escape(name), place, style, norm):
            figure.add_trace(trace, row=row, col=1)
    for row, title in enumerate(_ROWS, start=1):
        figure.update_yaxes(title_text=title, row=row, col=1)
    figure.add_hline(y=0, line={"color": NEUTRAL[theme], "width": 1, "dash": "dot"}, row=2, col=1)
    figure.update_yaxes(range=[-3, 103], row=3, col=1)
    unit, ticks = epsilon_ticks(place, norm, apart=_APART)
    figure.update_xaxes(**ticks)
    figure.update_xaxes(title_text=f"{unit} (log scale)", row=3, col=1)
    return tidy(figure, height=_HEIGHT)


def _traces(
    drift: Drift, name: str, place: Mapping[float, float], style: ModelStyle, norm: Norm
) -> Iterator[tuple[int, go.Scatter]]:
    """Yield row and trace of each line of a backbone's drift, and of its noise level."""
    told = [
        f"ε = {epsilon_label(e, norm)}, prediction {'kept' if kept else 'lost'}"
        for e, kept in zip(drift.epsilons, drift.is_kept, strict=True)
    ]
    symbols = [style.symbol if kept else f"{style.symbol}-open" for kept in drift.is_kept]
    for row, what, values, dash in (
        (1, "rank correlation", drift.rank_correlation, "solid"),
        (1, "top-5 overlap", drift.top_overlap, "dash"),
        (2, "rank correlation lost", drift.rank_drift, "solid"),
        (2, "top-5 overlap lost", drift.top_drift, "dash"),
        (3, "confidence", tuple(100 * c for c in drift.confidences), "solid"),
    ):
        is_main, called = dash == "solid", f"{name}, {what}"
        edge, size = {"color": style.color, "width": 2}, _MARKER if is_main else _MARKER - 3
        trace = go.Scatter(
            x=[place[e] for e in drift.epsilons],
            y=list(values),
            mode="lines+markers",
            name=called,
            customdata=told,
            showlegend=is_main and row == 1,
            line={"color": style.color, "dash": dash, "width": WIDTH if is_main else 1.5},
            marker={"symbol": symbols, "size": size, "line": edge},
            hovertemplate="%{customdata}: %{y:.3g}<extra>" + called + "</extra>",
        )
        yield row, trace
    if not math.isnan(drift.rank_correlation[0]):
        yield 1, _noise_level(drift.rank_correlation[0], name, place, style)


def _noise_level(
    noise: float, name: str, place: Mapping[float, float], style: ModelStyle
) -> go.Scatter:
    return go.Scatter(
        x=[min(place.values()), max(place.values())],
        y=[noise, noise],
        mode="lines",
        line={"color": style.color, "dash": "dot", "width": 1},
        hoverinfo="skip",
        name=f"{name}, noise level at ε = 0",
        showlegend=False,
    )
