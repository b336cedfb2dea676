"""How maps move under attack: similarity, drift beyond noise and confidence on one axis of ε."""

import html
import math
from collections.abc import Iterator, Mapping, Sequence

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from usable_core.evaluations.evidence import Drift
from usable_core.plots.style import (
    NEUTRAL,
    WIDTH,
    ModelStyle,
    Theme,
    model_style,
    tidy,
)

_ROWS = ("Similarity to the clean map", "Drift beyond noise", "Confidence, %")
_HEIGHT = 640  # px
_MARKER = 9  # px


def drift_figure(
    drifts: Mapping[str, Drift],
    names: Sequence[str],
    *,
    norm: str = "linf",
    theme: Theme = "light",
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
    for (reference, drift), name in zip(drifts.items(), names, strict=True):
        style = model_style(reference, theme)
        for row, trace in _traces(drift, html.escape(name), place, style, norm):
            figure.add_trace(trace, row=row, col=1)
    for row, title in enumerate(_ROWS, start=1):
        figure.update_yaxes(title_text=title, row=row, col=1)
    figure.add_hline(y=0, line={"color": NEUTRAL[theme], "width": 1, "dash": "dot"}, row=2, col=1)
    figure.update_yaxes(range=[-3, 103], row=3, col=1)
    figure.update_xaxes(tickvals=list(place.values()), ticktext=_ticks(place, norm), tickangle=0)
    unit = "ε in 1/255 of the pixel range" if norm == "linf" else "ε"
    figure.update_xaxes(title_text=f"{unit} (log scale)", row=3, col=1)
    return tidy(figure, height=_HEIGHT)


def budget_label(epsilon: float, norm: str = "linf") -> str:
    """Return a budget as it is written: in grey levels, `0.125/255`, where L∞ measures it."""
    return f"{255 * epsilon:.3g}/255" if norm == "linf" and epsilon > 0 else f"{epsilon:.3g}"


def epsilon_places(epsilons: Sequence[float]) -> dict[float, float]:
    """Return where each budget stands: on a log2 scale, 0 one step left of the smallest."""
    found = sorted(set(epsilons))
    positive = [e for e in found if e > 0]
    zero = math.log2(positive[0]) - 1 if positive else 0.0
    return {e: math.log2(e) if e > 0 else zero for e in found}


def _traces(
    drift: Drift, name: str, place: Mapping[float, float], style: ModelStyle, norm: str
) -> Iterator[tuple[int, go.Scatter]]:
    """Yield row and trace of each line of a backbone's drift, and of its noise level."""
    told = [
        f"ε = {budget_label(e, norm)}, prediction {'kept' if kept else 'lost'}"
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
        yield (
            row,
            go.Scatter(
                x=[place[e] for e in drift.epsilons],
                y=list(values),
                mode="lines+markers",
                name=called,
                customdata=told,
                showlegend=is_main and row == 1,
                line={"color": style.color, "dash": dash, "width": WIDTH if is_main else 1.5},
                marker={
                    "symbol": symbols,
                    "size": _MARKER if is_main else _MARKER - 3,
                    "line": {"color": style.color, "width": 2},
                },
                hovertemplate="%{customdata}: %{y:.3g}<extra>" + called + "</extra>",
            ),
        )
    noise = drift.rank_correlation[0]
    if not math.isnan(noise):
        yield (
            1,
            go.Scatter(
                x=[min(place.values()), max(place.values())],
                y=[noise, noise],
                mode="lines",
                line={"color": style.color, "dash": "dot", "width": 1},
                hoverinfo="skip",
                name=f"{name}, noise level at ε = 0",
                showlegend=False,
            ),
        )


def _ticks(place: Mapping[float, float], norm: str) -> list[str]:
    """Return the ticks' texts, none that would print over the one before it."""
    texts, last = [], -math.inf
    for epsilon, at in place.items():
        is_free = at - last >= 0.9 or epsilon == 0  # steps of log2, for a narrow figure
        texts.append(budget_label(epsilon, norm).removesuffix("/255") if is_free else "")
        last = at if is_free else last
    return texts
