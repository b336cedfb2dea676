"""Choosing one picture: an upload, or a real photograph of the gallery.

The address holds the choice (`?image=NAME`, or the identity of an upload), so it survives a reload
and can be sent as a link.
"""

import io
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from dashboard import state
from dashboard.components.explain.gallery import thumbnail
from dashboard.components.shared import beside
from dashboard.components.shared.formats import errors_shown, escaped
from usable_core import images
from usable_core.errors import UsableError
from usable_core.runs import uploads

MAX_MEGABYTES = 50  # as much as images.decode takes
PREVIEW = (480, 480)  # pixels at most; shown smaller, for dense screens
PREVIEW_WIDTH, THUMBNAIL_WIDTH = 160, 112  # three photographs in a row of half a page
POLL = 0.5  # s
_UPLOAD, _ERROR = "explain_upload", "explain_image_error"
_KEEPING, _IS_READING = "explain_upload_keeping", "explain_image_reading"


@dataclass(frozen=True)
class Chosen:
    """The picture that the page works on.

    Attributes:
        id: Its identity in the store of uploads.
        title: As people call it.
        is_upload: The user brought it and can delete it.
    """

    id: str
    title: str
    is_upload: bool


def choose_image() -> Chosen | None:
    """Show the uploader and the gallery; return the chosen picture, None while there is none."""
    st.file_uploader(
        "Upload a picture",
        type=images.suffixes(),
        key=_UPLOAD,
        on_change=_keep_upload,
        max_upload_size=MAX_MEGABYTES,
        help="Kept on the machine that runs Usable, without its metadata and under a name made "
        "of its content, until you delete it.",
    )
    st.session_state[_IS_READING] = False
    kept = _take_upload()
    chosen = _chosen() if kept else None
    if message := st.session_state.get(_ERROR):
        st.error(escaped(message), icon=":material/warning:")
    if is_reading():
        return None
    if chosen is None:
        _show_gallery()
        return None
    picked, preview = chosen
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width=PREVIEW_WIDTH):
            st.image(preview, width="stretch", alt=f"The picture {picked.title}")
        with st.container(width="content"):
            st.markdown(f"**{escaped(picked.title)}**")
            if picked.is_upload:
                st.button("Delete", key="explain_delete", on_click=_delete, args=(picked.id,))
            with st.popover("Other picture"):
                _show_gallery()
    return picked


def is_reading() -> bool:
    """Tell whether a chosen picture is still being read, which the page shows."""
    return bool(st.session_state.get(_IS_READING))


def _wait_for(work: Future[Any]) -> bool:
    """Return whether work on a picture is over; else show that, and look again soon."""
    beside.glance([work])
    if work.done():
        return True
    st.session_state[_IS_READING] = True

    @st.fragment(run_every=POLL)
    def watch() -> None:
        st.progress(0.0, text="Reading the picture …")
        if work.done():
            st.rerun()

    watch()
    return False


def _keep_upload() -> None:
    """Begin to keep what was just uploaded."""
    file = st.session_state.get(_UPLOAD)
    if file is not None:
        keeping = beside.PICTURES.submit(uploads.keep, file.getvalue(), file.name)
        st.session_state[_KEEPING] = file.name, keeping


def _take_upload() -> bool:
    """Make what was uploaded the choice once it is kept; return whether nothing is left to do."""
    if _KEEPING not in st.session_state:
        return True
    name, keeping = st.session_state[_KEEPING]
    if not _wait_for(keeping):
        return False
    del st.session_state[_KEEPING]
    try:
        image_id = keeping.result()
    except UsableError as error:
        st.query_params.pop(state.IMAGE, None)
        st.session_state[_ERROR] = str(error)
    else:
        st.session_state[f"title_{image_id}"] = name
        _take(image_id)
    return True


def _chosen() -> tuple[Chosen, bytes] | None:
    """Return the picture that the address names, with a small copy of it.

    A name that is unknown is said and dropped.
    """
    name = st.query_params.get(state.IMAGE)
    if not name:
        return None
    home = str(state.settings.home())
    reading = _reading(name, home)
    if not _wait_for(reading):
        return None
    try:
        image_id, preview = reading.result()
    except UsableError as error:
        st.warning(
            escaped(f"The picture of this link is not here. {error}"), icon=":material/search_off:"
        )
        return None
    shown = next((row.title for row in images.gallery() if row.name == name), None)
    title = shown or st.session_state.get(f"title_{name}") or uploads.title(name)
    return Chosen(image_id, title or "Your picture", is_upload=shown is None), preview


def _reading(name: str, home: str) -> Future[tuple[str, bytes]]:
    """Return the reading of a picture, once for all tabs; again where it failed or is deleted."""
    reading = _read_once(name, home)
    if reading.done() and (reading.exception() or not uploads.is_kept(reading.result()[0])):
        _read_once.clear(name, home)
    return _read_once(name, home)


@st.cache_resource(max_entries=64, show_spinner=False)
def _read_once(name: str, home: str) -> Future[tuple[str, bytes]]:
    del home  # part of the cache's key
    return beside.PICTURES.submit(_read, name)


def _read(name: str) -> tuple[str, bytes]:
    """Return the identity of a picture in the store of uploads, and a small copy of it.

    A photograph of the gallery is put there first.
    """
    row = next((row for row in images.gallery() if row.name == name), None)
    image_id = name
    if row is not None:
        image_id = uploads.keep(images.encode_png(np.asarray(row.open())), f"{row.title}.png")
    small, buffer = uploads.open_upload(image_id), io.BytesIO()
    small.thumbnail(PREVIEW)
    small.save(buffer, "JPEG", quality=90)  # so that no rerun has to
    return image_id, buffer.getvalue()


def _show_gallery() -> None:
    st.caption("Or take a photograph that is already here:")
    with st.container(horizontal=True):
        for row in images.gallery():
            with st.container(width=THUMBNAIL_WIDTH, horizontal_alignment="center"):
                st.image(thumbnail(row.name), width="stretch", alt=f"Photograph: {row.title}")
                st.button(row.title, key=f"gallery_{row.name}", on_click=_take, args=(row.name,))


def _take(name: str) -> None:
    st.session_state.pop(_ERROR, None)
    st.query_params.pop(state.EXPLAIN_TRUE, None)  # of the picture before
    st.query_params[state.IMAGE] = name


def _delete(image_id: str) -> None:
    st.query_params.pop(state.IMAGE, None)
    st.query_params.pop(state.EXPLAIN_TRUE, None)
    with errors_shown():
        uploads.delete(image_id)
