"""Small pictures as the browser shows them, each encoded once for all tabs and reruns."""

import io

import numpy as np
import streamlit as st
from PIL import Image

from usable_core.attacked_images import SHOWN, Picture, enlarged
from usable_core.images import decode
from usable_core.plots import heatmap

MAP_OPACITY = 0.8


@st.cache_data(max_entries=256, show_spinner=False)
def enlarged_png(picture: bytes, width: int = SHOWN) -> bytes:
    """Return a picture file as PNG, every pixel a square, at least `width` wide."""
    return png_of(enlarged(np.asarray(decode(picture, "picture")), width))


def png_of(picture: Picture) -> bytes:
    """Return a picture (H, W, 3 or 4) as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def with_map(picture: bytes, values: np.ndarray, width: int = SHOWN) -> Picture:
    """Return a picture file with its map (H, W) over it, at least `width` wide."""
    seen = np.asarray(decode(picture, "picture"))
    blended = heatmap.blend(seen, values, heatmap.colour_limit(values), MAP_OPACITY)
    return enlarged(blended, width)
