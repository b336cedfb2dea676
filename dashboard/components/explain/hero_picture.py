"""The picture as it was brought, cut to what a model sees of it."""

import io

import streamlit as st
from PIL import Image

SHOWN = (900, 900)  # pixels at most: sharp where two stand side by side on a dense screen
WHOLE = (0.0, 0.0, 1.0, 1.0)


@st.cache_data(max_entries=64, show_spinner=False)
def as_seen(
    _jpeg: bytes, image: str, seen: tuple[float, float, float, float] | None = None
) -> bytes:
    """Return the part of a picture that a model saw, JPEG; padding is black, as for the model.

    Args:
        _jpeg: The picture; empty returns nothing.
        image: Its identity.
        seen: Left, top, right and bottom as shares of width and height; None is all of it.
    """
    del image  # the cache's key
    if not _jpeg:
        return b""
    picture, buffer = Image.open(io.BytesIO(_jpeg)), io.BytesIO()
    left, top, right, bottom = seen or WHOLE
    width, height = picture.size
    box = round(left * width), round(top * height), round(right * width), round(bottom * height)
    part = picture.crop(box)
    part.thumbnail(SHOWN)
    part.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
