"""The axis of epsilon that figures of attacks share: log scale, ticks, budgets of leaderboards."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from usable_core.evaluations.epsilon import NORM_TITLES, epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.evaluations.specs import Norm
from usable_core.metrics.intervals import Estimate
from usable_core.plots.style import NEUTRAL, ModelStyle, Theme, add_band, tidy

_OF_GREY_LEVELS = "/255"
_HATCH = {"shape": "/", "fgopacity": 0.5, "size": 7, "solidity": 0.15}
_CLOSE = 0.4  # ticks nearer than this, in steps of log2, would print over each other


@dataclass(frozen=True)
class Benchmark:
    """A budget that published figures use, and where it comes from."""

    epsilon: float
    title: str
    source: str


_ROBUSTBENCH = "budget of RobustBench (Croce et al. 2021) for"
_CROCE_HEIN = "budget of Croce & Hein 2021 for"
_GROWS = "it grows with the image"
BENCHMARKS: dict[Norm, tuple[Benchmark, ...]] = {
    "linf": (
        Benchmark(4 / 255, "ImageNet 224 px", f"Linf {_ROBUSTBENCH} ImageNet at 224 px"),
        Benchmark(8 / 255, "CIFAR-10 32 px", f"Linf {_ROBUSTBENCH} CIFAR-10 at 32 px"),
    ),
    "l2": (Benchmark(0.5, "CIFAR-10 32 px", f"L2 {_ROBUSTBENCH} CIFAR-10 at 32 px; {_GROWS}"),),
    "l1": (Benchmark(12.0, "CIFAR-10 32 px", f"L1 {_CROCE_HEIN} CIFAR-10 at 32 px; {_GROWS}"),),
    "words": (),
}


def places(results: Sequence[RobustnessResult]) -> dict[float, float]:
    """Return where each epsilon of results stands, see `epsilon_places`.

    Raises:
        ValueError: the results differ in norm, so they share no axis.
    """
    if len({result.config.norm for result in results}) > 1:
        raise ValueError("results of different norms cannot share an axis of epsilon")
    return epsilon_places(e for result in results for e in result.epsilons)


def epsilon_places(epsilons: Iterable[float]) -> dict[float, float]:
    """Return where each epsilon stands: on a log2 scale, with 0 one step left of the smallest."""
    found = sorted(set(epsilons))
    positive = [e for e in found if e > 0]
    zero = math.log2(positive[0]) - 1 if positive else 0.0
    return {e: math.log2(e) if e > 0 else zero for e in found}


def add_interval(
    figure: go.Figure,
    x: list[float],
    found: Sequence[Estimate],
    style: ModelStyle,
    *,
    is_hatched: bool = False,
    shape: str = "linear",
) -> None:
    """Draw the intervals as a band, hatched where the curve is an upper bound only."""
    low, high = [100 * f.low for f in found], [100 * f.high for f in found]
    if shape == "hv":  # stairs: the way back needs its corners spelled out
        low, high, x = _stairs(low), _stairs(high), [x[0], *(at for at in x[1:] for _ in (0, 1))]
    band = add_band(figure, x, low, high, style.band)
    if is_hatched:
        band.fillpattern = {"fgcolor": style.color, **_HATCH}


def with_epsilon_axis(
    figure: go.Figure, results: Sequence[RobustnessResult], place: dict[float, float], theme: Theme
) -> go.Figure:
    """Return the figure with the ticks of the grid and the leaderboards' budgets inside it."""
    norm: Norm = results[0].config.norm if results else "linf"
    positive = [e for e in place if e > 0]
    marks = [
        mark
        for mark in BENCHMARKS[norm]
        if positive and min(positive) <= mark.epsilon <= max(positive)
    ]
    for mark in marks:
        _mark(figure, mark, theme)
    unit, ticks = epsilon_ticks(place, norm)
    title = f"{unit} ({NORM_TITLES[norm]}; log scale)"
    figure.update_xaxes(
        title={"text": "<br>".join([title, *_told(marks, norm)]), "font": {"size": 12}}, **ticks
    )
    return tidy(figure, height=420)


def _mark(figure: go.Figure, mark: Benchmark, theme: Theme) -> None:
    """Draw a line with a foot, which tells a pointer where the budget comes from."""
    at = math.log2(mark.epsilon)
    figure.add_vline(x=at, line={"color": NEUTRAL[theme], "width": 1}, opacity=0.6)
    figure.add_annotation(
        x=at,
        y=0,
        yref="paper",
        yanchor="bottom",
        text="▴",
        hovertext=mark.source,
        showarrow=False,
        font={"color": NEUTRAL[theme]},
    )


def _told(marks: Sequence[Benchmark], norm: Norm) -> list[str]:
    """Return what the upright lines are, for below the axis: in the figure curves run through."""
    if not marks:
        return []
    of = "RobustBench" if "RobustBench" in marks[0].source else "published"
    said = [f"{mark.title} {epsilon_label(mark.epsilon, norm)}" for mark in marks]
    return [f"lines, {of}: {', '.join(said)}"]


def epsilon_ticks(
    place: Mapping[float, float], norm: Norm, *, apart: float = _CLOSE
) -> tuple[str, dict[str, object]]:
    """Return the unit of an axis of epsilon and its ticks, those that would print over others bare.

    Args:
        place: Where each epsilon stands, see `epsilon_places`.
        norm: Of the epsilons.
        apart: Ticks nearer than this, in steps of log2, are left without a text.
    """
    texts, last = [], -math.inf
    for epsilon, at in place.items():
        is_free = at - last >= apart
        texts.append(epsilon_label(epsilon, norm) if is_free else "")
        last = at if is_free else last
    written = [text for text in texts if text not in ("", "0")]
    in_grey_levels = bool(written) and all(t.endswith(_OF_GREY_LEVELS) for t in written)
    if in_grey_levels:  # short ticks, for the figure may be narrow
        texts = [text.removesuffix(_OF_GREY_LEVELS) for text in texts]
    unit = "ε in grey levels, 1/255" if in_grey_levels else "ε"
    return unit, {"tickvals": list(place.values()), "ticktext": texts, "tickangle": 0}


def _stairs(y: Sequence[float]) -> list[float]:
    return [*(value for k in range(len(y) - 1) for value in (y[k], y[k])), y[-1]]
