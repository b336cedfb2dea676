"""Explain: what in one picture makes each backbone say so, and is that to be believed?"""

import streamlit as st

from dashboard import state
from dashboard.components.explain import text_panel
from dashboard.components.explain.image_picker import Chosen, choose_image
from dashboard.components.explain.picture_panel import show_hero, show_tabs
from dashboard.components.explain.questions import Questions
from dashboard.components.explain.settings import (
    choose_kind,
    choose_methods,
    choose_options,
    choose_target,
    wants_attack,
)
from dashboard.components.explain.start import started
from dashboard.components.shared import lane
from dashboard.components.shared.formats import errors_shown
from dashboard.components.shared.pickers import model_options, model_picker
from dashboard.components.shared.weights import here
from usable_core.catalog.imagenet import installed
from usable_core.evaluations.specs import ModelSpec

MAX_MODELS = 4
DEFAULT_MODELS = installed()[:2] or ("bundled/resnet", "bundled/vgg")
HERO_TO_SETTINGS = (5, 2)  # widths


def page() -> None:
    st.title("Explain")
    lane.warm_up()  # while the picture is chosen
    left, right = st.columns((4, 1), vertical_alignment="bottom")
    left.caption(
        "What backbones see in a picture or a text, why, and how far to trust that. "
        ":orange[Orange] speaks for the class, :blue[blue] against it."
    )
    with right:
        is_text = choose_kind() == "text"
    if is_text:
        text_panel.show()
        return
    hero, settings = st.columns(HERO_TO_SETTINGS, gap="medium")
    hero = hero.container(key="explain_hero")
    with hero:
        picture = choose_image()
    with settings:
        questions = _choose_settings(picture)
    if questions is None:
        return
    with errors_shown():
        with hero:
            shown = show_hero(questions)
        show_tabs(questions, shown)


def _choose_settings(picture: Chosen | None) -> Questions | None:
    """Ask for everything beside the picture; return what is asked, None where nothing is yet."""
    chosen = model_picker(
        state.MODELS, MAX_MODELS, label="Backbones (up to 4)", default=DEFAULT_MODELS
    )
    models = here(chosen)
    methods = choose_methods()
    target = choose_target()
    options = choose_options(methods)
    if not chosen:
        st.info("No backbone yet: choose at least one.", icon=":material/category:")
    if not methods:
        st.info("No method, so there are predictions but no heatmaps.", icon=":material/palette:")
    if picture is None or not models:
        return None
    return started(
        Questions(
            image=picture.id,
            title=picture.title,
            titles=_titles(models),
            methods=tuple(methods),
            target=target,
            options=options,
            has_attack=wants_attack(),
            true=st.query_params.get(state.EXPLAIN_TRUE),
            jpeg=picture.jpeg,
        )
    )


def _titles(models: tuple[ModelSpec, ...]) -> dict[ModelSpec, str]:
    """Return what each backbone is called above its column."""
    known = model_options()
    return {model: known.get(model.reference, model.reference) for model in models}


page()
