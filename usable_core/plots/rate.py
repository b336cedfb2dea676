"""A learning-rate range test as a figure."""

import plotly.graph_objects as go

from usable_core.evaluations.rate import RateResult
from usable_core.plots import style as look
from usable_core.plots.style import Theme

_COLOR: dict[Theme, str] = {"light": "#0072B2", "dark": "#56B4E9"}  # Okabe & Ito 2008


def rate_curve(result: RateResult, theme: Theme = "light") -> go.Figure:
    """Return the loss against the learning rate (log), with the suggested and the usual rate."""
    figure, table = go.Figure(), result.records
    figure.add_scatter(
        x=table["rate"],
        y=table["loss"],
        name="each batch",
        mode="markers",
        marker={"color": look.NEUTRAL[theme], "size": 4},
        hovertemplate="rate %{x:.2g}: %{y:.3f}<extra></extra>",
    )
    figure.add_scatter(
        x=table["rate"],
        y=table["smoothed"],
        name="smoothed",
        mode="lines",
        line={"color": _COLOR[theme], "width": look.WIDTH},
        hovertemplate="rate %{x:.2g}: %{y:.3f}<extra></extra>",
    )
    rates = {"usual": (result.usual, "dot"), "suggested": (result.suggested, "solid")}
    # Up to just above the start: where the loss ran away it would hide all that came before.
    top = 1.3 * float(table["smoothed"].iloc[: len(table) // 2 + 1].max())
    for name, (rate, dash) in rates.items():
        if rate is not None:
            figure.add_scatter(
                x=[rate, rate],
                y=[0, top],
                name=f"{name}, {rate:.2g}",
                mode="lines",
                line={"color": look.INK[theme], "dash": dash, "width": 1.5},
                hoverinfo="skip",
            )
    figure.update_xaxes(title_text="learning rate (log scale)", type="log", exponentformat="power")
    figure.update_yaxes(title_text="loss, nats", range=[0, top])
    return look.tidy(figure, height=340)
