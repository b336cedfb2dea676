"""Choosing pictures: uploads, or real photographs of the gallery, one of which is shown.

The address holds the choice (`?image=NAME`, or the identity of an upload), so it survives a reload
and can be sent as a link; several uploads stand there too (`images=…`), to go through.
"""

import io
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

import numpy as np
import streamlit as st

from dashboard import link, memory, state, visitor
from dashboard.components.explain.gallery import thumbnail
from dashboard.components.shared import beside
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.names import picture_title
from usable_core import images, settings
from usable_core.errors import UsableError
from usable_core.runs import uploads

MAX_MEGABYTES = 50  # as much as images.decode takes
MOST_PICTURES = 24  # that are gone through; more are a data set
PREVIEW = (1600, 1600)  # pixels at most of what the page shows
THUMBNAIL_WIDTH = 132  # six photographs in a row beside the settings
POLL = 0.5  # s
IMAGES = "images"  # parameter of the address: several uploads
_UPLOAD, _ERROR = "explain_upload", "explain_image_error"
_KEEPING, _IS_READING = "explain_upload_keeping", "explain_image_reading"


@dataclass(frozen=True)
class Chosen:
    """The picture that the page works on.

    Attributes:
        id: Its identity in the store of uploads.
        title: As people call it.
        is_upload: The user brought it and can delete it.
        jpeg: As large as the page shows it.
    """

    id: str
    title: str
    is_upload: bool
    jpeg: bytes


def choose_image() -> Chosen | None:
    """Show what leads to pictures; return the chosen one, None while there is none."""
    st.session_state[_IS_READING] = False
    _recall()
    kept = _take_upload()
    chosen = _chosen() if kept else None
    if message := st.session_state.get(_ERROR):
        st.error(escaped(message), icon=":material/warning:")
    if is_reading():
        return None
    if chosen is None:
        st.info(
            "No picture yet: upload one, or several, or click a photograph.",
            icon=":material/image:",
        )
        _bring()
        return None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        _go_through(chosen)
        with st.popover("Other pictures", icon=":material/add_photo_alternate:"):
            _bring()
            if chosen.is_upload:
                st.button(
                    "Delete this picture",
                    key="explain_delete",
                    on_click=_delete,
                    args=(chosen.id,),
                    icon=":material/delete:",
                    disabled=visitor.read_only() is not None,
                    help=visitor.read_only(),
                )
    return chosen


def _recall() -> None:
    """Go on with the picture that was shown last in this tab, where the address names none."""
    kept, named = memory.of_tab(state.IMAGE), link.named()
    if kept and state.IMAGE not in named and state.has_arrived():
        st.query_params.from_dict(named | kept)
    kept.clear()
    kept.update({name: v for name, v in link.named().items() if name in (state.IMAGE, IMAGES)})


def is_reading() -> bool:
    """Tell whether a chosen picture is still being read, which the page shows."""
    return bool(st.session_state.get(_IS_READING))


def strip() -> list[str]:
    """Return the names of the pictures that are gone through: several uploads, or the gallery."""
    mine = st.query_params.get_all(IMAGES)[:MOST_PICTURES]
    here = st.query_params.get(state.IMAGE)
    for names in (mine, [row.name for row in images.gallery()]):
        if here in names:
            return names
    return []


def _go_through(chosen: Chosen) -> None:
    """Show the picture's title between the ways to the one before and the next."""
    names, here = strip(), st.query_params.get(state.IMAGE)
    at = names.index(here) if here in names else 0
    count = len(names)
    ways = (("before", "Previous", "chevron_left", -1), ("next", "Next", "chevron_right", 1))
    for name, words, icon, step in ways:
        st.button(
            f":material/{icon}:",
            key=f"explain_{name}",
            on_click=_take,
            args=(names[(at + step) % count] if count else here,),
            help=f"{words} picture (Ctrl + {'left' if step < 0 else 'right'} arrow)",
            shortcut=f"Ctrl+{'Left' if step < 0 else 'Right'}",
            disabled=count < 2,
        )
    where = f" :gray[{at + 1} of {count}]" if count > 1 else ""
    st.markdown(f"**{escaped(chosen.title)}**{where}", width="content")


