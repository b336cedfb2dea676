"""Opening a picture that another page shows on the Explain page."""

from collections.abc import Callable, Mapping

import numpy as np
import streamlit as st

from dashboard import state, visitor
from dashboard.components.shared.formats import errors_shown
from usable_core import images
from usable_core.runs import uploads


def explain_button(
    picture: Callable[[], np.ndarray] | bytes,
    label: str,
    asked: Mapping[str, str | list[str]],
    *,
    name: str,
    key: str,
) -> None:
    """Show a button that keeps a picture among the uploads and opens it on the Explain page.

    Args:
        picture: A PNG file, or what reads the RGB pixels once the button is pressed.
        label: Of the button.
        asked: The page's address: backbones, true class and methods, as far as they are said.
        name: What the picture is called.
        key: Of the button.
    """
    is_pressed = st.button(
        label,
        key=key,
        type="tertiary",
        icon=":material/image_search:",
        disabled=visitor.read_only() is not None,
        help=visitor.read_only(),
    )
    if not is_pressed:
        return
    with errors_shown():
        data = picture if isinstance(picture, bytes) else images.encode_png(picture())
        image_id = uploads.keep(data, f"{name}.png")
        st.session_state[f"title_{image_id}"] = name
        st.switch_page(state.page_file("explain"), query_params={state.IMAGE: image_id, **asked})
