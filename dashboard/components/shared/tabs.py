"""Sections under tabs."""

from collections.abc import Callable, Mapping

import streamlit as st


def tabs(sections: Mapping[str, Callable[[], None]], *, key: str) -> None:
    """Show sections under tabs, of which only the open one is computed.

    Args:
        sections: Title to what shows the section.
        key: Of the open section's title in the session; set it there to open another.
    """
    if st.session_state.get(key) not in (None, *sections):
        del st.session_state[key]
    for tab, show in zip(
        st.tabs(list(sections), key=key, on_change="rerun"), sections.values(), strict=True
    ):
        if tab.open:
            with tab:
                show()
