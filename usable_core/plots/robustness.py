"""Robustness results as figures: what remains of accuracy as the budget of the attack grows.

Curves of accuracy have the clean level and the baseline of random noise (dotted) beside the attack.
A curve whose checks failed is drawn hatched, with open markers, and is named an upper bound.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.metrics.intervals import Estimate
from usable_core.plots.epsilon_axis import add_interval, places, with_epsilon_axis
from usable_core.plots.style import NEUTRAL, WIDTH, ModelStyle, Names, Theme, add_clean_level, drawn

Results = Sequence[RobustnessResult]
Numbers = Sequence[Estimate]
UPPER_BOUND = " (upper bound only)"  # after the name of a result that is
EPSILON = 4  # place of epsilon in the customdata of a curve's points


def accuracy_versus_epsilon(
    results: Results, *, names: Names = None, theme: Theme = "light"
) -> go.Figure:
    """Return accuracy (%) against epsilon per model: attack with band, noise dotted, clean level.

    Raises:
        ValueError: the results differ in norm, so they share no axis.
    """
    figure, place = go.Figure(), places(results)
    for one in _drawn(figure, place, results, names, theme):
        one.curve(one.result.robust_accuracy)
        one.noise(one.result.noise_accuracy)
        ends = min(place.values()), max(place.values())
        add_clean_level(figure, ends, one.result.clean_accuracy, one.name, one.style)
    _explain_noise(figure, theme)
    figure.update_yaxes(title_text="accuracy, % (95 % band)", range=[-2, 102])
    return with_epsilon_axis(figure, results, place, theme)


def robustness_score(results: Results, *, names: Names = None, theme: Theme = "light") -> go.Figure:
    """Return mean(1[y = ŷ'] − 1[y = ŷ]) in points against epsilon, with paired bands.

    Zero is the clean level; the noise's own difference is dotted.
    """
    figure, place = go.Figure(), places(results)
    for one in _drawn(figure, place, results, names, theme):
        one.curve(one.result.robustness)
        clean, noise = one.result.clean_accuracy.value, one.result.noise_accuracy
        one.noise([Estimate(p.value - clean, math.nan, math.nan, p.n) for p in noise])
    _explain_noise(figure, theme)
    color = NEUTRAL[theme]
    named = {"text": "clean", "font": {"color": color}}
    figure.add_hline(y=0, line={"color": color, "width": 1}, annotation=named)
    figure.update_yaxes(title_text="change of accuracy, points (paired 95 % band)")
    return with_epsilon_axis(figure, results, place, theme)


def survival(
    results: Results, *, names: Names = None, theme: Theme = "light", with_raw: bool = False
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
    for one in _drawn(figure, place, results, names, theme):
        one.curve(one.result.survival, shape="hv")
        if with_raw and one.result.raw_curve:
            one.raw()
        one.censored()
        one.median()
    figure.update_yaxes(title_text="still right, % of those right when clean", range=[-4, 104])
    return with_epsilon_axis(figure, results, place, theme)


@dataclass(frozen=True)
class _Drawn:
    """A result on its way into a figure: where epsilons stand, what it is called and looks like."""

    figure: go.Figure
    place: dict[float, float]
    result: RobustnessResult
    name: str
    style: ModelStyle

    @property
    def x(self) -> list[float]:
        return [self.place[e] for e in self.result.epsilons]

    def curve(self, found: Numbers, *, shape: str = "linear") -> None:
        """Draw numbers at each epsilon, with their intervals as a band."""
        style, is_open = self.style, self.result.is_upper_bound_only
        add_interval(self.figure, self.x, found, style, is_hatched=is_open, shape=shape)
        self.figure.add_scatter(
            x=self.x,
            y=[100 * f.value for f in found],
            customdata=self._about(found),
            mode="lines+markers",
            name=self.name,
            line={"color": style.color, "dash": style.dash, "width": WIDTH, "shape": shape},
            marker={"symbol": f"{style.symbol}-open" if is_open else style.symbol, "size": 8},
            # A click chooses an epsilon; the other points must not fade.
            selected={"marker": {"size": 12}},
            unselected={"marker": {"opacity": 1}},
            hovertemplate="ε = %{customdata[0]}: %{y:.1f} "
            "(%{customdata[1]:.1f} to %{customdata[2]:.1f}), n = %{customdata[3]}",
        )

    def noise(self, found: Numbers) -> None:
        """Draw what random noise leaves, dotted."""
        spans = " (%{customdata[1]:.1f} to %{customdata[2]:.1f})"
        is_known = any(not math.isnan(f.low) for f in found)
        self.figure.add_scatter(
            x=self.x,
            y=[100 * f.value for f in found],
            customdata=self._about(found),
            mode="lines",
            showlegend=False,  # one entry explains the dots of all models
            name=f"{self.name}, random noise",
            line={"color": self.style.color, "dash": "dot", "width": 1.5},
            hovertemplate="ε = %{customdata[0]}: %{y:.1f}"
            f"{spans if is_known else ''}, n = %{{customdata[3]}}",
        )

    def raw(self) -> None:
        """Draw what every epsilon by itself leaves of the walked sample."""
        raw = self.result.raw_curve
        self.figure.add_scatter(
            x=self.x,
            y=[100 * f.value for f in raw],
            mode="lines",
            name=f"{self.name}, raw, n = {raw[0].n}",
            line={"color": self.style.color, "width": 1, "shape": "hv"},
            hovertemplate="each ε by itself: %{y:.1f}",
        )

    def censored(self) -> None:
        """Draw an arrow at the right end where the grid does not break all."""
        share = self.result.censored
        if not share.value > 0:
            return
        self.figure.add_scatter(
            x=self.x[-1:],
            y=[100 * share.value],
            mode="markers+text",
            text=[f"{100 * share.value:.0f} % not broken"],
            textposition="top left",
            textfont={"color": self.style.color},
            name=f"{self.name}, censored",
            showlegend=False,
            marker={"symbol": "triangle-right", "size": 14, "color": self.style.color},
            hovertemplate=f"no ε of the grid breaks {100 * share.value:.1f} % "
            f"({100 * share.low:.1f} to {100 * share.high:.1f}), n = {share.n}",
        )

    def median(self) -> None:
        """Mark the median of the smallest breaking epsilons, with its interval, at 50 %."""
        found, norm = self.result.median_smallest_epsilon, self.result.config.norm
        if not math.isfinite(found.value):
            return
        first, end = min(self.place.values()), max(self.place.values())
        low = self.place.get(found.low, first)  # 0 is not in every grid
        middle, high = (self.place.get(e, end) for e in (found.value, found.high))
        spoken = [
            epsilon_label(e, norm) if math.isfinite(e) else "beyond the grid"
            for e in (found.value, found.low, found.high)
        ]
        line = {"width": 4, "color": self.style.color}
        self.figure.add_scatter(
            x=[low, middle, high],
            y=[50, 50, 50],
            mode="lines+markers",
            name=f"{self.name}, median",
            showlegend=False,
            line={"color": self.style.color, "width": 5},
            marker={"symbol": "line-ns", "size": [0, 18, 0], "line": line},
            opacity=0.8,
            hovertemplate=f"median {spoken[0]} ({spoken[1]} to {spoken[2]})",
        )

    def _about(self, found: Numbers) -> list[list[object]]:
        """Return per point: epsilon as it is written, low, high, n, epsilon as a number."""
        return [
            [epsilon_label(e, self.result.config.norm), 100 * f.low, 100 * f.high, f.n, e]
            for e, f in zip(self.result.epsilons, found, strict=True)
        ]


def _drawn(
    figure: go.Figure, place: dict[float, float], results: Results, names: Names, theme: Theme
) -> Iterator[_Drawn]:
    """Yield each result with all that drawing it takes."""
    for name, result, style in drawn(results, names, theme):
        bound = UPPER_BOUND if result.is_upper_bound_only else ""
        yield _Drawn(figure, place, result, name + bound, style)


def _explain_noise(figure: go.Figure, theme: Theme) -> None:
    line = {"color": NEUTRAL[theme], "dash": "dot", "width": 1.5}
    figure.add_scatter(x=[None], y=[None], mode="lines", name="under random noise", line=line)
