"""Robustness: does the model stay right when its input is changed a little?"""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.attacked import attacked_pictures
from dashboard.components.measured import (
    MOST_MODELS,
    address_note,
    evaluate,
    names_of,
    runs_to_show,
    same_question,
    watched,
)
from dashboard.components.numbers import (
    figure,
    headings,
    metric_card,
    records_downloads,
    score_table,
)
from dashboard.components.pickers import dataset_picker, model_picker
from dashboard.components.results import errors_shown, provenance_footer
from usable_core.catalog.attacks import ATTACKS
from usable_core.evaluations.robustness import (
    RobustnessConfig,
    RobustnessResult,
    default_epsilons,
    parse_epsilons,
)
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.plots.style import epsilon_label
from usable_core.runs.run import Run

EXAMPLES = 200  # an interval of ± 7 points at 50 %; a minute or two on 2 cores
STEPS, RESTARTS = RobustnessConfig.steps, RobustnessConfig.restarts
NORMS = {"linf": "L∞", "l2": "L2"}
FACTORS = (1, 5, 10, 20)


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
        models = model_picker(state.MODELS, MOST_MODELS)
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
        attack, norm, epsilons, steps, restarts, seed = settings
        with errors_shown():
            grid = parse_epsilons(epsilons) or default_epsilons(norm)
            evaluate([
                RobustnessConfig(model, dataset, attack, norm, grid, int(steps), int(restarts),
                                 seed=int(seed))
                for model in models
            ])  # fmt: skip
    return models, dataset


def attack_settings() -> tuple[str, str, str, float, float, float]:
    """Ask for attack, norm, epsilons, steps, restarts and seed."""
    one, two, three = st.columns(3)
    attack = one.selectbox(
        "Attack", ATTACKS, index=list(ATTACKS).index(RobustnessConfig.attack),
        format_func=lambda name: ATTACKS[name].title, key=state.ROBUSTNESS_ATTACK,
        help="  \n".join(f"**{row.title}**: {row.help}" for row in ATTACKS.values()),
    )  # fmt: skip
    norm = two.selectbox("Norm", NORMS, format_func=NORMS.get, key=state.ROBUSTNESS_NORM)
    epsilons = three.text_input(
        "Budgets ε", key=state.ROBUSTNESS_EPSILONS, placeholder="0, 1/255, 4/255, 8/255",
        help="Of the [0, 1] pixel range; 1/255 is one grey level. Empty: "
        + "; ".join(
            f"{title}: {', '.join(epsilon_label(e, norm) for e in default_epsilons(norm))}"
            for norm, title in NORMS.items()
        ),
    )  # fmt: skip
    steps = one.number_input("Steps", 1, 1000, STEPS, key=state.ROBUSTNESS_STEPS)
    restarts = two.number_input("Restarts", 1, 100, RESTARTS, key=state.ROBUSTNESS_RESTARTS)
    seed = three.number_input("Seed", 0, value=0, key=state.ROBUSTNESS_SEED)
    return attack, norm, epsilons, steps, restarts, seed


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


@st.fragment
def at_one_epsilon(found: Sequence[tuple[Run, RobustnessResult]], names: Sequence[str]) -> None:
    """Cards and pictures at one epsilon; moving the slider runs nothing else."""
    norm, epsilons = found[0][1].config.norm, found[0][1].epsilons
    st.subheader("At one ε")
    left, right = st.columns([3, 1])
    epsilon = left.select_slider(
        "ε", epsilons, value=epsilons[len(epsilons) // 2], key=state.ROBUSTNESS_AT,
        format_func=lambda e: epsilon_label(e, norm),
    )  # fmt: skip
    factor = right.segmented_control(
        "Change shown ×", FACTORS, default=FACTORS[2], key=state.ROBUSTNESS_FACTOR, required=True
    )
    where = f", ε = {epsilon_label(epsilon, norm)}"
    for column, (_, result) in zip(headings(found, names), found, strict=True):
        with column:
            metric_card("clean_accuracy", result.clean_accuracy)
            for metric, value in result.at(epsilon).items():
                metric_card(metric, value, where=where)
    attacked_pictures(found, names, epsilon, factor)


page()
