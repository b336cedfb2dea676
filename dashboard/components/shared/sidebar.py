"""The sidebar below the navigation: what is selected on every page, and how the machine is."""

import html

import streamlit as st

from dashboard import memory, state, stored, visitor
from dashboard.components.shared import names, selection
from dashboard.components.shared.data_picker import UPLOAD
from dashboard.components.shared.ended import watch_jobs
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.words import words
from usable_core import machine, settings
from usable_core.catalog.looks import model_styles
from usable_core.errors import UsableError
from usable_core.files import size_said
from usable_core.runs.run import Status
from usable_core.runs.uploads import data_title

MOST_NAMED = 2  # models in a tab's title
LITTLE = 2 * 10**9  # bytes: a training or a download may need more


def sidebar(page: str) -> None:
    """Show the selection, the machine and a page's words; call it after the page.

    The page may change the first two.
    """
    with st.sidebar:
        _selection()
        selection.controls()
        if (reason := visitor.read_only()) is not None:
            st.caption(f":material/lock: {reason}")
        st.caption(_machine())
        _account()
        words(page)
        watch_jobs()


def _account() -> None:
    """Show who is logged in, and the way out."""
    if visitor.is_known():
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f":material/person: {escaped(visitor.name())}", width="content")
            st.button("Log out", key="log_out", type="tertiary", on_click=st.logout)


def tab_title(page: str) -> str:
    """Return what the browser's tab is called: the page, with the models and data it is about."""
    now = state.address()
    models = [names.model_title(one) for one in now.get(state.MODELS, [])]
    data = [data_title(one) for one in now.get(state.DATA, []) if one != UPLOAD]
    more = f" +{len(models) - MOST_NAMED}" if len(models) > MOST_NAMED else ""
    about = [f"{', '.join(models[:MOST_NAMED])}{more}"] if models else []
    return " · ".join([page, *about, *data, "Usable"])


def _selection() -> None:
    """Show the chosen models in the colours of the charts, and the data."""
    now = state.address()
    models = now.get(state.MODELS) or state.selected(state.MODELS)
    data = now.get(state.DATA) or state.selected(state.DATA)
    data = [name for name in data if name != UPLOAD]
    styles = model_styles(models, state.theme())
    rows = [
        f'<div class="chosen"><i style="background:{style.color}"></i>{_said(model)}</div>'
        for model, style in zip(models, styles, strict=True)
    ]
    rows += [
        f'<div class="chosen"><i class="data"></i>{html.escape(data_title(d))}</div>' for d in data
    ]
    if (picture := memory.of_tab(state.IMAGE).get(state.IMAGE)) is not None:
        shown = names.picture_title(picture[0]) or "Your picture"
        rows.append(f'<div class="chosen"><i class="data"></i>{html.escape(shown)}</div>')
    if rows:
        st.html(f'<div class="selection" aria-label="Selected on every page">{"".join(rows)}</div>')


def _said(model: str) -> str:
    return html.escape(names.model_title(model))


def _machine() -> str:
    """Return device, queue and disk in one line each."""
    lines = [f":material/memory: {machine.device()}", f":material/queue: {_queue()}"]
    free = machine.free_bytes(settings.home())
    if free is not None:
        mark = ":material/warning: " if free < LITTLE else ":material/hard_drive: "
        lines.append(f"{mark}{size_said(free)} free")
    return "  \n".join(lines)


def _queue() -> str:
    try:
        states = [row["status"] for row in stored.store().active_rows() if not row["parent"]]
    except UsableError:
        return "the store cannot be read"
    running, waiting = states.count(Status.RUNNING), states.count(Status.QUEUED)
    if not states:
        return "nothing is running"
    return f"{running} running" + (f", {waiting} waiting" if waiting else "")
