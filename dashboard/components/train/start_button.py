"""The button that starts trainings, closed where nothing may be started here."""

import streamlit as st

from dashboard import visitor


def start_button(key: str, *, is_ready: bool) -> bool:
    """Show the button and tell whether it was pressed.

    Args:
        key: The widget's.
        is_ready: The form holds a whole question.
    """
    why = visitor.read_only()
    closed = not is_ready or why is not None
    return st.button("Start", type="primary", key=key, disabled=closed, help=why, width="stretch")
