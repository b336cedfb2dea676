"""Files, options and data that a link names: shown at once, opened after a click.

Whoever sends a link chooses its address, and the pages answer an address by themselves. So what
the address named when the session began is held back until the person in front says otherwise;
what is typed, chosen or restored from a stored run later is theirs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard import link

OPEN = "open_what_the_link_names"
_HELD_BACK = "held_back"  # what this run of the page did not open: (key, value) to what it is
_LONGEST = 300  # characters shown of a value


def is_held_back(key: str, value: str, what: str) -> bool:
    """Tell whether a value must not be opened yet; then it is shown with a button.

    Args:
        key: The parameter of the address that could have named it.
        value: What would be opened.
        what: What it is, for people.
    """
    if not value or not link.is_named(key, value):
        return False
    st.session_state[_HELD_BACK][key, value] = what
    return True


def holds_back() -> bool:
    """Tell whether this run of the page left something out that its link names."""
    return bool(st.session_state.get(_HELD_BACK))


@contextmanager
def asking_to_open() -> Iterator[None]:
    """Run a page, and show above it what was held back, with the button that opens it."""
    place, held_back = st.empty(), {}
    st.session_state[_HELD_BACK] = held_back
    yield
    if not held_back:
        return
    with place.container(border=True):
        st.markdown(
            "**This link names files or options on the machine that runs Usable.** Nothing of "
            "them was opened. Open them if you know who made the link, or change them below."
        )
        lines = (f"{what}: {_printable(value)}" for (_, value), what in held_back.items())
        st.code("\n".join(lines), language=None, wrap_lines=True)
        st.button(
            "Open what this link names",
            key=OPEN,
            on_click=lambda: [link.agree(key, value) for key, value in held_back],
            icon=":material/folder_open:",
        )


def _printable(text: str) -> str:
    """Return text in which nothing hides or turns: other signs by their numbers."""
    shown = "".join(sign if sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} … ({len(text):,} signs)"
