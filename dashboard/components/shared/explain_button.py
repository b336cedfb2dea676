"""Opening a picture that another page shows on the Explain page."""

import numpy as np
import streamlit as st
from PIL import Image

from dashboard import state
from dashboard.components.shared.formats import errors_shown
from usable_core import images
from usable_core.runs import uploads


def explain_button(
    picture: Image.Image | np.ndarray | bytes,
    label: str,
    *,
    model: str,
    name: str,
    key: str,
    true: str | None = None,
    methods: tuple[str, ...] = (),
) -> None:
    """Show a button that keeps a picture among the uploads and opens it on the Explain page.

    Args:
        picture: RGB pixels, or a PNG file.
        label: Of the button.
        model: Reference of the backbone that is asked.
        name: What the picture is called.
        key: Of the button.
        true: Its true class, where that is known.
        methods: Those that are asked; none leaves the page's own.
    """
    if not st.button(label, key=key, type="tertiary", icon=":material/image_search:"):
        return
    with errors_shown():
        data = picture if isinstance(picture, bytes) else images.encode_png(np.asarray(picture))
        image_id = uploads.keep(data, f"{name}.png")
        st.session_state[f"title_{image_id}"] = name
        known = {state.EXPLAIN_TRUE: true} if true else {}
        chosen = {state.EXPLAIN_METHODS: list(methods)} if methods else {}
        st.switch_page(
            state.page_file("explain"),
            query_params={state.IMAGE: image_id, state.MODELS: [model], **known, **chosen},
        )
