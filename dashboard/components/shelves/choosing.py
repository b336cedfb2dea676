"""A table whose rows are chosen, and asking twice before what is chosen is deleted."""

import hashlib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard import visitor

LETTER, AROUND, LEAST, MOST = 7, 18, 70, 300  # px: a letter, the cell's edges, a column


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
    widths = {name: _wide_enough(name, [row[name] for row in rows]) for name in rows[0]}
    shown = {name: {**columns.get(name, {}), "width": width} for name, width in widths.items()}
    event = st.dataframe(
        rows,
        hide_index=True,
        key=f"{key}_{digest}",
        on_select="rerun",
        selection_mode="multi-row",
        column_config=shown,
        alt=alt,
    )
    return [ids[row] for row in event["selection"]["rows"] if row < len(ids)]


def _wide_enough(name: str, cells: Sequence[object]) -> int | None:
    """Return the width of a column of texts, px; None leaves a column of others to the table.

    The table would take an unusually long text for an outlier and cut it.
    """
    widths = [_width(cell) for cell in cells if isinstance(cell, (str, list))]
    return min(MOST, max(LEAST, _width(name), *widths)) if widths else None


def _width(text: str | list[str]) -> int:
    if isinstance(text, list):  # tags, each with edges of its own
        return sum(map(_width, text)) + AROUND
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in text)
    return LETTER * (len(text) + wide) + AROUND


def delete_button(
    label: str, question: str, delete: Callable[[Sequence[str]], None], ids: Sequence[str], key: str
) -> None:
    """Ask twice, then delete."""
    with st.popover(
        label,
        icon=":material/delete:",
        disabled=visitor.read_only() is not None,
        help=visitor.read_only(),
    ):
        st.markdown(question)
        st.button("Yes, delete", key=key, type="primary", on_click=delete, args=(ids,))
