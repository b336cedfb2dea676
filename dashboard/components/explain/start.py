"""When work begins: by itself where a picture comes to settings as they are, else by the button.

What is shown is of the settings at the last start; changing them asks nothing until the button,
which says how long it will take. Another picture is explained at once, as the last one was.
"""

from dataclasses import replace

import streamlit as st

from dashboard.components.explain.questions import Questions
from dashboard.components.measure.estimate import speed_here
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.opening import holds_back
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.robustness_cost import Speed, Work, seconds, spoken

START = "explain_start"
POLL = "1s"
_ATTACK_PASSES = 40  # of `measuring.fragility`: twenty steps, and the descent
_STARTED = "explain_started"  # the settings that were started last


def started(wanted: Questions) -> Questions:
    """Show the button where there is something to start; return what is asked."""
    before: Questions | None = st.session_state.get(_STARTED)
    if before is None or _is_known(before, wanted):
        before = wanted
    is_changed = before.settings() != wanted.settings()
    if is_changed and st.button(
        "Explain",
        key=START,
        type="primary",
        icon=":material/play_arrow:",
        width="stretch",
        help="What is shown is of the settings before.",
    ):
        before, is_changed = wanted, False
    if not holds_back():  # else the rest of the link is part of it
        st.session_state[_STARTED] = before
    if is_changed:
        _estimate(wanted)
    picture = {"image": wanted.image, "title": wanted.title, "true": wanted.true}
    return replace(before, **picture, jpeg=wanted.jpeg)


def _is_known(before: Questions, wanted: Questions) -> bool:
    """Tell whether other settings ask nothing more: maps less, or a name of the same."""
    same = replace(before, image=wanted.image)
    return set(wanted.all()) <= set(same.all())


def _estimate(wanted: Questions) -> None:
    """Say how long it will take; measure the speed of backbones where it is unknown."""
    is_open = any(speed_here(model) is None for model in wanted.titles)

    @st.fragment(run_every=POLL if is_open else None)
    def watch() -> None:
        speeds = {model: speed_here(model) for model in wanted.titles}
        if None in speeds.values():
            st.caption(":material/timer: Timing the backbones on this machine …")
            return
        known = {model: s for model, s in speeds.items() if isinstance(s, Speed)}
        for failure in dict.fromkeys(s for s in speeds.values() if isinstance(s, str)):
            st.caption(f"No estimate: {escaped(failure)}")
        if len(known) == len(speeds):
            spans = [seconds(_work(wanted), s) for s in known.values()]
            low, high = (sum(span[end] for span in spans) for end in (0, 1))
            st.caption(
                f":material/timer: **Estimate: {spoken((low, high))}**",
                help="At most, from the time of a pass of each backbone on this machine; what was "
                "asked before is there at once.",
            )
        if is_open:
            st.rerun()  # stops the timer

    watch()


def _work(wanted: Questions) -> Work:
    """Return what one backbone is asked for one picture, at most."""
    work = Work(forward=1, gradient=_ATTACK_PASSES if wanted.has_attack else 0)
    for method in wanted.methods:
        row = EXPLAINERS[method]
        passes = row.most_evaluations or wanted.options.evaluations
        work += Work(gradient=passes) if row.needs_gradients else Work(forward=passes)
    return work
