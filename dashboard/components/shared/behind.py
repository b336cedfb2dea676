"""Examples behind every figure: a click on a point, or a choice, opens them below it."""

from collections.abc import Callable, Mapping
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from dashboard.components.shared.formats import escaped, forget_unless
from dashboard.components.shared.metrics import clicked_point, figure


@st.fragment
def behind(
    plot: go.Figure,
    places: Mapping[str, str],
    show: Callable[[str], None],
    *,
    key: str,
    alt: str,
    otherwise: Callable[[], None] | None = None,
) -> None:
    """Show a figure and, below it, the pictures behind the place that is chosen in it.

    Who clicks nothing, such as on a keyboard, chooses by name.

    Args:
        plot: Each point that can be clicked names its place last in its `customdata`.
        places: What can be chosen, each with its words.
        show: Shows the examples behind a place.
        key: Of the figure.
        alt: The figure in words.
        otherwise: Shows what stands there while no place is chosen.
    """
    chosen = chosen_key(key)
    forget_unless(chosen, places)
    figure(plot, key=key, alt=alt, on_click=partial(_take, key, places))
    if st.session_state.pop(f"{key}_clicked", False):  # said here: a callback must show nothing
        words = escaped(places[st.session_state[chosen]])
        st.toast(f"Examples shown: {words}", icon=":material/visibility:")
    place = st.selectbox(
        "Examples behind",
        list(places),
        index=None,
        key=chosen,
        format_func=lambda one: places[one],
        placeholder="Click in the figure, or choose here",
    )
    if place is not None:
        show(place)
    elif otherwise is not None:
        otherwise()


def chosen_key(key: str) -> str:
    """Return the key of the place that is chosen in a figure."""
    return f"{key}_behind"


def _take(key: str, places: Mapping[str, str]) -> None:
    """Choose the place of the clicked point."""
    point = clicked_point(key)
    place = point["customdata"][-1] if point and point["customdata"] else None
    if place in places:
        st.session_state[chosen_key(key)] = place
        st.session_state[f"{key}_clicked"] = True
