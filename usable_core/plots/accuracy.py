"""Accuracy results as figures: how often right, for which classes, and does the model know it."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.plots import style as look
from usable_core.plots.style import Names, Theme

Results = Sequence[AccuracyResult]
MOST_CLASSES = 30  # more names do not fit beside an axis
NAMED_COLUMNS = 12  # classes; of more, columns bear numbers: names would overlap
COUNTED_CLASSES = 20  # more counts do not fit into the cells


def accuracy_bars(results: Results, *, names: Names = None, theme: Theme = "light") -> go.Figure:
    """Return accuracy (%) per model with its interval, and the majority class as a line."""
    figure, ink = go.Figure(), look.INK[theme]
    for name, result, style in look.drawn(results, names, theme):
        found = result.accuracy
        value, low, high = (100 * end for end in (found.value, found.low, found.high))
        figure.add_bar(
            x=[value],
            y=[name],
            orientation="h",
            name=name,
            showlegend=False,
            marker={"color": style.color},
            error_x=look.error_bars(([value], [low], [high]), ink),
            hovertemplate=f"%{{x:.1f}} %, 95 % interval {low:.1f}–{high:.1f} %, n = {found.n}",
        )
    if results:
        figure.add_vline(
            x=100 * max(r.majority_baseline.value for r in results),
            line={"color": look.NEUTRAL[theme], "dash": "dot"},
            annotation={
                "text": "most frequent class",
                "font": {"color": look.NEUTRAL[theme]},
                "y": 1,
                "yanchor": "bottom",
            },
            annotation_position="top right",
        )
    figure.update_xaxes(title_text="accuracy, % (95 % interval)", range=[0, 101])
    figure.update_yaxes(autorange="reversed", type="category")
    return look.tidy(figure, height=120 + look.ROW * 2 * len(results))


def reliability_diagram(
    results: Results, *, names: Names = None, theme: Theme = "light"
) -> go.Figure:
    """Return accuracy against mean confidence in 15 bins (%), empty bins left out."""
    figure = go.Figure()
    figure.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        name="confidence = accuracy",
        line={"color": look.NEUTRAL[theme], "dash": "dot", "width": 1.5},
        hoverinfo="skip",
    )
    for name, result, style in look.drawn(results, names, theme):
        table = result.reliability
        ends = (100 * table[c] for c in ("accuracy", "low", "high"))
        figure.add_scatter(
            x=100 * table["confidence"],
            y=100 * table["accuracy"],
            customdata=table[["n", "lower", "upper"]],
            name=name,
            mode="lines+markers",
            line={"color": style.color, "dash": style.dash, "width": look.WIDTH},
            marker={"symbol": style.symbol, "size": 8},
            error_y=look.error_bars(ends, style.color),
            hovertemplate="confidence %{x:.1f} %, accuracy %{y:.1f} %, n = %{customdata[0]}",
        )
    figure.update_xaxes(title_text="mean confidence of the bin, %", range=[0, 102])
    figure.update_yaxes(title_text="accuracy in the bin, %", range=[-2, 102])
    return look.tidy(figure)


def confusion_heatmap(result: AccuracyResult, *, theme: Theme = "light") -> go.Figure:
    """Return the share of each true class (row, %) that is called each class (column).

    Of many classes only those with most errors are shown, and the title says so.
    """
    indices, counts = result.worst_confusion(MOST_CLASSES)
    labels_of = result.records["label"].to_numpy()
    rows = np.array([[np.sum(labels_of == index)] for index in indices], dtype=float)
    shares = np.divide(100 * counts, rows, where=rows > 0, out=np.zeros(counts.shape))
    classes = [html.escape(result.provenance.class_names[index]) for index in indices]
    told = [
        [
            f"{true} called {said}: {counts[y, x]} ({shares[y, x]:.1f} %)"
            for x, said in enumerate(classes)
        ]
        for y, true in enumerate(classes)
    ]
    places = [
        [place_of(t, p) if t != p and counts[y, x] else None for x, p in enumerate(indices)]
        for y, t in enumerate(indices)
    ]
    figure = look.share_heat_map(shares, classes, classes, told, places, theme)
    heat = {"selector": {"type": "heatmap"}}
    figure.update_traces(text=counts, colorbar_title_text="% of the<br>true class", **heat)
    if len(classes) > COUNTED_CLASSES:
        figure.update_traces(texttemplate=None, **heat)
    figure.update_xaxes(title_text="predicted class")
    figure.update_yaxes(title_text="true class")
    if len(classes) > NAMED_COLUMNS:
        numbered = [f"{name} · {1 + place}" for place, name in enumerate(classes)]
        columns = range(4, len(classes), 5)
        figure.update_xaxes(tickvals=list(columns), ticktext=[str(1 + k) for k in columns])
        figure.update_yaxes(ticktext=numbered)
    every = len(result.class_indices)
    if every > len(classes):
        look.titled(figure, f"The {len(classes)} of {every} classes with most errors")
    return look.tidy(figure, height=max(380, 160 + look.ROW * len(classes)))


def place_of(label: int, prediction: int) -> str:
    """Return what a click on a cell of the confusion matrix names."""
    return f"{label} {prediction}"


def confusion_places(result: AccuracyResult) -> dict[str, str]:
    """Return what can be clicked in the confusion matrix, most errors first, with its words."""
    indices, counts = result.worst_confusion(MOST_CLASSES)
    names, wrong = result.provenance.class_names, counts * (1 - np.eye(len(indices), dtype=int))
    order = np.argsort(-wrong, axis=None, kind="stable")[: np.count_nonzero(wrong)]
    cells = [(y, x) for y, x in zip(*np.unravel_index(order, wrong.shape), strict=True)]
    return {
        place_of(indices[y], indices[x]): f"{names[indices[y]]} called {names[indices[x]]}: "
        f"{wrong[y, x]:,}"
        for y, x in cells
    }


def per_class_bars(results: Results, *, names: Names = None, theme: Theme = "light") -> go.Figure:
    """Return recall per class and model (%), with intervals, the hardest classes first."""
    tables = [result.per_class.set_index("class_name") for result in results]
    classes = {c for t in tables for c in t.index}
    recall = {c: [t.loc[c, "recall"].mean() for t in tables if c in t.index] for c in classes}
    hardest = sorted(recall, key=lambda c: (np.mean(recall[c]), c))
    shown = hardest[:MOST_CLASSES]
    figure = go.Figure()
    for (name, _, style), table in zip(look.drawn(results, names, theme), tables, strict=True):
        own = table[table.index.isin(shown)]
        ends = (100 * own[f"recall{end}"] for end in ("", "_low", "_high"))
        figure.add_scatter(
            x=[html.escape(c) for c in own.index],
            y=100 * own["recall"],
            customdata=own[["n", "class_index"]],
            name=name,
            mode="markers",
            marker={"color": style.color, "symbol": style.symbol, "size": 9},
            error_y=look.error_bars(ends, style.color),
            hovertemplate="%{x}: recall %{y:.1f} %, n = %{customdata[0]}",
        )
    order = {"categoryorder": "array", "categoryarray": [html.escape(c) for c in shown]}
    figure.update_xaxes(title_text="class", type="category", **order)
    figure.update_yaxes(title_text="recall, % (95 % interval)", range=[-2, 102])
    figure.update_layout(scattermode="group")
    if len(shown) < len(hardest):
        look.titled(figure, f"The {len(shown)} hardest of {len(hardest)} classes")
    return look.tidy(figure)
