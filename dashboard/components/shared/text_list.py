"""The texts behind a number: what each says, what it is called, and how sure the model is."""

import pandas as pd
import streamlit as st

from dashboard.components.shared.formats import escaped
from dashboard.components.shared.tiles import MakeTile, count_key, more_button
from usable_core.texts import visible

MOST = 8  # texts at first sight, and as many more at each click
LETTERS = 400  # of each text


def texts(rows: pd.DataFrame, tile: MakeTile, *, key: str) -> None:
    """Show the first rows' texts one below the other, and more of them at a click.

    Args:
        rows: One per text, with its `text`; those first that are to be looked at first.
        tile: Says of a row what stands above its text.
        key: Tells these texts from others on the page.
    """
    count = st.session_state.get(count_key(key), MOST)
    for row in rows.head(count).to_dict("records"):
        with st.container(border=True, gap="xsmall"):
            st.caption(tile(row).caption)
            st.markdown(escaped(shown(str(row["text"]))))
    more_button(len(rows) - count, key, count, MOST)


def shown(text: str, most: int = LETTERS) -> str:
    """Return a text as a person can read it: what cannot be seen is told, its end is cut."""
    return visible(text if len(text) <= most else f"{text[:most]} …")
