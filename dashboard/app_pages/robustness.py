"""Robustness: does the model stay right when its input is changed a little?"""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.attack_settings import attack_settings
from dashboard.components.attacked import at_one_epsilon
from dashboard.components.measured import (
    MOST_MODELS,
    address_note,
    evaluate,
    names_of,
    runs_to_show,
    same_question,
    watched,
)
from dashboard.components.numbers import figure, records_downloads, score_table
from dashboard.components.pickers import dataset_picker, model_picker, trained_models
from dashboard.components.results import errors_shown, provenance_footer
from usable_core.evaluations.robustness import RobustnessResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs.run import Run

EXAMPLES = 200  # an interval of ± 7 points at 50 %; a minute or two on 2 cores


def page() -> None:
    st.title("Robustness")
    st.markdown(
        "Does it stay right when its input is changed a little, by an attacker or by noise?"
    )
    models, dataset = form()
    found = same_question(watched(runs_to_show("robustness", models, dataset), "robustness"))
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
        dataset = dataset_picker(state.ROBUSTNESS_DATASET, ask_limit=True, limit=EXAMPLES)
    with st.form("robustness", border=False):
        with st.expander("Settings of the attack"):
            settings = attack_settings()
        is_ready = bool(models) and dataset is not None
        is_pressed = st.form_submit_button(
            "Evaluate", key=state.ROBUSTNESS_START, type="primary", disabled=not is_ready
        )
    if is_pressed and dataset is not None:
        with errors_shown():
            evaluate([settings.config(model, dataset) for model in models])
    return models, dataset


def empty() -> None:
    with st.container(border=True):
        st.markdown("**These models have not been attacked on this data.**")
        st.caption("Press Evaluate: PGD from below one grey level to 16, with noise as baseline.")


def results(found: Sequence[tuple[Run, RobustnessResult]]) -> None:
    from usable_core.plots.robustness import accuracy_versus_epsilon, robustness_score

    answers = [result for _, result in found]
    names, theme = names_of(answers), state.theme()
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Accuracy under attack")
        curve = accuracy_versus_epsilon(answers, names=names, theme=theme)
        figure(curve, key="accuracy_epsilon", alt="Accuracy against epsilon, with noise dotted")
    with right:
        st.subheader("Robustness score")
        score = robustness_score(answers, names=names, theme=theme)
        figure(score, key="robustness_score", alt="Change of accuracy against epsilon")
    at_one_epsilon(found, names)
    st.subheader("All numbers")
    score_table(answers, names, key="robustness_scores")
    records_downloads(found, names)
    for result in answers:
        provenance_footer(result.provenance)


page()
