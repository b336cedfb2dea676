"""Accuracy: how often right, for which classes, and does the model know when."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import Found
from dashboard.components.measure.measuring_page import MeasuringPage, measuring_page
from dashboard.components.measure.slices_section import slices_section
from dashboard.components.measure.wrong_pictures import (
    TAB,
    cell_errors,
    choose_bin,
    choose_class,
    wrong_section,
)
from dashboard.components.shared.behind import behind
from dashboard.components.shared.formats import download_csv, escaped
from dashboard.components.shared.metrics import figure, headings, metric_cards, numbers_of
from dashboard.components.shared.once import once
from dashboard.components.shared.tabs import tabs
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.plots.accuracy import (
    MOST_CLASSES,
    confusion_heatmap,
    confusion_places,
    per_class_bars,
    reliability_diagram,
)

FEW = 5  # images of a class: its recall is then anything between two thirds of the scale
CARDS = ("accuracy", "top5", "balanced_accuracy", "ece")


def results(found: Found, names: Sequence[str]) -> None:
    answers, theme = [result for _, result in found], state.theme()
    for column, result in zip(headings(found, names), answers, strict=True):
        with column:
            metric_cards(numbers_of(result, CARDS), models=len(found))
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Recall per class")
        _recall(answers, names)
    with right:
        st.subheader("Reliability", help="On the dotted line confidence equals accuracy.")
        diagram = once(reliability_diagram, answers, names=names, theme=theme)
        alt = "Accuracy against confidence in 15 bins"
        figure(diagram, key=state.ACCURACY_BINS, alt=alt, on_click=choose_bin)
    tabs(
        {
            TAB: partial(wrong_section, found, names),
            "Where it fails": partial(slices_section, found, names),
            "Classes": partial(classes, found, names),
        },
        key=state.ACCURACY_TAB,
    )


def _recall(answers: Sequence[AccuracyResult], names: Sequence[str]) -> None:
    """Show the recall of each class, where they have images enough to be told apart."""
    counts = answers[0].per_class["n"]
    if len(counts) > MOST_CLASSES and counts.median() < FEW:
        st.info(
            f"Most of the {len(counts):,} classes have fewer than {FEW} {answers[0].examples}: too "
            "few to tell which is harder. The errors are below, every class in a table under "
            "*Classes*.",
            icon=":material/info:",
        )
        return
    recall = once(per_class_bars, answers, names=names, theme=state.theme())
    alt = "Recall of each class and model"
    figure(recall, key=state.ACCURACY_RECALL, alt=alt, on_click=choose_class)


def classes(found: Found, names: Sequence[str]) -> None:
    """Confusion matrix and table of classes of one model."""
    place = st.selectbox(
        "Model", range(len(found)), format_func=names.__getitem__, key=state.ACCURACY_CONFUSION
    )
    run, result = found[place]
    left, right = st.columns([3, 2], gap="large")
    with left:
        heat = once(confusion_heatmap, result, theme=state.theme())
        behind(
            heat,
            once(confusion_places, result),
            partial(cell_errors, run, result),
            key=state.ACCURACY_CELLS,
            alt=f"Confusion matrix of {escaped(names[place])}",
        )
    with right:
        st.dataframe(result.per_class, hide_index=True, alt="Scores of each class")
        download_csv(
            result.per_class, f"classes-{run.id}", key="per_class_csv", label="Classes, CSV"
        )


measuring_page(
    MeasuringPage(
        task="accuracy",
        title="Accuracy",
        sentence="How often is it right, for which classes, and does it know when it is not?",
        nothing="These models have not been measured on this data.",
        hint="Press Evaluate: it takes seconds for the bundled backbones.",
        settings=lambda: AccuracyConfig,
        results=results,
    )
)
