"""What the Explain page asks beside picture and backbones: methods, class, how maps are made."""

import streamlit as st

from dashboard import state
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import ExplainerOptions

DEFAULT_METHODS = tuple(EXPLAINERS)[:2]
PREDICTED = "Each backbone's own prediction"
EVALUATIONS = (100, 500, 1000, 3000)
SEGMENTS = (10, 25, 50, 100)
BACKGROUNDS = {
    "blur": "The picture, blurred",
    "mean": "The picture's mean colour",
    "grey": "Grey",
    "black": "Black",
}


def choose_methods() -> list[str]:
    """Ask for the methods and return their keys in `EXPLAINERS`."""
    return st.pills(
        "Methods",
        list(EXPLAINERS),
        selection_mode="multi",
        default=list(DEFAULT_METHODS),
        format_func=lambda name: EXPLAINERS[name].title,
        key=state.EXPLAIN_METHODS,
        persist_state="session",
        help=" ".join(f"**{row.title}**: {row.help}" for row in EXPLAINERS.values()),
    )


def choose_target() -> str | None:
    """Ask for the class that every backbone explains, None for each one's own prediction."""
    chosen = st.selectbox(
        "Class to explain",
        [PREDICTED, *st.session_state.get(state.EXPLAIN_CLASSES, [])],
        key=state.EXPLAIN_TARGET,
        accept_new_options=True,
        persist_state="session",
        help="The classes predicted for this picture are listed; any other class that the "
        "backbones know can be typed.",
    )
    return None if chosen in (None, PREDICTED) else chosen


def choose_options() -> ExplainerOptions:
    """Ask how the maps are made."""
    with st.expander("Options"):
        background = st.selectbox(
            "Hide parts behind",
            list(BACKGROUNDS),
            format_func=BACKGROUNDS.__getitem__,
            key=state.EXPLAIN_BACKGROUND,
            persist_state="session",
            help="What stands where a part of the picture is hidden. It is part of what a map "
            "means: compare two.",
        )
        evaluations = st.select_slider(
            "Evaluations per map",
            EVALUATIONS,
            value=500,
            key=state.EXPLAIN_EVALUATIONS,
            persist_state="session",
            help="Forward passes of the backbone. More take longer and wobble less.",
        )
        segments = st.select_slider(
            "Superpixels",
            SEGMENTS,
            value=50,
            key=state.EXPLAIN_SEGMENTS,
            persist_state="session",
            help="Parts that LIME hides and credits; the same ones for every backbone of one "
            "input size. At least ten evaluations for each are advised.",
        )
    return ExplainerOptions(evaluations=evaluations, segments=segments, background=background)
