"""Explain: what in one picture makes each backbone say so, side by side."""

import streamlit as st

from dashboard import state
from dashboard.components.explanations import CLASSES, show_explanations
from dashboard.components.images import choose_image
from dashboard.components.pickers import model_options, model_picker
from dashboard.components.results import errors_shown
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec

MAX_MODELS = 4
DEFAULT_MODELS = ("bundled/resnet", "bundled/vgg")
DEFAULT_METHODS = tuple(EXPLAINERS)[:2]
PREDICTED = "Each backbone's own prediction"
EVALUATIONS = (100, 300, 1000, 3000)
SEGMENTS = (10, 25, 50, 100)
BACKGROUNDS = {
    "blur": "The picture, blurred",
    "mean": "The picture's mean colour",
    "grey": "Grey",
    "black": "Black",
}


def page() -> None:
    st.title("Explain")
    st.write(
        "Choose a picture and up to four backbones: their predictions and heatmaps appear side by "
        "side. :orange[Orange] speaks for the class, :blue[blue] against it."
    )
    left, right = st.columns(2, gap="large")
    with left:
        picture = choose_image()
    with right:
        models = model_picker(
            state.MODELS, MAX_MODELS, label="Backbones (up to 4)", default=DEFAULT_MODELS
        )
        methods = _choose_methods()
        target = _choose_target()
        options = _choose_options()
    if picture is None:
        st.info("No picture yet: upload one, or click a photograph of the gallery.", icon="🖼️")
    elif not models:
        st.info("No backbone yet: choose at least one.", icon="🧠")
    else:
        if not methods:
            st.info("No method is chosen, so there are predictions but no heatmaps.", icon="🎨")
        with errors_shown():
            requests = {
                (model, method): ImageRequest(
                    "explain" if method else "predict",
                    model,
                    picture.id,
                    method,
                    target if method else None,
                    options if method else ExplainerOptions(),
                )
                for method in (None, *methods)
                for model in models
            }
            show_explanations(requests, _titles(models))


def _choose_methods() -> list[str]:
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


def _choose_target() -> str | None:
    """Return the class that every backbone explains, None for each one's own prediction."""
    chosen = st.selectbox(
        "Class to explain",
        [PREDICTED, *st.session_state.get(CLASSES, [])],
        key=state.EXPLAIN_TARGET,
        accept_new_options=True,
        persist_state="session",
        help="The classes predicted for this picture are listed; any other class that the "
        "backbones know can be typed.",
    )
    return None if chosen in (None, PREDICTED) else chosen


def _choose_options() -> ExplainerOptions:
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
            value=300,
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


def _titles(models: tuple[ModelSpec, ...]) -> dict[ModelSpec, str]:
    """Return what each backbone is called above its column."""
    known = model_options()
    return {model: known.get(model.reference, model.reference) for model in models}


page()
