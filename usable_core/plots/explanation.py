"""Explanation quality over a data set: each method and backbone with its interval."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import ExplanationResult
from usable_core.plots.style import Theme, drawn, error_bars, named_inside, tidy

if TYPE_CHECKING:
    import pandas as pd

_SHARES = ("doubtful", "settled_share")
_MARKER = 10  # px
_HEIGHT = 120  # px, and more for each method


def quality(
    results: Sequence[ExplanationResult],
    metric: str,
    title: str,
    *,
    names: Sequence[str] | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Return one figure of quality: methods below each other, a marker for each backbone.

    A click on a marker names its place, see `quality_places`.

    Args:
        results: One per backbone.
        metric: A column of `per_method`; its interval is in `{metric}_low` and `{metric}_high`.
        title: Of the axis, with its unit.
        names: What the backbones are called.
        theme: The page's colour scheme.
    """
    figure = go.Figure()
    for number, (name, result, style) in enumerate(drawn(results, names, theme)):
        table = result.per_method
        known = table[table[metric].notna()]
        figure.add_scatter(
            x=known[metric].tolist(),
            y=[EXPLAINERS[m].title for m in known["method"]],
            name=name,
            mode="markers",
            orientation="h",  # backbones stand below each other; else they were moved along x
            error_x=error_bars(_ends(known, metric)),
            marker={"color": style.color, "symbol": style.symbol, "size": _MARKER},
            customdata=[
                (n, place_of(number, m)) for n, m in zip(known["n"], known["method"], strict=True)
            ],
            hovertemplate="%{y}: %{x:.3g}, n = %{customdata[0]}<extra>" + name + "</extra>",
        )
    figure.update_layout(scattermode="group", scattergap=0.5)
    methods = list(dict.fromkeys(m for result in results for m in result.config.methods))
    order = [EXPLAINERS[method].title for method in reversed(methods)]
    figure.update_yaxes(categoryorder="array", categoryarray=order)
    figure.update_xaxes(title_text=title)
    if metric in _SHARES:
        figure.update_xaxes(range=[-0.03, 1.03], tickformat=".0%")
    return named_inside(tidy(figure, height=_HEIGHT + 60 * max(1, len(methods))))


def place_of(number: int, method: str) -> str:
    """Return what a click on a marker names: the place of the backbone, and the method."""
    return f"{number} {method}"


def quality_places(results: Sequence[ExplanationResult], *, names: Sequence[str]) -> dict[str, str]:
    """Return what can be clicked in the figure: the place of each marker, and its words."""
    return {
        place_of(number, method): f"{EXPLAINERS[method].title} of {name}"
        for number, (name, result) in enumerate(zip(names, results, strict=True))
        for method in result.per_method["method"]
    }


def _ends(known: "pd.DataFrame", metric: str) -> "list[pd.Series[float]]":
    """Return a number and the ends of its interval; itself where the column has none."""
    return [known.get(f"{metric}{end}", known[metric]) for end in ("", "_low", "_high")]
