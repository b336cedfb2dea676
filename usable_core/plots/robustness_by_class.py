"""Robustness by class as a figure: which classes break first."""

import html

import plotly.graph_objects as go

from usable_core.evaluations.epsilon import epsilon_label
from usable_core.evaluations.robustness_result import RobustnessResult
from usable_core.plots.style import ROW, Theme, share_heat_map, tidy, titled

MOST_CLASSES = 30


def per_class(result: RobustnessResult, *, theme: Theme = "light") -> go.Figure:
    """Return accuracy (%) per class (row, with its n) and epsilon (column), the weakest first.

    Of many classes only the weakest are shown, and the title says so.
    """
    table = result.per_class
    mean = table.groupby("label")["value"].mean()
    order = list(mean.sort_values(kind="stable").index)
    shown = order[:MOST_CLASSES]
    rows = [table[table["label"] == label].sort_values("epsilon") for label in shown]
    norm, epsilons = result.config.norm, result.epsilons
    heads = [f"{html.escape(str(r['class_name'].iloc[0]))} (n = {r['n'].iloc[0]})" for r in rows]
    about = [
        [[head, 100 * low, 100 * high] for low, high in zip(row["low"], row["high"], strict=True)]
        for head, row in zip(heads, rows, strict=True)
    ]
    figure = share_heat_map(
        [list(100 * row["value"]) for row in rows],
        [epsilon_label(e, norm) for e in epsilons],
        list(range(len(rows))),  # names may repeat: ImageNet has two cranes
        about,
        "%{customdata[0]}, ε = %{x}: %{z:.1f} % (%{customdata[1]:.1f} to %{customdata[2]:.1f})",
        theme,
    )
    figure.update_xaxes(title_text="ε", type="category")
    figure.update_yaxes(tickvals=list(range(len(rows))), ticktext=heads, autorange="reversed")
    if len(shown) < len(order):
        titled(figure, f"The {len(shown)} weakest of {len(order)} classes")
    return tidy(figure, height=150 + ROW * len(rows))
