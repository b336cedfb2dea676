"""What is asked of corruptions: which of them, of pictures or of texts, and at which severities."""

from functools import partial

import streamlit as st

from dashboard import state
from dashboard.components.measure.measuring_page import Ask
from dashboard.components.shared.kinds import choose_kind
from usable_core.catalog.corruptions import COMMON, CORRUPTIONS
from usable_core.catalog.text_corruptions import KNOWN, TEXT_CORRUPTIONS, kind_of
from usable_core.evaluations.corruption import SEVERITIES, CorruptionConfig


def settings() -> Ask | None:
    """Ask; return what makes the question of models and data, None where nothing is chosen."""
    kind = choose_kind("corruption")
    is_text = kind == "text"
    corruptions = st.pills(
        "Corruptions",
        list(TEXT_CORRUPTIONS if is_text else CORRUPTIONS),
        selection_mode="multi",
        default=list(TEXT_CORRUPTIONS) if is_text else COMMON,
        format_func=lambda name: KNOWN[name].title,
        key=_key(kind),
        wrap=True,
        help="At severities 1 to 5 they change 2.5, 5, 10, 20 and 40 % of the words."
        if is_text
        else "The usual 15 are chosen. Each severity is one pass of every image.",
    )
    severities = st.pills(
        "Severities",
        SEVERITIES,
        selection_mode="multi",
        default=SEVERITIES,
        key=state.CORRUPTION_SEVERITIES,
    )
    if not corruptions or not severities:
        return None
    chosen = tuple(name for name in KNOWN if name in corruptions)
    return partial(CorruptionConfig, corruptions=chosen, severities=tuple(sorted(severities)))


def restore(asked: CorruptionConfig) -> None:
    """Have `settings` show those of a question."""
    kind = kind_of(asked.corruptions[0])
    st.session_state[state.of_page("corruption", "kind")] = kind
    st.session_state[_key(kind)] = list(asked.corruptions)
    st.session_state[state.CORRUPTION_SEVERITIES] = list(asked.severities)


def _key(kind: str) -> str:
    return state.CORRUPTION_TEXT_NAMES if kind == "text" else state.CORRUPTION_NAMES
