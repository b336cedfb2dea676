"""Robustness by class as a figure: which classes break first."""

import html

import plotly.graph_objects as go

from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.plots.style import ROW, Theme, share_heat_map, tidy, titled

MOST_CLASSES = 30


def per_class(result: RobustnessResult, *, theme: Theme = "light") -> go.Figure:
    """Return accuracy (%) per class (row, with its n) and epsilon (column), the weakest first.

    Of many classes only the weakest are shown, and the title says so. A click on a cell names its
    place, see `class_places`.
    """
    table, order = result.per_class, _weakest(result)
    shown = order[:MOST_CLASSES]
    rows = [table[table["label"] == label].sort_values("epsilon") for label in shown]
    norm, epsilons = result.config.norm, result.epsilons
    heads = [f"{html.escape(str(r['class_name'].iloc[0]))} (n = {r['n'].iloc[0]})" for r in rows]
    told = [
        [
            f"{head}, ε = {epsilon_label(r.epsilon, norm)}: {100 * r.value:.1f} % "
            f"({100 * r.low:.1f} to {100 * r.high:.1f})"
            for r in row.itertuples()
        ]
        for head, row in zip(heads, rows, strict=True)
    ]
    figure = share_heat_map(
        [list(100 * row["value"]) for row in rows],
        [epsilon_label(e, norm) for e in epsilons],
        heads,
        told,
        [[place_of(label, k) for k in range(len(epsilons))] for label in shown],
        theme,
    )
    figure.update_xaxes(title_text="ε")
    if len(shown) < len(order):
        titled(figure, f"The {len(shown)} weakest of {len(order)} classes")
    return tidy(figure, height=150 + ROW * len(rows))


def place_of(label: int, level: int) -> str:
    """Return what a click on a cell names: the class, and the place of ε in the grid."""
    return f"{label} {level}"


def class_places(result: RobustnessResult) -> dict[str, str]:
    """Return what can be clicked in the figure: the place of each cell, and its words."""
    names, norm = result.provenance.class_names, result.config.norm
    return {
        place_of(label, k): f"{names[label]} at ε = {epsilon_label(epsilon, norm)}"
        for label in _weakest(result)[:MOST_CLASSES]
        for k, epsilon in enumerate(result.epsilons)
    }


def _weakest(result: RobustnessResult) -> list[int]:
    """Return the classes that have examples, the weakest over the grid first."""
    mean = result.per_class.groupby("label")["value"].mean()
    return [int(label) for label in mean.sort_values(kind="stable").index]
