"""A model as a file for other programs: the format is chosen, it is written, then downloaded."""

import re
from pathlib import Path

import streamlit as st

from dashboard import state, visitor
from dashboard.components.shared import lane, weights
from dashboard.components.shared.formats import download, errors_shown, escaped
from usable_core.catalog.exports import EXPORTS
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.files import size_said
from usable_core.jobs import interactive

_TITLES = {name: row.title for name, row in EXPORTS.items()}


def export_box(reference: str) -> None:
    """Offer a model in the formats of other programs, in a popover."""
    with st.popover("Export", icon=":material/file_export:"):
        chosen = st.selectbox(
            "Format", list(_TITLES), format_func=_TITLES.get, key=state.SHELF_FORMAT
        )
        row = EXPORTS[chosen]
        st.caption(f"{escaped(row.help)} Read by: {escaped(row.readers)}.")
        request = ImageRequest("export", ModelSpec(reference), format=chosen)
        if st.session_state.get(state.SHELF_EXPORTED) != request:
            st.button(
                "Write it",
                key=state.SHELF_EXPORT,
                on_click=_ask,
                args=(request,),
                disabled=visitor.read_only() is not None,
                help=visitor.read_only(),
            )
        elif weights.here([request.model]):
            _file(request)


def _ask(request: ImageRequest) -> None:
    st.session_state[state.SHELF_EXPORTED] = request


def _cancel_button(request: ImageRequest) -> None:
    """Offer to stop while it is being written."""
    with errors_shown():
        if not lane.ask_one(request).is_over:
            key = f"{state.SHELF_EXPORT}_cancel"
            st.button("Cancel", key=key, on_click=_cancel, args=(request,))


def _cancel(request: ImageRequest) -> None:
    lane.withdraw(request)
    st.session_state.pop(state.SHELF_EXPORTED, None)


def _file(request: ImageRequest) -> None:
    """Offer the file once it is written, with how near it is to the model."""
    asked = weights.answered(request, "Writing and comparing it …", state.SHELF_EXPORT)
    if asked is None:
        _cancel_button(request)
    if asked is None or asked.answer.exported is None:
        return
    found = asked.answer.exported
    path = interactive.files(asked.key) / Path(found.path).name
    name = re.sub(r"[^\w.-]+", "-", request.model.reference).strip("-")
    st.caption(
        f"Read again: its logits differ by at most {found.largest_difference:.1e} on "
        f"{found.examples} examples; the largest is {found.largest_logit:.3g}."
    )
    download(
        f"Download {size_said(found.size)}",
        path.read_bytes,
        f"{name}{path.suffix}",
        key=state.SHELF_EXPORT_FILE,
    )
