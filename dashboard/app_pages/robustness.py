"""Robustness: does the model stay right when its input is changed a little?"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import state
from dashboard.components.measure.attack_settings import (
    attack_settings,
    restore_attack,
    square_note,
    usual_examples,
)
from dashboard.components.measure.attacked_pictures import (
    EXAMPLES,
    choose_clicked,
    examples_section,
    numbers_section,
)
from dashboard.components.measure.attacked_texts import judged_note, texts_section
from dashboard.components.measure.checks import checks_of
from dashboard.components.measure.corruption_and_attack import agreement_section
from dashboard.components.measure.estimate import estimate
from dashboard.components.measure.measured_runs import Found
from dashboard.components.measure.measuring_page import MeasuringPage, measuring_page
from dashboard.components.measure.survival import classes_section, survival_section
from dashboard.components.shared.metrics import figure
from dashboard.components.shared.once import once
from dashboard.components.shared.tabs import tabs
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.plots.robustness import accuracy_versus_epsilon, robustness_score


def results(found: Found, names: Sequence[str]) -> None:
    answers, theme = [result for _, result in found], state.theme()
    is_text = answers[0].kind == "text"
    examples = texts_section if is_text else examples_section
    more = {"more": judged_note} if is_text else {}
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Accuracy under attack")
        curve = once(accuracy_versus_epsilon, answers, names=names, theme=theme)
        figure(
            curve,
            key=state.ROBUSTNESS_CURVE,
            on_click=choose_clicked,
            alt="Accuracy against epsilon, with noise dotted",
        )
        st.caption("Click a point to see the examples that break there.")
    with right:
        st.subheader("Robustness score")
        score = once(robustness_score, answers, names=names, theme=theme)
        figure(score, key="robustness_score", alt="Change of accuracy against epsilon")
    tabs(
        {
            "At one ε": partial(numbers_section, found, names, **more),
            EXAMPLES: partial(examples, found, names),
            "How much does it take?": partial(survival_section, answers, names),
            "By class": partial(classes_section, found, names),
            "Beside corruptions": partial(agreement_section, answers),
        },
        key=state.ROBUSTNESS_TAB,
    )
    checks_of(answers, names)  # one that failed is told above, too


def cost(questions: Sequence[RobustnessConfig]) -> None:
    if questions and questions[0].kind == "picture":
        square_note(questions)
        estimate(questions)


measuring_page(
    MeasuringPage(
        task="robustness",
        title="Robustness",
        sentence="Does it stay right when its input is changed a little, by an attacker or by "
        "noise?",
        nothing="These models have not been attacked on this data.",
        hint="Press Evaluate: the attack at growing budgets, random changes of the same size as "
        "baseline, and the checks that tell whether the attack was strong enough.",
        settings=attack_settings,
        results=results,
        examples=usual_examples,
        estimate=cost,
        restore=restore_attack,
    )
)
