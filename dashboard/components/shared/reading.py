"""Questions of the lane that are watched until all are answered, such as pictures of a data set."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

import streamlit as st

from dashboard.components.shared import lane
from dashboard.components.shared.formats import errors_shown, escaped
from usable_core.evaluations.interactive import ImageRequest

POLL = 1.0  # s
# A warm model has its first answers within a second, of which a slow look would waste a half. Tabs
# that are left open look slowly.
SOON, SOON_ENDS = 0.25, 5.0  # s
_SINCE = "reading_since"  # the questions, and when they were first asked

Answers = Mapping[ImageRequest, lane.Asked]


def read(
    questions: Sequence[ImageRequest],
    show: Callable[[Answers], None],
    *,
    waiting: str = "Reading the pictures …",
    failed: str = "No pictures",
) -> None:
    """Ask, and show what is known again and again until all is answered.

    Args:
        questions: What is asked.
        show: Shows what is known of each question.
        waiting: Said above while one is not answered.
        failed: Said before the reason why one has no answer.
    """
    with errors_shown():
        is_open = not all(lane.ask_one(one).is_over for one in questions)
        is_soon = is_open and _age(questions) < SOON_ENDS
        poll = SOON if is_soon else POLL

        @st.fragment(run_every=poll if is_open else None)
        def look() -> None:
            answers = {one: lane.ask_one(one) for one in questions}
            is_over = all(asked.is_over for asked in answers.values())
            if (is_open and is_over) or (is_soon and _age(questions) >= SOON_ENDS):
                st.rerun()  # stops the timer, or has it go slowly
            if not is_over:
                st.caption(f":material/hourglass: {waiting}")
            errors = [asked.answer.error for asked in answers.values() if asked.is_over]
            for error in dict.fromkeys(filter(None, errors)):
                st.caption(escaped(f"{failed}: {error}"))
            show(answers)

        look()


def _age(questions: Sequence[ImageRequest]) -> float:
    """Return for how long these are the questions, in seconds."""
    asked, since = st.session_state.get(_SINCE, (None, 0.0))
    if asked != tuple(questions):
        since = monotonic()
        st.session_state[_SINCE] = tuple(questions), since
    return float(monotonic() - since)
