"""The Explain page's text and its hidden words in the address, so that a link shows them too."""

from urllib.parse import quote

import streamlit as st

from dashboard import state
from dashboard.components.explain.word_chips import hidden, hide_only

# Signs of a text as an address writes it: longer ones are cut by what passes addresses on.
LONGEST = 2000


def read() -> None:
    """Take text and hidden words from an address that names a text; call it before its box."""
    named = st.query_params.get(state.EXPLAIN_TEXT)
    if named is None:  # another page's link, or a text too long: what was written stays
        return
    if _is_news(state.EXPLAIN_TEXT):
        st.session_state[state.EXPLAIN_TEXT] = named
    text = st.session_state.get(state.EXPLAIN_TEXT, "").strip()
    if text == named.strip() and _is_news(state.EXPLAIN_HIDDEN):
        numbers = st.query_params.get_all(state.EXPLAIN_HIDDEN)
        hide_only(text, (int(n) for n in numbers if n.isascii() and n.isdigit() and len(n) < 6))


def write(text: str) -> None:
    """Put a text and what is hidden of it into the address; both only where they fit."""
    numbers = [str(number) for number in hidden(text)]
    parts = [quote(text), *(f"&{state.EXPLAIN_HIDDEN}={number}" for number in numbers)]
    fits = sum(map(len, parts)) <= LONGEST
    state.write_address(state.EXPLAIN_TEXT, [text] if text and fits else [])
    state.write_address(state.EXPLAIN_HIDDEN, numbers if fits else [])


def _is_news(key: str) -> bool:
    """Tell whether the address says something else than this page wrote there."""
    return st.query_params.get_all(key) != st.session_state.get(f"{key}_in_address", [])
