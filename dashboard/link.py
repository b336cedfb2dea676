"""What the address named when the session began, until somebody agreed to it.

A link of another's opens a session of its own; what the address says later is the pages' own doing.
"""

import streamlit as st

from dashboard import memory

_LINK = "link"  # the parameters of the address, each with its values


def named() -> dict[str, list[str]]:
    """Return what the address names now."""
    return {name: st.query_params.get_all(name) for name in st.query_params}


def note() -> None:
    """Keep what the address names, when the session begins, with what an earlier link named."""
    if _LINK not in st.session_state:
        st.session_state[_LINK] = held = memory.of_tab(_LINK)  # as long as the forms remember it
        for name, values in named().items():
            held.setdefault(name, set()).update(_visible(value) for value in values)


def is_named(key: str, value: str) -> bool:
    """Tell whether the link gave a parameter this value, and nobody agreed."""
    return _visible(value) in st.session_state.get(_LINK, {}).get(key, ())


def agree(key: str, *values: str) -> None:
    """Take values as the user's own, whatever the link said."""
    named_here = st.session_state.get(_LINK, {}).get(key, set())
    named_here.difference_update(_visible(value) for value in values)


def _visible(text: str) -> str:
    """Return text without what a browser may leave out when it sends it back."""
    return "".join(sign for sign in text if sign.isprintable() and not sign.isspace())
