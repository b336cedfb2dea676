"""Corruption results as figures: which corruptions hurt, how fast, and whether attacks agree."""

import html
import math
from collections.abc import Sequence

import plotly.graph_objects as go

from usable_core.catalog.text_corruptions import KNOWN
from usable_core.comparison.corruption_and_attack import Agreement
from usable_core.evaluations.corruption_result import CorruptionResult
from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.specs import Norm
from usable_core.plots import style as look
from usable_core.plots.style import ModelStyle, Names, Theme

CLEAN = "clean"  # the place of the cells of unchanged images
_NUDGE = 0.12  # how far points of one budget are spread, in steps of the axis


def corruption_heat_map(result: CorruptionResult, *, theme: Theme = "light") -> go.Figure:
    """Return accuracy (%) per corruption (row) and severity (column), the clean level first.

    A click on a cell names its place, see `corruption_places`.
    """
    cells = result.per_cell
    titles = [html.escape(KNOWN[name].title) for name in result.corruptions]
    clean = result.clean_accuracy
    shown, told = [], []
    for name, title in zip(result.corruptions, titles, strict=True):
        rows = cells[cells["corruption"] == name]
        shown.append([100 * clean.value, *(100 * rows["accuracy"])])
        told.append([_told("Clean", clean.value, clean.low, clean.high, result.n)])
        for r in rows.itertuples():
            head = f"{title}, severity {r.severity}"
            words = _told(head, r.accuracy, r.low, r.high, result.n)
            told[-1].append(f"{words}, lost {r.lost}, gained {r.gained}")
    columns = ["clean", *map(str, result.severities)]
    places = [
        [CLEAN, *(place_of(name, severity) for severity in result.severities)]
        for name in result.corruptions
    ]
    figure = look.share_heat_map(shown, columns, titles, told, places, theme)
    figure.update_xaxes(title_text="severity", side="bottom")
    return look.tidy(figure, height=150 + look.ROW * len(titles))


def place_of(name: str, severity: int) -> str:
    """Return what a click on a cell of the heat map names."""
    return f"{name} {severity}"


def corruption_places(result: CorruptionResult) -> dict[str, str]:
    """Return what can be clicked in the heat map: the place of each cell, and its words."""
    return {CLEAN: "Wrong when clean"} | {
        place_of(name, severity): f"{KNOWN[name].title}, severity {severity}"
        for name in result.corruptions
        for severity in result.severities
    }


def _told(head: str, value: float, low: float, high: float, n: int) -> str:
    return f"{head}: {100 * value:.1f} % ({100 * low:.1f} to {100 * high:.1f}), n = {n}"


def accuracy_by_severity(
    results: Sequence[CorruptionResult], *, names: Names = None, theme: Theme = "light"
) -> go.Figure:
    """Return accuracy (%) over the corruptions against severity per model, with bands; 0 is clean.

    Raises:
        ValueError: the results are of different corruptions, so their means do not compare.
    """
    if len({result.corruptions for result in results}) > 1:
        raise ValueError("results of different corruptions cannot share a mean")
    figure = go.Figure()
    for name, result, style in look.drawn(results, names, theme):
        _add_by_severity(figure, result, name, style)
        ends = 0, max(result.severities, default=0)
        look.add_clean_level(figure, ends, result.clean_accuracy, name, style)
    ticks = sorted({0} | {s for result in results for s in result.severities})
    texts = ["clean" if tick == 0 else str(tick) for tick in ticks]
    title = "severity, mean over the corruptions"
    figure.update_xaxes(title_text=title, tickvals=ticks, ticktext=texts)
    figure.update_yaxes(title_text="accuracy, % (95 % band)", range=[-2, 102])
    return look.tidy(figure, height=420)


def _add_by_severity(
    figure: go.Figure, result: CorruptionResult, name: str, style: ModelStyle
) -> None:
    table, clean = result.by_severity, result.clean_accuracy
    x = [0, *table["severity"]]
    firsts = {"accuracy": clean.value, "low": clean.low, "high": clean.high}
    middle, low, high = ([100 * first, *(100 * table[c])] for c, first in firsts.items())
    look.add_band(figure, x, low, high, style.band)
    figure.add_scatter(
        x=x,
        y=middle,
        mode="lines+markers",
        name=name,
        customdata=list(zip(low, high, [result.n] * len(x), strict=True)),
        line={"color": style.color, "dash": style.dash, "width": look.WIDTH},
        marker={"symbol": style.symbol, "size": 8},
        hovertemplate="severity %{x}: %{y:.1f} (%{customdata[0]:.1f} to "
        "%{customdata[1]:.1f}), n = %{customdata[2]}",
    )


