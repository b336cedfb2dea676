"""Explain: what in one picture makes each backbone say so, and is that to be believed?"""

import streamlit as st

from dashboard import state
from dashboard.components.explain.image_picker import Chosen, choose_image, is_reading
from dashboard.components.explain.picture_panel import show_explanations
from dashboard.components.explain.questions import Questions
from dashboard.components.explain.settings import (
    choose_methods,
    choose_options,
    choose_target,
    wants_attack,
)
from dashboard.components.shared import lane
from dashboard.components.shared.formats import errors_shown
from dashboard.components.shared.pickers import model_options, model_picker
from usable_core.catalog.imagenet import installed
from usable_core.evaluations.specs import ModelSpec

MAX_MODELS = 4
DEFAULT_MODELS = installed()[:2] or ("bundled/resnet", "bundled/vgg")


def page() -> None:
    st.title("Explain")
    lane.warm_up()  # while the picture is chosen
    st.write(
        "Choose a picture and up to four backbones: what they see in it, why, and how far to trust "
        "that. :orange[Orange] speaks for the class, :blue[blue] against it."
    )
    left, right = st.columns(2, gap="large")
    with left:
        picture = choose_image()
    with right:
        models = model_picker(
            state.MODELS, MAX_MODELS, label="Backbones (up to 4)", default=DEFAULT_MODELS
        )
        methods = choose_methods()
        target = choose_target()
        options = choose_options(methods)
    if picture is None or not models:
        _say_what_is_missing(picture)
        return
    if not methods:
        st.info(
            "No method is chosen, so there are predictions but no heatmaps.",
            icon=":material/palette:",
        )
    questions = Questions(
        image=picture.id,
        title=picture.title,
        titles=_titles(models),
        methods=tuple(methods),
        target=target,
        options=options,
        has_attack=wants_attack(),
        true=st.query_params.get(state.EXPLAIN_TRUE),
    )
    with errors_shown():
        show_explanations(questions)


def _say_what_is_missing(picture: Chosen | None) -> None:
    if picture is None and is_reading():
        return
    if picture is None:
        st.info(
            "No picture yet: upload one, or click a photograph of the gallery.",
            icon=":material/image:",
        )
    else:
        st.info("No backbone yet: choose at least one.", icon=":material/category:")


def _titles(models: tuple[ModelSpec, ...]) -> dict[ModelSpec, str]:
    """Return what each backbone is called above its column."""
    known = model_options()
    return {model: known.get(model.reference, model.reference) for model in models}


page()