def _bring() -> None:
    """Show the uploader and the gallery."""
    st.file_uploader(
        "Upload pictures",
        type=[*images.suffixes(), *images.HEIC_SUFFIXES],  # refused with how to save it
        key=_UPLOAD,
        on_change=_keep_upload,
        accept_multiple_files=True,
        max_upload_size=MAX_MEGABYTES,
        disabled=visitor.read_only() is not None,
        help=visitor.read_only()
        or "Kept on the machine that runs Usable, without their metadata and under names made "
        "of their content, until you delete them.",
    )
    st.caption("Or take a photograph that is already here:")
    with st.container(horizontal=True):
        for row in images.gallery():
            with st.container(width=THUMBNAIL_WIDTH, horizontal_alignment="center", gap="xsmall"):
                st.image(thumbnail(row.name), width="stretch", alt=f"Photograph: {row.title}")
                st.button(row.title, key=f"gallery_{row.name}", on_click=_take, args=(row.name,))


def _wait_for(work: Sequence[Future[Any]]) -> bool:
    """Return whether work on pictures is over; else show that, and look again soon."""
    beside.glance(work)
    if all(part.done() for part in work):
        return True
    st.session_state[_IS_READING] = True

    @st.fragment(run_every=POLL)
    def watch() -> None:
        words = "Reading the picture …" if len(work) == 1 else f"Reading {len(work)} pictures …"
        st.progress(sum(part.done() for part in work) / len(work), text=words)
        if all(part.done() for part in work):
            st.rerun()

    watch()
    return False


def _keep_upload() -> None:
    """Begin to keep what was just uploaded."""
    files = st.session_state.get(_UPLOAD) or []
    before: set[str] = st.session_state.setdefault(f"{_UPLOAD}_seen", set())
    new = [file for file in files if file.file_id not in before]
    before.update(file.file_id for file in new)
    if new:
        st.session_state[_KEEPING] = [
            (file.name, beside.PICTURES.submit(uploads.keep, file.getvalue(), file.name))
            for file in new
        ]


def _take_upload() -> bool:
    """Make what was uploaded the choice once it is kept; return whether nothing is left to do."""
    if _KEEPING not in st.session_state:
        return True
    keeping = st.session_state[_KEEPING]
    if not _wait_for([work for _, work in keeping]):
        return False
    del st.session_state[_KEEPING]
    kept, refused = [], []
    for name, work in keeping:
        try:
            kept.append(work.result())
        except UsableError as error:
            refused.append(str(error))
        else:
            st.session_state[f"title_{kept[-1]}"] = name
    if kept:
        mine = list(dict.fromkeys([*st.query_params.get_all(IMAGES), *kept]))
        _take(kept[0], mine)
    else:
        st.query_params.pop(state.IMAGE, None)
    if refused:
        st.session_state[_ERROR] = " ".join(refused)
    return True


def _chosen() -> Chosen | None:
    """Return the picture that the address names.

    A name that is unknown is said and dropped.
    """
    name = st.query_params.get(state.IMAGE)
    if not name:
        return None
    home = str(settings.home())
    reading = _reading(name, home)
    if not _wait_for([reading]):
        return None
    try:
        image_id, jpeg = reading.result()
    except UsableError as error:
        st.warning(
            escaped(f"The picture of this link is not here. {error}"), icon=":material/search_off:"
        )
        return None
    is_own = all(row.name != name for row in images.gallery())
    return Chosen(image_id, picture_title(name) or "Your picture", is_own, jpeg)


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
    """Return the identity of a picture in the store of uploads, and it as large as it is shown.

    A photograph of the gallery is put there first.
    """
    row = next((row for row in images.gallery() if row.name == name), None)
    image_id = name
    if row is not None:
        image_id = uploads.keep(images.encode_png(np.asarray(row.open())), f"{row.title}.png")
    shown, buffer = uploads.open_upload(image_id), io.BytesIO()
    shown.thumbnail(PREVIEW)
    shown.save(buffer, "JPEG", quality=92)  # so that no rerun has to
    return image_id, buffer.getvalue()


def _take(name: str, mine: Sequence[str] | None = None) -> None:
    """Show a picture; `mine` are from now on those that are gone through."""
    st.session_state.pop(_ERROR, None)
    address = {key: st.query_params.get_all(key) for key in st.query_params}
    address.pop(state.EXPLAIN_TRUE, None)  # of the picture before
    if mine is not None:
        address[IMAGES] = list(mine) if len(mine) > 1 else []
    address[state.IMAGE] = [name]
    st.query_params.from_dict(address)  # at once: one step of the browser's history


def _delete(image_id: str) -> None:
    """Delete an upload, and show the next of those that were gone through."""
    mine = [name for name in st.query_params.get_all(IMAGES) if name != image_id]
    if mine:
        _take(mine[0], mine)
    else:
        for key in (state.IMAGE, IMAGES, state.EXPLAIN_TRUE):
            st.query_params.pop(key, None)
    with errors_shown():
        uploads.delete(image_id)
