"""A table whose rows are chosen, and asking twice before what is chosen is deleted."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st


def choosable(
    rows: Sequence[Mapping[str, object]],
    ids: Sequence[str],
    *,
    key: str,
    alt: str,
    columns: Mapping[str, Any],
) -> list[str]:
    """Show a table and return the ids of the chosen rows.

    A choice counts rows, so with other ids it begins anew: it never means something that was not
    in sight.

    Args:
        rows: Column to value.
        ids: What each row is.
        key: Beginning of the widget's key.
        alt: The table in words.
        columns: As `st.dataframe` takes them.
    """
    digest = hashlib.sha256("\0".join(ids).encode()).hexdigest()[:12]
    event = st.dataframe(
        rows,
        hide_index=True,
        key=f"{key}_{digest}",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=columns,
        alt=alt,
    )
    return [ids[row] for row in event["selection"]["rows"] if row < len(ids)]


def delete_button(
    label: str, question: str, delete: Callable[[Sequence[str]], None], ids: Sequence[str], key: str
) -> None:
    """Ask twice, then delete."""
    with st.popover(label, icon=":material/delete:"):
        st.markdown(question)
        st.button("Yes, delete", key=key, type="primary", on_click=delete, args=(ids,))
