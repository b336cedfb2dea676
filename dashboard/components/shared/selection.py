"""What is looked at on every page beside models and data: a slice of the examples, and one ε.

Both stand in the address: the slice in words, so that a link needs no saved name.
"""

from collections.abc import Sequence

import streamlit as st

from dashboard import state, visitor
from dashboard.components.shared.formats import errors_shown, escaped
from usable_core import saved_slices
from usable_core.errors import UsableError
from usable_core.evaluations.epsilon import epsilon_label, number

EPSILONS = ("1/255", "2/255", "4/255", "8/255", "16/255")
_REFUSED = "slice_refused"


def read() -> None:
    """Take slice and ε from the address; call it before the page."""
    for key in (state.SLICE, state.EPSILON):
        state.read_address(key, [""])


def chosen_slice() -> str:
    """Return the chosen slice in words; empty for all examples, or where it means none."""
    text = str(st.session_state.get(state.SLICE) or "")
    try:
        return saved_slices.meant(text) if text else ""
    except UsableError:
        return ""  # the sidebar says it


def chosen_epsilon() -> float | None:
    """Return the chosen ε; None where each page has its own."""
    text = str(st.session_state.get(state.EPSILON) or "")
    try:
        return number(text) if text else None
    except UsableError:
        return None


def controls() -> None:
    """Ask for slice and ε, and offer to save or delete the slice."""
    names = {one.text: one.name for one in saved_slices.saved()}
    shown = st.session_state.get(state.SLICE) or ""
    shown = st.selectbox(
        "Slice",
        list(dict.fromkeys(["", *names, shown])),
        key=state.SLICE,
        accept_new_options=True,
        format_func=lambda text: names.get(text, text) if text else "All examples",
        help="Restricts every page to the examples of which this holds: choose a saved one, or "
        "type it, such as `class dog and brightness below 0.2` or `camera is north`, and press "
        "Enter. A slice that a search found is chosen on Accuracy, under Where it fails.",
    )
    with errors_shown():
        text = saved_slices.meant(shown) if shown else ""
        state.write_address(state.SLICE, [text] if text else [])
        if text:
            _keeping(text, names.get(text))
    typed = st.session_state.get(state.EPSILON) or ""
    typed = st.selectbox(
        "ε",
        list(dict.fromkeys(["", *EPSILONS, typed])),
        key=state.EPSILON,
        accept_new_options=True,
        format_func=lambda text: text or "Each page's own",
        help="The size of change at which numbers and pictures under attack are shown: one of "
        "these, or a number or fraction that you type.",
    )
    with errors_shown():
        if typed:
            number(typed)
    state.write_address(state.EPSILON, [typed] if typed else [])


def choose_slice(text: str) -> None:
    """Have every page look at a slice, within the one that is chosen already."""
    state.restore(state.SLICE, [" and ".join(filter(None, (chosen_slice(), text)))])


def nearest(key: str, epsilons: Sequence[float]) -> int | None:
    """Return the place of the ε that a page should show now; None where it keeps its own.

    It follows a change of the choice once, so that a page's own slider can be moved afterwards.

    Args:
        key: Of the page's own widget.
        epsilons: What was measured.
    """
    wanted, last = chosen_epsilon(), f"{key}_followed"
    now = (wanted, tuple(epsilons))
    if wanted is None or not epsilons or st.session_state.get(last) == now:
        return None
    st.session_state[last] = now
    return closest(epsilons, wanted)


def closest(epsilons: Sequence[float], wanted: float) -> int:
    """Return the place of the measured ε that is closest to one."""
    return min(range(len(epsilons)), key=lambda place: abs(epsilons[place] - wanted))


def not_measured(epsilons: Sequence[float]) -> None:
    """Say where the chosen ε was not measured."""
    wanted = chosen_epsilon()
    if wanted is not None and epsilons and min(abs(e - wanted) for e in epsilons) > 1e-9:
        st.caption(f"ε = {epsilon_label(wanted)} was not measured here: the nearest is shown.")


def _keeping(text: str, name: str | None) -> None:
    """Offer to save the chosen slice under a name, or to delete the saved one."""
    if message := st.session_state.pop(_REFUSED, None):
        st.error(escaped(message), icon=":material/warning:")
    if name is not None:
        st.button(
            "Delete this slice",
            key="slice_delete",
            on_click=_delete,
            args=(name,),
            type="tertiary",
            disabled=visitor.read_only() is not None,
            help=visitor.read_only(),
        )
        return
    with st.popover(
        "Save this slice",
        icon=":material/bookmark_add:",
        disabled=visitor.read_only() is not None,
        help=visitor.read_only(),
    ):
        st.caption(escaped(text))
        st.text_input("Name", key=state.SLICE_NAME, max_chars=saved_slices.LONGEST_NAME)
        st.button("Save", key="slice_save", on_click=_save, args=(text,))


def _save(text: str) -> None:
    try:
        saved_slices.save(st.session_state.get(state.SLICE_NAME) or "", text)
    except UsableError as error:
        st.session_state[_REFUSED] = str(error)


def _delete(name: str) -> None:
    try:
        saved_slices.delete(name)
    except UsableError as error:
        st.session_state[_REFUSED] = str(error)
