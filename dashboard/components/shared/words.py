"""The words of a page, in plain ones."""

import streamlit as st

from dashboard.components.shared.formats import escaped
from usable_core.catalog.words import words_of


def words(page: str) -> None:
    """Offer what the words on a page mean; nothing for a page without any."""
    rows = words_of(page)
    if rows:
        with st.popover("Words on this page", icon=":material/menu_book:", type="tertiary"):
            told = [f"**{escaped(one.title)}**  \n{escaped(one.meaning)}" for one in rows.values()]
            st.markdown("\n\n".join(told))
