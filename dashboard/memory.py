"""What the forms of one tab hold, kept while other pages are shown and through a reload.

Streamlit drops a widget's value once a page does not show the widget, and everything when the page
is loaded anew. So after each run the value of every widget that has a key is noted, and put back
before the next run where the widget was not on the page; what stands in the address is read later
and has the last word. A button has no value, and trust is given anew.

It also tells a browser a value once only, with the run that put it. A slow browser draws the next
run in its place: without the value, empty, which it then sends back as if it had been chosen. So a
value is put again as long as the browser does not know its widget.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from dashboard.page_script import tab

TRUST = "trust"  # a key with this in it is never remembered
MOST_TABS = 256
MOST_KEYS = 2000
MOST_WIDGETS = 500
LONGEST = 20_000  # characters
_KEPT, _SHOWN = "memory_kept", "memory_shown"
_KINDS = frozenset(  # Streamlit's names for what a widget sends; a button sends a trigger
    f"{kind}_value" for kind in ("bool", "int", "double", "string")
) | {f"{kind}_array_value" for kind in ("int", "double", "string")}
_NOTES = ("_in_address", "_usual")  # what `state.read_address` notes beside a widget


@contextmanager
def remembering(page: str) -> Iterator[None]:
    """Run what shows a page's widgets: they hold what they held when they were last shown."""
    before, shown = st.session_state.get(_SHOWN, (page, frozenset()))
    _note(shown)  # as the browser sent it just now
    if before != page:  # a widget of the same key is another one there
        shown = frozenset()
    for key in shown - _drawn(shown):
        if key in st.session_state and _is_plain(value := st.session_state[key]):
            st.session_state[key] = value
    for key, value in list(of_tab(_KEPT).items()):
        if key not in shown and not (key.endswith(_NOTES) and key in st.session_state):
            st.session_state[key] = value
    try:
        yield
    finally:  # also where the page begins anew
        _forget()
        st.session_state[_SHOWN] = page, _widgets()
        _note(_widgets())


def let_go() -> None:
    """Drop what Streamlit keeps of widgets that the tab shows no more, once that is much.

    It keeps their callbacks and options as long as the tab is open, of every run that was looked at
    in it. Call it at the end of a whole page: a page that begins anew has not shown the rest yet.
    """
    if (context := get_script_run_ctx()) is not None:
        held = context.session_state._state._new_widget_state.widget_metadata
        if len(held) > MOST_WIDGETS:
            for name in held.keys() - context.shared.widget_ids_this_run.snapshot():
                del held[name]


def give(values: Mapping[str, Any]) -> None:
    """Have widgets of another page hold these values, by their keys, when that is shown next."""
    of_tab(_KEPT).update(values)


def of_tab(key: str) -> dict[str, Any]:
    """Return a table that this tab keeps through a reload, to be changed."""
    name = tab()
    held = st.session_state.setdefault(_KEPT, {}) if name is None else _held(name)
    return held.setdefault(key, {})


@st.cache_resource(max_entries=MOST_TABS, show_spinner=False)
def _held(name: str) -> dict[str, dict[str, Any]]:
    del name  # the key of the cache
    return {}


def _note(keys: frozenset[str]) -> None:
    kept, session = of_tab(_KEPT), st.session_state
    for name in (name for key in keys for name in (key, *(f"{key}{end}" for end in _NOTES))):
        if name in session and _is_plain(session[name]):
            kept.pop(name, None)  # the newest last
            kept[name] = session[name]
    while len(kept) > MOST_KEYS:
        del kept[next(iter(kept))]


def _forget() -> None:
    """Forget what the page took out of a widget that it showed, such as a form that was sent."""
    for key in _keys_of_widgets():
        if key not in st.session_state:
            of_tab(_KEPT).pop(key, None)


def _keys_of_widgets() -> frozenset[str]:
    """Return the keys of the widgets of this run, which no public interface of Streamlit tells."""
    context = get_script_run_ctx()
    return frozenset(context.shared.widget_user_keys_this_run.snapshot() if context else ())


def _widgets() -> frozenset[str]:
    """Return the keys of the widgets of this run that hold a value.

    Streamlit's public interface does not tell a button from a box either.
    """
    context = get_script_run_ctx()
    if context is None:
        return frozenset()
    session, found = context.session_state._state, set()
    for key in _keys_of_widgets():
        widget = session.get_widget_metadata(session.get_widget_id_from_key(key) or "")
        if widget is not None and widget.value_type in _KINDS and TRUST not in key:
            found.add(key)
    return frozenset(found)


def _drawn(keys: frozenset[str]) -> frozenset[str]:
    """Return the keys of the widgets that the browser had drawn when it last asked for a run."""
    context = get_script_run_ctx()
    if context is None:
        return keys
    session = context.session_state._state
    return frozenset(
        key for key in keys if session.get_widget_id_from_key(key) in session._new_widget_state
    )


def _is_plain(value: object) -> bool:
    """Tell whether a value is text, a number or a list of them: a selection in a chart is not."""
    if isinstance(value, (list, tuple)):
        return len(value) <= MOST_KEYS and all(map(_is_plain, value))
    if isinstance(value, str):
        return len(value) <= LONGEST
    return value is None or isinstance(value, (bool, int, float))
