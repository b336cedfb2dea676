"""Training curves: loss and accuracy against the epoch, while it runs and afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

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
BEHIND = {"light": "#6B7280", "dark": "#9CA3AF"}  # earlier trainings
BEHIND_DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
HEIGHT = 300  # px: two such panels fit beside a progress bar without scrolling
LOW = 190  # px, of what is looked at less
Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Behind:
    """An earlier training, drawn faintly behind: its name and its records or events."""

    name: str
    frame: pd.DataFrame


def training_curves(
    frame: pd.DataFrame,
    theme: Theme = "light",
    behind: Sequence[Behind] = (),
    *,
    counted: str = "Accuracy",
) -> go.Figure:
    """Return loss (nats) and accuracy (%) against the epoch, side by side.

    Args:
        frame: A training result's records, or a run's events; columns that are absent or empty
            are left out. Without a column `epoch` the rows are counted.
        theme: Colour scheme of the page around it.
        behind: Earlier trainings, of which validation is drawn.
        counted: What the share is called, of which pre-training without labels has no accuracy.
    """
    figure = make_subplots(1, 2, subplot_titles=("Loss", counted), horizontal_spacing=0.16)
    for number, earlier in enumerate(behind):
        dash = BEHIND_DASHES[number % len(BEHIND_DASHES)]
        line = {"color": BEHIND[theme], "dash": dash, "width": 1.2}
        look = {"mode": "lines", "line": line, "opacity": 0.6}
        for position, column in enumerate(("validation_loss", "validation_accuracy"), start=1):
            _add(figure, earlier.frame, column, earlier.name, look, position=position)
    has_source = "source_loss" in frame and frame["source_loss"].notna().any()
    for column, name in LOSSES.items():
        if column != "task_loss" or has_source:  # alone it repeats the training loss
            _add(figure, frame, column, name, _look(name, theme), position=1)
    for column, name in ACCURACIES.items():
        _add(figure, frame, column, name, _look(name, theme), position=2)
    figure.update_yaxes(title_text="loss, nats", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="%", range=[0, 101], row=1, col=2)
    return _laid_out(figure, HEIGHT)


def pace_curves(frame: pd.DataFrame, theme: Theme = "light") -> go.Figure | None:
    """Return learning rate and throughput (examples a second) against the epoch, side by side.

    Args:
        frame: A run's events, or a training result's records.
        theme: Colour scheme of the page around it.

    Returns:
        None where neither is told.
    """
    titles = {"learning_rate": "Learning rate", "examples_per_second": "Examples a second"}
    if not any(name in frame and frame[name].notna().any() for name in titles):
        return None
    figure = make_subplots(1, 2, subplot_titles=list(titles.values()), horizontal_spacing=0.16)
    for position, (column, title) in enumerate(titles.items(), start=1):
        line = {"color": COLORS[theme]["training"], "width": 2}
        look = {"mode": "lines", "line": line, "hovertemplate": "%{y:.3g}"}
        _add(figure, frame, column, title, look, position=position)
    figure.update_yaxes(rangemode="tozero", tickformat="~g")
    figure.update_layout(showlegend=False)
    return _laid_out(figure, LOW)


def _laid_out(figure: go.Figure, height: int) -> go.Figure:
    figure.update_xaxes(title_text="epoch", rangemode="tozero")
    return figure.update_layout(
        height=height,
        margin={"l": 10, "r": 10, "t": 40, "b": 10},
        hovermode="x unified",
        legend={"orientation": "h", "y": -0.3, "x": 0},
    )


def _look(name: str, theme: Theme) -> dict[str, Any]:
    role = name.split(",")[0]
    return {
        "mode": "lines+markers" if role == "validation" else "lines",
        "line": {"color": COLORS[theme][role], "dash": DASHES[role], "width": 2.5},
        "marker": {"size": 7},
    }


def _add(
    figure: go.Figure,
    frame: pd.DataFrame,
    column: str,
    name: str,
    look: Mapping[str, Any],
    *,
    position: int,
) -> None:
    if column not in frame:
        return
    known = frame[frame[column].notna()]
    if known.empty:
        return
    is_share = column.endswith("accuracy")
    usual = {"hovertemplate": "%{y:.1f} %" if is_share else "%{y:.3f}"}
    figure.add_scatter(
        x=known["epoch"] if "epoch" in known else known.index + 1,
        y=known[column] * (100 if is_share else 1),
        name=name,
        legendgroup=name,
        showlegend=position == 1,
        **{**usual, **look},
        row=1,
        col=position,
    )
