"""Robustness results as figures: what remains of accuracy as the budget of the attack grows.

Every figure has the clean level and the baseline of random noise (dotted) beside the attack.
"""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from usable_core.evaluations.robustness import RobustnessResult
from usable_core.evaluations.specs import Norm
from usable_core.metrics.intervals import Estimate, Proportion
from usable_core.plots.style import (
    NEUTRAL,
    WIDTH,
    ModelStyle,
    Theme,
    epsilon_label,
    labels,
    model_style,
    tidy,
)

NORM_TITLES: dict[Norm, str] = {"linf": "L∞, pixel range [0, 1]", "l2": "L2"}


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
    figure, place = go.Figure(), _places(results)
    for name, result in zip(labels(results, names), results, strict=True):
        style = model_style(result.provenance.model, theme)
        x = [place[e] for e in result.epsilons]
        _add_band(figure, x, result.robust_accuracy, style)
        _add_line(figure, x, result.robust_accuracy, result, name, style, dash=style.dash)
        _add_line(
            figure, x, result.noise_accuracy, result, f"{name}, random noise", style, dash="dot"
        )
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
    figure.update_yaxes(title_text="accuracy, % (95 % band)", range=[-2, 102])
    return _with_epsilon_axis(figure, results, place, theme)


def robustness_score(
    results: Sequence[RobustnessResult],
    *,
    names: Sequence[str] | None = None,
    theme: Theme = "light",
) -> go.Figure:
    """Return mean(1[y = ŷ'] − 1[y = ŷ]) in points against epsilon, with paired bands.

    Zero is the clean level; the noise's own difference is dotted.
    """
    figure, place = go.Figure(), _places(results)
    for name, result in zip(labels(results, names), results, strict=True):
        style = model_style(result.provenance.model, theme)
        x = [place[e] for e in result.epsilons]
        _add_band(figure, x, result.robustness, style)
        _add_line(figure, x, result.robustness, result, name, style, dash=style.dash)
        clean = result.clean_accuracy.value
        noise = [Estimate(p.value - clean, math.nan, math.nan, p.n) for p in result.noise_accuracy]
        _add_line(figure, x, noise, result, f"{name}, random noise", style, dash="dot")
    figure.add_hline(y=0, line={"color": NEUTRAL[theme], "width": 1}, annotation_text="clean")
    figure.update_yaxes(title_text="change of accuracy, points (paired 95 % band)")
    return _with_epsilon_axis(figure, results, place, theme)


def _places(results: Sequence[RobustnessResult]) -> dict[float, float]:
    """Return where each epsilon stands: on a log2 scale, with 0 one step left of the smallest."""
    if len({result.config.norm for result in results}) > 1:
        raise ValueError("results of different norms cannot share an axis of epsilon")
    epsilons = sorted({e for result in results for e in result.epsilons})
    positive = [e for e in epsilons if e > 0]
    zero = math.log2(positive[0]) - 1 if positive else 0.0
    return {e: math.log2(e) if e > 0 else zero for e in epsilons}


def _add_band(
    figure: go.Figure,
    x: list[float],
    found: Sequence[Proportion | Estimate],
    style: ModelStyle,
) -> None:
    figure.add_scatter(
        x=[*x, *reversed(x)],
        y=[100 * f.low for f in found] + [100 * f.high for f in reversed(found)],
        mode="lines",  # without it plotly adds markers that steal clicks
        fill="toself",
        fillcolor=style.band,
        line={"width": 0, "color": style.band},
        showlegend=False,
        hoverinfo="skip",
        name="95 % interval",
    )


def _add_line(
    figure: go.Figure,
    x: list[float],
    found: Sequence[Proportion | Estimate],
    result: RobustnessResult,
    name: str,
    style: ModelStyle,
    *,
    dash: str,
) -> None:
    is_noise = dash == "dot"
    known = [f for f in found if not math.isnan(f.low)]
    figure.add_scatter(
        x=x,
        y=[100 * f.value for f in found],
        customdata=[
            [epsilon_label(e, result.config.norm), 100 * f.low, 100 * f.high, f.n]
            for e, f in zip(result.epsilons, found, strict=True)
        ],
        mode="lines" if is_noise else "lines+markers",
        showlegend=not is_noise,  # one entry explains the dots of all models
        name=name,
        line={"color": style.color, "dash": dash, "width": 1.5 if is_noise else WIDTH},
        marker={"symbol": style.symbol, "size": 8},
        hovertemplate="ε = %{customdata[0]}: %{y:.1f}"
        + (" (%{customdata[1]:.1f} to %{customdata[2]:.1f})" if known else "")
        + ", n = %{customdata[3]}",
    )


def _with_epsilon_axis(
    figure: go.Figure,
    results: Sequence[RobustnessResult],
    place: dict[float, float],
    theme: Theme,
) -> go.Figure:
    norm: Norm = results[0].config.norm if results else "linf"
    figure.add_scatter(
        x=[None],
        y=[None],
        mode="lines",
        name="under random noise",
        line={"color": NEUTRAL[theme], "dash": "dot", "width": 1.5},
    )
    figure.update_xaxes(
        title_text=f"ε ({NORM_TITLES[norm]}; log scale)",
        tickvals=list(place.values()),
        ticktext=[epsilon_label(e, norm) for e in place],
    )
    return tidy(figure, height=420)
