"""Explanation quality: over a data set, which method's maps are to be trusted, and where not?"""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.explain.settings import DEFAULT_METHODS, EVALUATIONS
from dashboard.components.measure.explanation_quality import (
    quality_figure,
    quality_table,
    worst_section,
)
from dashboard.components.measure.measured_runs import (
    MOST_MODELS,
    address_note,
    evaluate,
    names_of,
    runs_to_show,
    watched,
)
from dashboard.components.shared.formats import errors_shown, provenance_footer
from dashboard.components.shared.metrics import records_downloads
from dashboard.components.shared.pickers import dataset_picker, model_picker, trained_models
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import (
    ExplainerOptions,
    ExplanationConfig,
    ExplanationResult,
)
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs.run import Run

EXAMPLES = 20  # some minutes for a ResNet-18 on two cores
EVIDENCE = {"none": "Nothing", "curves": "Curves", "all": "All"}
TARGETS = {"predicted": "The prediction", "true": "The true class"}


def page() -> None:
    st.title("Explanation quality")
    st.markdown("Which method's maps are to be trusted on this data, and for which images not?")
    models, dataset = form()
    found = watched(runs_to_show("explanation", models, dataset), "explanation")
    if found:
        results(found)
    elif not state.chosen_run_ids():
        empty()
    address_note()


def form() -> tuple[Sequence[ModelSpec], DatasetSpec | None]:
    left, right = st.columns(2, gap="large")
    with left:
        models = model_picker(state.MODELS, MOST_MODELS, default=trained_models())
        methods = st.pills(
            "Methods",
            list(EXPLAINERS),
            selection_mode="multi",
            default=DEFAULT_METHODS,
            format_func=lambda name: EXPLAINERS[name].title,
            key=state.EXPLANATION_METHODS,
            persist_state="session",
            wrap=True,
        )
    with right:
        dataset = dataset_picker(state.EXPLANATION_DATASET, ask_limit=True, limit=EXAMPLES)
        one, two = st.columns(2)
        target = one.selectbox(
            "Class to explain",
            list(TARGETS),
            format_func=TARGETS.get,
            persist_state="session",
            key=state.EXPLANATION_TARGET,
        )
        evaluations = two.select_slider(
            "Evaluations per map",
            EVALUATIONS,
            value="500",
            key=state.EXPLANATION_EVALUATIONS,
            format_func=lambda number: f"{int(number):,}",
            persist_state="session",
        )
        evidence = st.segmented_control(
            "Measured beside each map",
            list(EVIDENCE),
            default="curves",
            required=True,
            format_func=EVIDENCE.get,
            key=state.EXPLANATION_EVIDENCE,
            persist_state="session",
            help="Curves: deletion and insertion, some 40 to 130 evaluations more for each map. "
            "All: a second background, ROAD, and maps with random weights and of another class.",
        )
    configs: list[ExplanationConfig] = []
    with errors_shown():
        options = ExplainerOptions(evaluations=int(evaluations))
        chosen = tuple(name for name in EXPLAINERS if name in methods)
        configs = [
            ExplanationConfig(model, dataset, chosen, target, options, evidence)
            for model in models
            if dataset is not None and chosen
        ]
    if st.button("Evaluate", key=state.EXPLANATION_START, type="primary", disabled=not configs):
        evaluate(configs)
    return models, dataset


def empty() -> None:
    with st.container(border=True):
        st.markdown("**No maps of these models have been measured on this data.**")
        st.caption(
            "Press Evaluate: one map per image and method, and how far each is to be trusted. For "
            "one picture of your own, open Explain."
        )
        st.page_link(
            state.page_file("explain"), label="Explain one picture", icon=":material/image_search:"
        )


def results(found: Sequence[tuple[Run, ExplanationResult]]) -> None:
    names = names_of([result for _, result in found])
    quality_figure(found, names)
    worst_section(found, names)
    st.subheader("All numbers")
    quality_table(found, names)
    records_downloads(found, names)
    for _, result in found:
        provenance_footer(result.provenance)


page()
