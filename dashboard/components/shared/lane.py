"""Asking the interactive lane about one image: each question once, withdrawn when not wanted.

What a session asked is remembered in its state, so a rerun of the page asks nothing twice. Answers
are stored by the lane under their content, so another session or a reload finds them at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import streamlit as st

from dashboard.components.shared.formats import errors_shown
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.jobs import interactive

_ASKED, _STOPPED = "explain_asked", "explain_stopped"


@dataclass(frozen=True)
class Asked:
    """A question, the lane's name for it, and what is known so far."""

    request: ImageRequest
    key: str
    answer: Answer

    @property
    def explanation(self) -> Explanation:
        """What is known of the picture, without its arrays."""
        return self.answer.explanation

    @property
    def is_over(self) -> bool:
        """Whether the answer is final."""
        return self.answer.state in ("done", "failed")

    @property
    def has_map(self) -> bool:
        """Whether there is a map, be it one that was not finished."""
        return self.answer.state in ("coarse", "done") or self.explanation.evaluations > 0

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody stopped it."""
        return self.answer.state == "failed" and "cancel" in (self.answer.error or "").lower()


Board = Mapping[ImageRequest, Asked]


def ask(requests: Iterable[ImageRequest]) -> dict[ImageRequest, Asked]:
    """Ask what was not asked yet, and return what is known of each question now.

    What was asked before and is not wanted any more is withdrawn. A request that the lane refuses
    is left out and its reason shown.
    """
    wanted = list(dict.fromkeys(requests))
    asked: dict[ImageRequest, str] = st.session_state.setdefault(_ASKED, {})
    if not set(wanted) <= set(asked):
        st.session_state[_STOPPED] = False
    for old in [request for request in asked if request not in set(wanted)]:
        _withdraw(asked.pop(old))
    with errors_shown():
        for request in wanted:
            if request not in asked:
                asked[request] = interactive.submit(request)
    return {r: Asked(r, asked[r], interactive.poll(asked[r])) for r in wanted if r in asked}


def is_new(requests: Iterable[ImageRequest]) -> bool:
    """Tell whether one of these was not asked yet."""
    return not set(requests) <= set(st.session_state.get(_ASKED, {}))


def ask_again(requests: Iterable[ImageRequest]) -> None:
    """Ask once more at the next run of the page."""
    for request in requests:
        st.session_state[_ASKED].pop(request, None)
    st.session_state[_STOPPED] = False


def stop(keys: Iterable[str]) -> None:
    """Withdraw all questions that are not answered."""
    for key in keys:
        _withdraw(key)
    st.session_state[_STOPPED] = True


def is_stopped() -> bool:
    """Tell whether the user stopped the questions that are on the page."""
    return bool(st.session_state.get(_STOPPED))


def _withdraw(key: str) -> None:
    if interactive.poll(key).state not in ("done", "failed"):
        interactive.cancel(key)
