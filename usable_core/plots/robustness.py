"""Robustness results as figures: what remains of accuracy as the budget of the attack grows.

Curves of accuracy have the clean level and the baseline of random noise (dotted) beside the attack.
A curve whose checks failed is drawn hatched, with open markers, and is named an upper bound.
"""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.metrics.intervals import Estimate, Proportion
from usable_core.plots.epsilon_axis import add_band, places, with_epsilon_axis
from usable_core.plots.style import NEUTRAL, WIDTH, ModelStyle, Theme, labels, model_style

UPPER_BOUND = " (upper bound only)"
EPSILON = 4  # place of epsilon in the customdata of a curve's points


def titles(results: Sequence[RobustnessResult], names: Sequence[str] | None = None) -> list[str]:
    """Return what to call each result; one that is an upper bound only says so."""
    return [
        name + (UPPER_BOUND if result.is_upper_bound_only else "")
        for name, result in zip(labels(results, names), results, strict=True)
    ]


def accuracy_versus_epsilon(
    results: Sequence[RobustnessResult],
    *,
    names: Sequence[str] | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Return accuracy (%) against epsilon per model: attack with band, noise dotted, clean level.

    Raises:
        ValueError: the results differ in norm, so they share no axis.
    """
    figure, place = go.Figure(), places(results)
    for name, result in zip(titles(results, names), results, strict=True):
        style = model_style(result.provenance.model, theme)
        x, is_open = [place[e] for e in result.epsilons], result.is_upper_bound_only
        add_band(figure, x, result.robust_accuracy, style, is_hatched=is_open)
        _add_line(figure, x, result.robust_accuracy, result, name, style)
        _add_noise(figure, x, result.noise_accuracy, result, name, style)
        clean = result.clean_accuracy
        figure.add_scatter(
            x=[min(place.values()), max(place.values())],
            y=[100 * clean.value] * 2,
            mode="lines",
            name=f"{name}, clean",
            showlegend=False,
            line={"color": style.color, "width": 1},
            opacity=0.6,
            hoverinfo="skip",
        )
    _explain_noise(figure, theme)
    figure.update_yaxes(title_text="accuracy, % (95 % band)", range=[-2, 102])
    return with_epsilon_axis(figure, results, place, theme)


def robustness_score(
    results: Sequence[RobustnessResult],
    *,
    names: Sequence[str] | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Return mean(1[y = ŷ'] − 1[y = ŷ]) in points against epsilon, with paired bands.

    Zero is the clean level; the noise's own difference is dotted.
    """
    figure, place = go.Figure(), places(results)
    for name, result in zip(titles(results, names), results, strict=True):
        style = model_style(result.provenance.model, theme)
        x = [place[e] for e in result.epsilons]
        add_band(figure, x, result.robustness, style, is_hatched=result.is_upper_bound_only)
        _add_line(figure, x, result.robustness, result, name, style)
        clean = result.clean_accuracy.value
        noise = [Estimate(p.value - clean, math.nan, math.nan, p.n) for p in result.noise_accuracy]
        _add_noise(figure, x, noise, result, name, style)
    _explain_noise(figure, theme)
    figure.add_hline(y=0, line={"color": NEUTRAL[theme], "width": 1}, annotation_text="clean")
    figure.update_yaxes(title_text="change of accuracy, points (paired 95 % band)")
    return with_epsilon_axis(figure, results, place, theme)


def survival(
    results: Sequence[RobustnessResult],
    *,
    names: Sequence[str] | None = None,
    theme: Theme = "light",
    with_raw: bool = False,
) -> go.Figure:
    """Return the share (%) of examples right when clean that withstand epsilon, as stairs.

    What no epsilon of the grid breaks is censored: an arrow at the right end tells how much that
    is. The median of the smallest breaking epsilons is marked at 50 % with its interval.

    Args:
        results: Of one norm.
        names: What to call each.
        theme: Colour scheme of the page around it.
        with_raw: Also draw, thin, what every epsilon by itself leaves of the walked sample.

    Raises:
        ValueError: the results differ in norm, so they share no axis.
    """
    figure, place = go.Figure(), places(results)
    for name, result in zip(titles(results, names), results, strict=True):
        style = model_style(result.provenance.model, theme)
        x = [place[e] for e in result.epsilons]
        is_open = result.is_upper_bound_only
        add_band(figure, x, result.survival, style, is_hatched=is_open, shape="hv")
        _add_line(figure, x, result.survival, result, name, style, shape="hv")
        if with_raw and result.raw_curve:
            _add_raw(figure, x, result, name, style)
        _add_censored(figure, x[-1], result, name, style)
        _add_median(figure, place, result, name, style)
    figure.update_yaxes(title_text="still right, % of those right when clean", range=[-4, 104])
    return with_epsilon_axis(figure, results, place, theme)


def _add_line(
    figure: go.Figure,
    x: list[float],
    found: Sequence[Proportion | Estimate],
    result: RobustnessResult,
    name: str,
    style: ModelStyle,
    *,
    shape: str = "linear",
) -> None:
    symbol = f"{style.symbol}-open" if result.is_upper_bound_only else style.symbol
    figure.add_scatter(
        x=x,
        y=[100 * f.value for f in found],
        customdata=_about(found, result),
        mode="lines+markers",
        name=name,
        line={"color": style.color, "dash": style.dash, "width": WIDTH, "shape": shape},
        marker={"symbol": symbol, "size": 8},
        # A click chooses an epsilon; the other points must not fade.
        selected={"marker": {"size": 12}},
        unselected={"marker": {"opacity": 1}},
        hovertemplate="ε = %{customdata[0]}: %{y:.1f} "
        "(%{customdata[1]:.1f} to %{customdata[2]:.1f}), n = %{customdata[3]}",
    )


def _add_noise(
    figure: go.Figure,
    x: list[float],
    found: Sequence[Proportion | Estimate],
    result: RobustnessResult,
    name: str,
    style: ModelStyle,
) -> None:
    spans = " (%{customdata[1]:.1f} to %{customdata[2]:.1f})"
    is_known = any(not math.isnan(f.low) for f in found)
    figure.add_scatter(
        x=x,
        y=[100 * f.value for f in found],
        customdata=_about(found, result),
        mode="lines",
        showlegend=False,  # one entry explains the dots of all models
        name=f"{name}, random noise",
        line={"color": style.color, "dash": "dot", "width": 1.5},
        hovertemplate="ε = %{customdata[0]}: %{y:.1f}"
        + (spans if is_known else "")
        + ", n = %{customdata[3]}",
    )


def _about(found: Sequence[Proportion | Estimate], result: RobustnessResult) -> list[list[object]]:
    """Return per point: epsilon as it is written, low, high, n, epsilon as a number."""
    return [
        [epsilon_label(e, result.config.norm), 100 * f.low, 100 * f.high, f.n, e]
        for e, f in zip(result.epsilons, found, strict=True)
    ]


def _explain_noise(figure: go.Figure, theme: Theme) -> None:
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="lines",
        name="under random noise",
        line={"color": NEUTRAL[theme], "dash": "dot", "width": 1.5},
    )


