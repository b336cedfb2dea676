"""Accuracy: how often right, for which classes, and does the model know when."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.measured_runs import (
    MOST_MODELS,
    address_note,
    evaluate,
    names_of,
    runs_to_show,
    watched,
)
from dashboard.components.shared.formats import download_csv, escaped, provenance_footer
from dashboard.components.shared.metrics import (
    figure,
    headings,
    metric_card,
    records_downloads,
    score_table,
)
from dashboard.components.shared.pickers import dataset_picker, model_picker, trained_models
from usable_core.evaluations.accuracy import AccuracyConfig, AccuracyResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.plots.accuracy import (
    accuracy_bars,
    confusion_heatmap,
    per_class_bars,
    reliability_diagram,
)
from usable_core.runs.run import Run


def page() -> None:
    st.title("Accuracy")
    st.markdown("How often is it right, for which classes, and does it know when it is not?")
    models, dataset = form()
    found = watched(runs_to_show("accuracy", models, dataset), "accuracy")
    if found:
        results(found)
    elif not state.chosen_run_ids():
        empty()
    address_note()


def form() -> tuple[Sequence[ModelSpec], DatasetSpec | None]:
    left, right = st.columns(2, gap="large")
    with left:
        models = model_picker(state.MODELS, MOST_MODELS, default=trained_models())
    with right:
        dataset = dataset_picker(state.ACCURACY_DATASET, ask_limit=True)
    is_ready = bool(models) and dataset is not None
    if st.button("Evaluate", key=state.ACCURACY_START, type="primary", disabled=not is_ready):
        evaluate([AccuracyConfig(model, dataset) for model in models])
    return models, dataset


def empty() -> None:
    with st.container(border=True):
        st.markdown("**These models have not been measured on this data.**")
        st.caption("Press Evaluate: it takes seconds for the bundled backbones.")


def results(found: Sequence[tuple[Run, AccuracyResult]]) -> None:
    answers = [result for _, result in found]
    names, theme = names_of(answers), state.theme()
    for column, result in zip(headings(found, names), answers, strict=True):
        with column:
            metric_card("accuracy", result.accuracy)
            metric_card("top5", result.top5)
            metric_card("balanced_accuracy", result.balanced_accuracy)
            metric_card("ece", result.ece())
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Accuracy")
        bars = accuracy_bars(answers, names=names, theme=theme)
        figure(bars, key="accuracy_bars", alt="Accuracy of each model with its interval")
        st.subheader("Recall per class")
        recall = per_class_bars(answers, names=names, theme=theme)
        figure(recall, key="per_class", alt="Recall of each class and model")
    with right:
        st.subheader("Reliability", help="On the dotted line confidence equals accuracy.")
        diagram = reliability_diagram(answers, names=names, theme=theme)
        figure(diagram, key="reliability", alt="Accuracy against confidence in 15 bins")
    classes(found, names)
    st.subheader("All numbers")
    score_table(answers, names, key="accuracy_scores")
    records_downloads(found, names)
    for result in answers:
        provenance_footer(result.provenance)


def classes(found: Sequence[tuple[Run, AccuracyResult]], names: Sequence[str]) -> None:
    """Confusion matrix and table of classes of one model."""
    st.subheader("Classes")
    place = st.selectbox(
        "Model", range(len(found)), format_func=names.__getitem__, key=state.ACCURACY_CONFUSION
    )
    run, result = found[place]
    left, right = st.columns(2, gap="large")
    with left:
        heat = confusion_heatmap(result, theme=state.theme())
        figure(heat, key="confusion", alt=f"Confusion matrix of {escaped(names[place])}")
    with right:
        st.dataframe(result.per_class, hide_index=True, alt="Scores of each class")
        download_csv(
            result.per_class, f"classes-{run.id}", key="per_class_csv", label="Classes, CSV"
        )


page()
