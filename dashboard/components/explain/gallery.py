"""Thumbnails of the photographs that are shipped in installed packages."""

import io

import streamlit as st
from PIL import ImageOps

from dashboard import state
from dashboard.components.shared.formats import link
from usable_core.images import gallery

THUMBNAIL = (320, 220)  # pixels: sharp at five in a row on a wide screen


@st.cache_data(max_entries=32, show_spinner=False)
def thumbnail(name: str) -> bytes:
    """Return a gallery picture as a small JPEG, cut to the common shape."""
    picture = next(image for image in gallery() if image.name == name).open()
    buffer = io.BytesIO()
    ImageOps.fit(picture, THUMBNAIL).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def gallery_links(columns: int = 5) -> None:
    """Show the photographs, each with a link that opens it on the Explain page."""
    pictures = gallery()
    for start in range(0, len(pictures), columns):
        with st.container(key=f"tiles_gallery_{start}"):
            row = st.columns(columns)
        for column, picture in zip(row, pictures[start : start + columns], strict=False):
            with column, st.container(gap="xsmall"):
                st.image(thumbnail(picture.name), width="stretch", alt=picture.title)
                link("explain", picture.title, "image_search", {state.IMAGE: picture.name})
