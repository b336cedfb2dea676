"""Small pictures as the browser shows them, each encoded once for all tabs and reruns."""

import io

import numpy as np
import streamlit as st
from PIL import Image

from usable_core.attacked_images import SHOWN, Picture, enlarged
from usable_core.images import decode


@st.cache_data(max_entries=256, show_spinner=False)
def enlarged_png(picture: bytes, width: int = SHOWN) -> bytes:
    """Return a picture file as PNG, every pixel a square, at least `width` wide."""
    return png_of(enlarged(np.asarray(decode(picture, "picture")), width))


def png_of(picture: Picture) -> bytes:
    """Return a picture (H, W, 3 or 4) as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
