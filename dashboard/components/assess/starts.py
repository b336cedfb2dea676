"""Where requirements begin: one of the sets in the box, or a file; and the way back to a file."""

import streamlit as st

from dashboard import state
from dashboard.components.assess import requirements_form
from dashboard.components.shared.formats import errors_shown
from usable_core.catalog.starts import STARTS, USUAL
from usable_core.errors import UsableError
from usable_core.evaluations.specs import InputKind
from usable_core.verdicts.kinds import start_of
from usable_core.verdicts.requirement_files import requirements_in, to_toml
from usable_core.verdicts.requirements import Requirements, requirement

FILE = "usable.toml"


def start_picker(kind: InputKind) -> None:
    """Ask where to start from, for models of a kind; call it before the form, which shows it."""
    left, right = st.columns(2)
    with left:
        st.selectbox(
            "Start from",
            list(STARTS),
            index=list(STARTS).index(USUAL),
            key=state.ASSESS_FROM,
            format_func=lambda name: STARTS[name].title,
            on_change=_take_start,
            args=(kind,),
            help="\n\n".join(f"**{row.title}**: {row.help}" for row in STARTS.values())
            + "\n\nEach is a start to be changed, not a standard.",
        )
    with right:
        st.file_uploader(
            f"Or from a file, {FILE}",
            type=["toml"],
            key=state.ASSESS_FILE,
            on_change=_take_file,
            args=(kind,),
        )
    with errors_shown():
        if (error := st.session_state.pop(state.ASSESS_FILE_ERROR, None)) is not None:
            raise error


def download(texts: tuple[str, ...]) -> None:
    """Offer the requirements of the form as a file."""
    wanted = Requirements(
        tuple(requirement(text) for text in texts), **st.session_state.get(state.ASSESS_WORDS, {})
    )
    st.download_button(
        FILE,
        to_toml(wanted),
        FILE,
        "application/toml",
        key=state.ASSESS_DOWNLOAD,
        icon=":material/download:",
        help="These requirements as a file, for `usable assess --requirements`.",
    )


def _take_start(kind: InputKind) -> None:
    requirements_form.restore(start_of(kind, st.session_state[state.ASSESS_FROM]), kind)
    st.session_state[state.ASSESS_WORDS] = {}


def _take_file(kind: InputKind) -> None:
    file = st.session_state.get(state.ASSESS_FILE)
    if file is None:
        return
    try:
        found = requirements_in(file.getvalue(), file.name)
    except UsableError as error:
        st.session_state[state.ASSESS_FILE_ERROR] = error
        return
    requirements_form.restore(tuple(one.text for one in found.required), kind)
    words = {"use": found.use, "set_by": found.set_by, "norm": found.norm}
    st.session_state[state.ASSESS_WORDS] = words