def attack_versus_corruption(
    agreement: Agreement, *, norm: Norm = "linf", theme: Theme = "light"
) -> go.Figure:
    """Return what attack and corruption say of each example, or of each model, as points.

    Args:
        agreement: What `agreement_by_example` or `agreement_across_models` returned.
        norm: Norm of the attack, for the names of the budgets.
        theme: Colour scheme of the page around it.
    """
    is_of_models = "model" in agreement.points.columns
    figure = _models(agreement, theme) if is_of_models else _examples(agreement, norm, theme)
    figure = look.tidy(look.titled(figure, _sentence(agreement, is_of_models)), height=420)
    return figure.update_layout(margin={"t": 60})


def _sentence(agreement: Agreement, is_of_models: bool) -> str:
    found = agreement.correlation
    what = "models" if is_of_models else "examples right when clean"
    if math.isnan(found.value):
        return f"Rank correlation undefined, n = {found.n} {what}"
    span = "" if math.isnan(found.low) else f" ({found.low:.2f} to {found.high:.2f})"
    return f"Rank correlation {found.value:.2f}{span}, n = {found.n} {what}"


def _models(agreement: Agreement, theme: Theme) -> go.Figure:
    figure = go.Figure()
    rows = agreement.points.to_dict("records")
    styles = look.model_styles([row["model"] for row in rows], theme)
    for row, style in zip(rows, styles, strict=True):
        area, accuracy = (
            look.error_bars(
                ([100 * row[f"{c}{end}"]] for end in ("", "_low", "_high")), look.NEUTRAL[theme]
            )
            for c in ("area", "corruption_accuracy")
        )
        figure.add_scatter(
            x=[100 * row["area"]],
            y=[100 * row["corruption_accuracy"]],
            error_x=area,
            error_y=accuracy,
            mode="markers",
            name=html.escape(row["model"]),
            marker={"color": style.color, "symbol": style.symbol, "size": 12},
            hovertemplate="%{x:.1f} % under attack, %{y:.1f} % under corruptions",
        )
    figure.update_xaxes(title_text="accuracy under attack, mean over the budgets, %")
    figure.update_yaxes(title_text="accuracy under corruptions, mean, %")
    return figure


def _examples(agreement: Agreement, norm: Norm, theme: Theme) -> go.Figure:
    """Return examples in one column per breaking budget, its points side by side."""
    points = agreement.points
    budgets = sorted(set(points["breaking_epsilon"]))
    place = {epsilon: k for k, epsilon in enumerate(budgets)}
    nudge = points.groupby("breaking_epsilon").cumcount() % 7 - 3  # -3 to 3
    names = ["withstands all" if math.isinf(e) else epsilon_label(e, norm) for e in budgets]
    figure = go.Figure()
    figure.add_scatter(
        x=points["breaking_epsilon"].map(place) + nudge * _NUDGE / 3,
        y=points["survived"],
        customdata=points["index"],
        mode="markers",
        name="example",
        showlegend=False,
        marker={"color": look.COLORS[theme][0], "size": 6, "opacity": 0.45},
        hovertemplate="example %{customdata}: %{y} corrupted versions right<extra></extra>",
    )
    means = points.groupby("breaking_epsilon")["survived"].mean()
    figure.add_scatter(
        x=[place[e] for e in means.index],
        y=means,
        mode="lines+markers",
        name="mean",
        line={"color": look.INK[theme], "width": look.WIDTH},
        marker={"symbol": "diamond", "size": 9},
        hovertemplate="mean %{y:.1f}",
    )
    title = "smallest ε that breaks the example"
    figure.update_xaxes(title_text=title, tickvals=list(place.values()), ticktext=names)
    figure.update_yaxes(title_text="corrupted versions that stay right")
    return figure
