"""Choosing one picture: an upload, or a real photograph of the gallery.

The address holds the choice (`?image=NAME`, or the identity of an upload), so it survives a reload
and can be sent as a link.
"""

from dataclasses import dataclass

import numpy as np
import streamlit as st
from PIL import Image

from dashboard import state
from dashboard.components.shared.formats import errors_shown, escaped
from usable_core import images
from usable_core.errors import UsableError
from usable_core.runs import uploads

MAX_MEGABYTES = 50  # as much as images.decode takes
THUMBNAIL, PREVIEW = 192, 480  # pixels of the longer side; shown at half, for dense screens
THUMBNAIL_WIDTH = 96
_UPLOAD, _ERROR = "explain_upload", "explain_image_error"
_PENDING, _SHOWN = "explain_upload_pending", "explain_image_shown"


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
    uploader, place = st.container(), st.empty()
    if _is_new():
        place.progress(0.0, text="Reading the picture …")  # at once: a photograph takes a second
    if st.session_state.pop(_PENDING, False):
        _keep_upload()
    chosen = _chosen()
    st.session_state[_SHOWN] = st.query_params.get(state.IMAGE)
    place.empty()
    uploader.file_uploader(
        "Upload a picture",
        type=images.suffixes(),
        key=_UPLOAD,
        on_change=_take_upload,
        max_upload_size=MAX_MEGABYTES,
        help="Kept on the machine that runs Usable, without its metadata and under a name made "
        "of its content, until you delete it.",
    )
    if message := st.session_state.get(_ERROR):
        st.error(escaped(message), icon=":material/warning:")
    if chosen is None:
        _show_gallery()
        return None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        preview = _preview(chosen.id, str(state.settings.home()))
        st.image(preview, width=160, alt=f"The picture {chosen.title}")
        with st.container(width="content"):
            st.markdown(f"**{escaped(chosen.title)}**")
            if chosen.is_upload:
                st.button("Delete", key="explain_delete", on_click=_delete, args=(chosen.id,))
            with st.popover("Other picture"):
                _show_gallery()
    return chosen


def _chosen() -> Chosen | None:
    """Return the picture that the address names; a name that is unknown is said and dropped."""
    name = st.query_params.get(state.IMAGE)
    if not name:
        return None
    try:
        if any(row.name == name for row in images.gallery()):
            title = next(row.title for row in images.gallery() if row.name == name)
            return Chosen(_kept(name, str(state.settings.home())), title, is_upload=False)
        _preview(name, str(state.settings.home()))  # raises where the address names no upload
        return Chosen(name, st.session_state.get(f"title_{name}", "Your picture"), is_upload=True)
    except UsableError as error:
        st.warning(
            escaped(f"The picture of this link is not here. {error}"), icon=":material/search_off:"
        )
        return None


@st.cache_data(max_entries=32, show_spinner=False)
def _kept(name: str, home: str) -> str:
    """Put a gallery picture into the store of uploads once and return its identity."""
    del home  # part of the cache's key
    row = next(row for row in images.gallery() if row.name == name)
    return uploads.keep(images.encode_png(np.asarray(row.open())), f"{name}.png")


@st.cache_data(max_entries=32, show_spinner=False)
def _thumbnail(name: str) -> Image.Image:
    """Return a small copy of a gallery picture."""
    return _smaller(next(row for row in images.gallery() if row.name == name).open(), THUMBNAIL)


@st.cache_data(max_entries=32, show_spinner=False)
def _preview(image_id: str, home: str) -> Image.Image:
    """Return a small copy of a stored picture; raises `UsableError` where there is none."""
    del home  # part of the cache's key
    return _smaller(uploads.open_upload(image_id), PREVIEW)


def _smaller(picture: Image.Image, side: int) -> Image.Image:
    picture.thumbnail((side, side))
    return picture


def _show_gallery() -> None:
    st.caption("Or take a photograph that is already here:")
    with st.container(horizontal=True):
        for row in images.gallery():
            with st.container(width=THUMBNAIL_WIDTH + 24, horizontal_alignment="center"):
                st.image(
                    _thumbnail(row.name), width=THUMBNAIL_WIDTH, alt=f"Photograph: {row.title}"
                )
                st.button(row.title, key=f"gallery_{row.name}", on_click=_take, args=(row.name,))


def _take(name: str) -> None:
    st.session_state.pop(_ERROR, None)
    st.query_params.pop(state.EXPLAIN_TRUE, None)  # of the picture before
    st.query_params[state.IMAGE] = name


def _take_upload() -> None:
    st.session_state[_PENDING] = True


def _is_new() -> bool:
    """Tell whether the picture is another one than was shown last."""
    name = st.query_params.get(state.IMAGE)
    is_other = bool(name) and name != st.session_state.get(_SHOWN)
    return is_other or bool(st.session_state.get(_PENDING))


def _keep_upload() -> None:
    file = st.session_state.get(_UPLOAD)
    if file is None:
        return
    try:
        image_id = uploads.keep(file.getvalue(), file.name)
    except UsableError as error:
        st.query_params.pop(state.IMAGE, None)
        st.session_state[_ERROR] = str(error)
        return
    st.session_state[f"title_{image_id}"] = file.name
    _take(image_id)


def _delete(image_id: str) -> None:
    st.query_params.pop(state.IMAGE, None)
    st.query_params.pop(state.EXPLAIN_TRUE, None)
    _preview.clear()
    with errors_shown():
        uploads.delete(image_id)
