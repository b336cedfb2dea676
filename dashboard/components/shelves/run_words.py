"""What its owner says of a run: a name, tags, a note; asked in a form, kept in the run's row."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.formats import errors_shown, escaped
from usable_core.runs.description import split_tags
from usable_core.runs.run import Run, RunHead

TAGS_HELP = "Words to find it by, parted by commas."


def run_words(run: Run) -> None:
    """Show what is said of a run, and a form that changes it."""
    if run.owner:
        st.caption(escaped(f"Asked by {run.owner}"))
    tags = " ".join(f":gray-badge[{escaped(tag)}]" for tag in run.tags)
    if tags:
        st.markdown(tags)
    if run.note:
        st.markdown(escaped(run.note))
    with st.popover(
        "Name, tags, note",
        icon=":material/edit:",
        disabled=visitor.read_only() is not None,
        help=visitor.read_only(),
    ):
        with st.form(f"{state.RUNS_SAVE}_{run.id}", border=False):
            name = st.text_input(
                "Name", run.name or "", placeholder=run.title, key=_key(run, "name")
            )
            line = ", ".join(run.tags)
            given = st.text_input("Tags", line, help=TAGS_HELP, key=_key(run, "tags"))
            note = st.text_area("Note", run.note or "", key=_key(run, "note"))
            is_saved = st.form_submit_button("Save", type="primary", key=state.RUNS_SAVE)
        if is_saved:
            with errors_shown():
                tags_given = split_tags(given)
                stored.store().describe(run.id, name=name, note=note, tags=tags_given)
                st.rerun()


def tag_several(runs: Sequence[RunHead]) -> None:
    """Offer to give the chosen runs tags, beside those that they have."""
    with st.popover(
        "Tag",
        icon=":material/sell:",
        disabled=visitor.read_only() is not None,
        help=visitor.read_only(),
    ):
        st.text_input("Tags", key=state.RUNS_GIVEN_TAGS, help=TAGS_HELP, placeholder="final, board")
        if st.button(f"Give them to {len(runs)} runs", key=state.RUNS_TAG_SEVERAL, type="primary"):
            with errors_shown():
                given = split_tags(st.session_state[state.RUNS_GIVEN_TAGS])
                for run in runs:
                    stored.store().describe(run.id, tags=(*run.tags, *given))
                st.rerun()


def _key(run: Run, what: str) -> str:
    return f"runs_{what}_{run.id}"
