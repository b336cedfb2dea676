"""Deletion, insertion and ROAD of one map, beside random orders and the picture's centre."""

import plotly.graph_objects as go

from usable_core.catalog.explainers import BACKGROUNDS
from usable_core.evaluations.evidence import PerturbationCurve
from usable_core.plots.style import BAND_OPACITY, COLORS, NEUTRAL, WIDTH, Theme, add_band, tidy

KINDS = {"deletion": "Deletion", "insertion": "Insertion", "road": "ROAD"}
_ACTIONS = {"deletion": "hidden", "insertion": "shown", "road": "filled in"}
HEIGHT = 260  # px: three side by side
_BAND: dict[Theme, str] = {
    "light": f"rgba(107,107,107,{BAND_OPACITY + 0.05})",
    "dark": f"rgba(181,181,181,{BAND_OPACITY + 0.05})",
}


def curve_title(curve: PerturbationCurve) -> str:
    """Return what a curve is called: `Deletion, grey`; ROAD has one way to fill in."""
    title = KINDS[curve.kind]
    if curve.kind == "road":
        return title
    return f"{title}: {BACKGROUNDS.get(curve.background, curve.background).lower()}"


def perturbation(curve: PerturbationCurve, *, theme: Theme = "light") -> go.Figure:
    """Return one curve: the map's order, the band of random orders, the centre-first order."""
    share = [100 * fraction for fraction in curve.fractions]
    figure = go.Figure()
    low, high = ([100 * v for v in end] for end in (curve.random_low, curve.random_high))
    band = add_band(figure, share, low, high, _BAND[theme])
    band.name = "random orders, lowest to highest"
    lines = (
        ("random", curve.random_mean, NEUTRAL[theme], "dot", 1.5),
        ("centre", curve.centre, COLORS[theme][1], "dashdot", 1.5),
        ("this map", curve.outputs, COLORS[theme][0], "solid", WIDTH),
    )
    for name, outputs, color, dash, width in lines:
        figure.add_scatter(
            x=share,
            y=[100 * v for v in outputs],
            name=name,
            mode="lines",
            line={"color": color, "dash": dash, "width": width},
            hovertemplate="%{x:.0f} % of the pixels: %{y:.1f} %<extra>" + name + "</extra>",
        )
    figure.update_xaxes(title_text=f"Pixels {_ACTIONS[curve.kind]}, %", range=[0, 100])
    figure.update_yaxes(title_text="Probability, %", rangemode="tozero")
    return tidy(figure, height=HEIGHT)
