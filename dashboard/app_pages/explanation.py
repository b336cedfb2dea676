"""Explanation quality: over a data set, which method's maps are to be trusted, and where not?"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from dashboard import state
from dashboard.components.explain.settings import DEFAULT_METHODS, EVALUATIONS
from dashboard.components.measure.explanation_quality import quality_figure
from dashboard.components.measure.measured_runs import Found
from dashboard.components.measure.measuring_page import Ask, MeasuringPage, measuring_page
from dashboard.components.shared.kinds import known_kinds
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig

EXAMPLES = 20  # some minutes for a ResNet-18 on two cores
OF_TEXTS = [name for name, row in EXPLAINERS.items() if row.of_texts]
EVIDENCE = {"none": "Nothing", "curves": "Curves", "all": "All"}
TARGETS = {"predicted": "The prediction", "true": "The true class"}


def settings() -> Ask | None:
    methods = _choose_methods()
    one, two, three = st.columns(3)
    target = one.selectbox(
        "Class to explain",
        list(TARGETS),
        format_func=TARGETS.get,
        key=state.EXPLANATION_TARGET,
    )
    evaluations = two.select_slider(
        "Evaluations per map",
        EVALUATIONS,
        value="500",
        key=state.EXPLANATION_EVALUATIONS,
        format_func=lambda number: f"{int(number):,}",
    )
    with three:
        evidence = evidence_beside()
    chosen = tuple(name for name in EXPLAINERS if name in methods)
    options = ExplainerOptions(evaluations=int(evaluations))
    config = partial(ExplanationConfig, methods=chosen, target=target, options=options)
    return partial(config, evidence=evidence) if chosen else None


def _choose_methods() -> list[str]:
    """Ask for methods, those of texts where the chosen models take texts."""
    key = state.EXPLANATION_METHODS
    is_text = known_kinds(st.session_state.get(state.MODELS) or ()) == {"text"}
    known = OF_TEXTS if is_text else list(EXPLAINERS)
    chosen = st.session_state.get(key, DEFAULT_METHODS)
    st.session_state[key] = [name for name in chosen if name in known]
    of_pictures = [row.title for name, row in EXPLAINERS.items() if name not in OF_TEXTS]
    return st.pills(
        "Methods",
        known,
        selection_mode="multi",
        format_func=lambda name: EXPLAINERS[name].title,
        key=key,
        wrap=True,
        help=None if is_text else f"Of pictures alone: {', '.join(of_pictures)}.",
    )


def evidence_beside() -> str:
    """Ask what is measured beside each map."""
    return st.segmented_control(
        "Measured beside each map",
        list(EVIDENCE),
        default="curves",
        required=True,
        format_func=EVIDENCE.get,
        key=state.EXPLANATION_EVIDENCE,
        help="Curves: deletion and insertion, some 40 to 130 evaluations more for each map; of "
        "texts behind two backgrounds. All: also maps with random weights and of another class; of "
        "pictures a second background and ROAD.",
    )


def restore(asked: ExplanationConfig) -> None:
    """Have `settings` show those of a question, as far as they can."""
    st.session_state[state.EXPLANATION_METHODS] = list(asked.methods)
    st.session_state[state.EXPLANATION_TARGET] = asked.target
    st.session_state[state.EXPLANATION_EVIDENCE] = asked.evidence
    if str(asked.options.evaluations) in EVALUATIONS:
        st.session_state[state.EXPLANATION_EVALUATIONS] = str(asked.options.evaluations)


def results(found: Found, names: Sequence[str]) -> None:
    quality_figure(found, names)


measuring_page(
    MeasuringPage(
        task="explanation",
        title="Explanation quality",
        sentence="Which method's maps are to be trusted on this data, and where not?",
        nothing="No maps of these models have been measured on this data.",
        hint="Press Evaluate: one map per example and method, and how far each is to be trusted. "
        "For one picture or text of your own, open Explain.",
        settings=settings,
        results=results,
        examples=lambda: EXAMPLES,
        restore=restore,
    )
)
