"""Where one model fails: the slices on which it is worse than elsewhere; each opens its errors."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.wrong_pictures import Found, choose_slice
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.once import once
from dashboard.components.shared.selection import choose_slice as select_slice
from usable_core.verdicts.slices import Slice, Slices, worst_of

HOW = (
    "Class, brightness, contrast, size, confidence and the data's own columns, alone and in pairs, "
    "each tested against the rest (Fisher) and corrected for the number searched (Holm). Intervals "
    "hold for all slices together."
)


def slices_section(found: Found, names: Sequence[str]) -> None:
    """Show the worst slices of one model, with a button that shows the errors of each."""
    place = 0
    if len(found) > 1:
        place = st.selectbox(
            "Model", range(len(found)), format_func=names.__getitem__, key=state.ACCURACY_SLICES
        )
    run, result = found[place]
    slices: Slices = once(worst_of, result)
    st.markdown(escaped(slices.sentence), help=HOW)
    for number, one in enumerate(slices.worst):
        left, middle, right = st.columns([5, 1, 1], vertical_alignment="center")
        left.markdown(f"- {escaped(one.sentence)}; p {one.p_text}")
        middle.button(
            "Select",
            key=f"select_slice_{run.id}_{number}",
            type="tertiary",
            icon=":material/filter_alt:",
            on_click=select_slice,
            args=(one.text,),
            help="Every page then shows these examples alone; name and save it in the sidebar.",
        )
        right.button(
            "Errors",
            key=f"slice_{run.id}_{number}",
            type="tertiary",
            icon=":material/imagesmode:",
            on_click=choose_slice,
            args=(one,),
        )
    st.caption(f"Searched: {escaped(', '.join(slices.columns))}.")


def slice_lines(slices: Sequence[Slice]) -> None:
    """List slices in words."""
    if slices:
        st.markdown("\n".join(f"- {escaped(one.sentence)}; p {one.p_text}" for one in slices))
