"""Robustness: does the model stay right when its input is changed a little?"""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.attack_settings import attack_settings, usual_examples
from dashboard.components.measure.attacked_pictures import at_one_epsilon, choose_clicked
from dashboard.components.measure.checks import checks_of
from dashboard.components.measure.corruption import corruption_section
from dashboard.components.measure.estimate import estimate
from dashboard.components.measure.measured_runs import (
    MOST_MODELS,
    address_note,
    evaluate,
    names_of,
    runs_to_show,
    same_question,
    watched,
)
from dashboard.components.measure.survival import classes_section, survival_section
from dashboard.components.shared.formats import errors_shown, provenance_footer
from dashboard.components.shared.metrics import figure, records_downloads, score_table
from dashboard.components.shared.pickers import dataset_picker, model_picker, trained_models
from usable_core.evaluations.robustness import RobustnessConfig, RobustnessResult
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.plots.robustness import accuracy_versus_epsilon, robustness_score
from usable_core.runs.run import Run


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
        dataset = dataset_picker(state.ROBUSTNESS_DATASET, ask_limit=True, limit=usual_examples())
    settings = attack_settings()
    configs: list[RobustnessConfig] = []
    with errors_shown():
        configs = [settings.config(model, dataset) for model in models if dataset is not None]
    is_pressed = st.button(
        "Evaluate", key=state.ROBUSTNESS_START, type="primary", disabled=not configs
    )
    estimate(configs)
    if is_pressed:
        evaluate(configs)
    return models, dataset


def empty() -> None:
    with st.container(border=True):
        st.markdown("**These models have not been attacked on this data.**")
        st.caption(
            "Press Evaluate: the attack from below one grey level up, random noise of the same "
            "size as baseline, and the checks that tell whether the attack was strong enough."
        )


def results(found: Sequence[tuple[Run, RobustnessResult]]) -> None:
    answers = [result for _, result in found]
    names, theme = names_of(answers), state.theme()
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Accuracy under attack")
        curve = accuracy_versus_epsilon(answers, names=names, theme=theme)
        figure(
            curve,
            key=state.ROBUSTNESS_CURVE,
            on_click=choose_clicked,
            alt="Accuracy against epsilon, with noise dotted",
        )
        st.caption("Click a point to see the examples that break there.")
    with right:
        st.subheader("Robustness score")
        score = robustness_score(answers, names=names, theme=theme)
        figure(score, key="robustness_score", alt="Change of accuracy against epsilon")
    checks_of(answers, names)
    at_one_epsilon(found, names)
    survival_section(answers, names)
    classes_section(answers, names)
    corruption_section(answers)
    st.subheader("All numbers")
    score_table(answers, names, key="robustness_scores")
    records_downloads(found, names)
    for result in answers:
        provenance_footer(result.provenance)


page()
