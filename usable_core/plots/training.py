"""Training curves: loss and accuracy against the epoch, while it runs and afterwards."""

from typing import Literal

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

LOSSES = {
    "train_loss": "training",
    "validation_loss": "validation",
    "source_loss": "source, L_pre",
    "task_loss": "task, L_fine",
}
ACCURACIES = {"train_accuracy": "training", "validation_accuracy": "validation"}
# Okabe & Ito 2008; the light blue and blue swap between the themes for contrast.
COLORS = {
    "light": {
        "training": "#0072B2",
        "validation": "#D55E00",
        "source": "#009E73",
        "task": "#CC79A7",
    },
    "dark": {
        "training": "#56B4E9",
        "validation": "#E69F00",
        "source": "#2BC79B",
        "task": "#E29CC4",
    },
}
DASHES = {"training": "solid", "validation": "dot", "source": "dash", "task": "dashdot"}
HEIGHT = 300  # px: two such panels fit beside a progress bar without scrolling


def training_curves(frame: pd.DataFrame, theme: Literal["light", "dark"] = "light") -> go.Figure:
    """Return loss (nats) and accuracy (%) against the epoch, side by side.

    Args:
        frame: A training result's records, or a run's events; columns that are absent or empty
            are left out. Without a column `epoch` the rows are counted.
        theme: Colour scheme of the page around it.
    """
    figure = make_subplots(1, 2, subplot_titles=("Loss", "Accuracy"), horizontal_spacing=0.16)
    has_source = "source_loss" in frame and frame["source_loss"].notna().any()
    for column, name in LOSSES.items():
        if column != "task_loss" or has_source:  # alone it repeats the training loss
            _add_line(figure, frame, column, name, theme, position=1)
    for column, name in ACCURACIES.items():
        _add_line(figure, frame, column, name, theme, position=2)
    figure.update_xaxes(title_text="epoch", rangemode="tozero")
    figure.update_yaxes(title_text="loss, nats", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="%", range=[0, 101], row=1, col=2)
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.3, "x": 0},
    )
    return figure


def _add_line(
    figure: go.Figure, frame: pd.DataFrame, column: str, name: str, theme: str, *, position: int
) -> None:
    if column not in frame:
        return
    known = frame[frame[column].notna()]
    if known.empty:
        return
    role = name.split(",")[0]
    is_share = column.endswith("accuracy")
    figure.add_scatter(
        x=known["epoch"] if "epoch" in known else known.index + 1,
        y=known[column] * (100 if is_share else 1),
        name=name,
        legendgroup=name,
        showlegend=position == 1,
        mode="lines+markers" if role == "validation" else "lines",
        line={"color": COLORS[theme][role], "dash": DASHES[role], "width": 2.5},
        marker={"size": 7},
        hovertemplate="%{y:.1f} %" if is_share else "%{y:.3f}",
        row=1,
        col=position,
    )
