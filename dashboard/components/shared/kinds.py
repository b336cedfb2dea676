"""Pictures or texts: what the chosen models take, asked where their files do not tell."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import choose_one
from dashboard.components.shared.pickers import facts
from usable_core.evaluations.specs import InputKind

KINDS: dict[InputKind, str] = {"picture": "Pictures", "text": "Texts"}


def known_kinds(references: Sequence[str]) -> set[InputKind]:
    """Return what models take, of those whose files are here to tell."""
    return {kind for reference in references if (kind := facts(reference).kind) is not None}


def choose_kind(page: str) -> InputKind:
    """Return what the chosen models take, and ask where they do not tell; after their picker."""
    if len(known_kinds(st.session_state.get(state.MODELS) or ())) != 1:
        choose_one("Of", KINDS, key=state.of_page(page, "kind"), default="picture")
    return chosen_kind(page)


def chosen_kind(page: str) -> InputKind:
    """Return what `choose_kind` will, where that is asked further down."""
    known = known_kinds(st.session_state.get(state.MODELS) or ())
    kind: InputKind = st.session_state.get(state.of_page(page, "kind"), "picture")
    return known.pop() if len(known) == 1 else kind


def to_explain(reference: str) -> dict[str, str | list[str]]:
    """Return the address of Explain that has a model chosen, for what that takes."""
    if facts(reference).kind == "text":
        return {state.EXPLAIN_KIND: "text", state.TEXT_MODELS: [reference]}
    return {state.MODELS: [reference]}