def _add_raw(
    figure: go.Figure, x: list[float], result: RobustnessResult, name: str, style: ModelStyle
) -> None:
    raw = result.raw_curve
    figure.add_scatter(
        x=x,
        y=[100 * f.value for f in raw],
        mode="lines",
        name=f"{name}, raw, n = {raw[0].n}",
        line={"color": style.color, "width": 1, "shape": "hv"},
        hovertemplate="each ε by itself: %{y:.1f}",
    )


def _add_censored(
    figure: go.Figure, x: float, result: RobustnessResult, name: str, style: ModelStyle
) -> None:
    share = result.censored
    if not share.value > 0:
        return
    figure.add_scatter(
        x=[x],
        y=[100 * share.value],
        mode="markers+text",
        text=[f"{100 * share.value:.0f} % not broken"],
        textposition="top left",
        textfont={"color": style.color},
        name=f"{name}, censored",
        showlegend=False,
        marker={"symbol": "triangle-right", "size": 14, "color": style.color},
        hovertemplate=f"no ε of the grid breaks {100 * share.value:.1f} % "
        f"({100 * share.low:.1f} to {100 * share.high:.1f}), n = {share.n}",
    )


def _add_median(
    figure: go.Figure,
    place: dict[float, float],
    result: RobustnessResult,
    name: str,
    style: ModelStyle,
) -> None:
    found, norm = result.median_smallest_epsilon, result.config.norm
    if not math.isfinite(found.value):
        return
    first, end = min(place.values()), max(place.values())
    low = place.get(found.low, first)  # 0 is not in every grid
    middle, high = (place.get(e, end) for e in (found.value, found.high))
    spoken = [
        epsilon_label(e, norm) if math.isfinite(e) else "beyond the grid"
        for e in (found.value, found.low, found.high)
    ]
    figure.add_scatter(
        x=[low, middle, high],
        y=[50, 50, 50],
        mode="lines+markers",
        name=f"{name}, median",
        showlegend=False,
        line={"color": style.color, "width": 5},
        marker={
            "symbol": "line-ns",
            "size": [0, 18, 0],
            "line": {"width": 4, "color": style.color},
        },
        opacity=0.8,
        hovertemplate=f"median {spoken[0]} ({spoken[1]} to {spoken[2]})",
    )
