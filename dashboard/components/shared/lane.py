"""Asking the interactive lane about one image: each question once, withdrawn when not wanted.

What a session asked is remembered in its state, so a rerun of the page asks nothing twice. Answers
are stored by the lane under their content, so another session or a reload finds them at once.
Questions are put and withdrawn beside the script (see `beside`): each is two files on the disk.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Lock
from weakref import WeakSet

import streamlit as st

from dashboard.components.shared import beside
from dashboard.components.shared.formats import errors_shown
from usable_core.errors import Cancelled
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.jobs import interactive

MOST_OTHERS = 200  # questions of one tab, beside the picture's
WAITING_SECONDS = 5.0  # a tab that looked before is closed, or shows something else
_ASKED = "explain_asked"
_NO_KEY = "0" * 24  # of a question that the lane does not have yet; nothing lies under it


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
        return self.answer.state in interactive.FINAL

    @property
    def has_map(self) -> bool:
        """Whether there is a map, be it one that was not finished."""
        return self.answer.state in ("coarse", "done") or self.explanation.evaluations > 0

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody stopped it."""
        return self.answer.state == "failed" and "cancel" in (self.answer.error or "").lower()


Board = Mapping[ImageRequest, Asked]


@dataclass(eq=False)
class _Questions:
    """What one session wants to know, and the lane's names for it: of a picture, and beside it."""

    of_picture: dict[ImageRequest, Future[str]] = field(default_factory=dict)
    others: dict[ImageRequest, Future[str]] = field(default_factory=dict)
    is_stopped: bool = False
    looked: float = 0.0

    def holds(self, request: ImageRequest) -> bool:
        """Tell whether a tab waits for the answer to a question: it would look every second."""
        if time.monotonic() - self.looked > WAITING_SECONDS:
            return False
        return request in self.others or (request in self.of_picture and not self.is_stopped)


_sessions: WeakSet[_Questions] = WeakSet()
_sessions_lock = Lock()


def warm_up() -> None:
    """Have the lane's worker start, for questions that are likely to come."""
    beside.LANE.submit(interactive.ensure_worker)


def ask(requests: Iterable[ImageRequest]) -> dict[ImageRequest, Asked]:
    """Ask what was not asked yet, and return what is known of each question now.

    What was asked before and is not wanted any more is withdrawn. A request that the lane refuses
    is left out and its reason shown.
    """
    mine, wanted = _mine(), list(dict.fromkeys(requests))
    asked = mine.of_picture
    mine.is_stopped = mine.is_stopped and set(wanted) <= set(asked)
    old = [request for request in asked if request not in set(wanted)]
    begun: list[Future[str] | Future[None]] = [_withdraw(r, asked.pop(r)) for r in old]
    begun += [_put(request, asked) for request in wanted if request not in asked]
    if begun:
        beside.glance(begun)
    refused = {}
    for request in wanted:
        if (error := _refusal(asked[request])) is not None:
            refused[str(error)] = error
            del asked[request]
    for error in refused.values():
        with errors_shown():
            raise error
    known = [request for request in wanted if request in asked]
    return {r: _look(r, asked[r], is_stopped=mine.is_stopped) for r in known}


def ask_one(request: ImageRequest) -> Asked:
    """Ask one question, once per session; it stays whatever else is asked.

    Raises:
        UsableError: the lane refuses it.
    """
    others = _mine().others
    if request not in others:
        beside.glance([_put(request, others)])
        while len(others) > MOST_OTHERS:  # what is shown again is asked again, and answered at once
            del others[next(iter(others))]
    if (error := _refusal(others[request])) is not None:
        del others[request]
        raise error
    return _look(request, others[request])


def ask_again(requests: Iterable[ImageRequest]) -> None:
    """Ask once more at the next run of the page."""
    mine = _mine()
    for request in requests:
        mine.of_picture.pop(request, None)
    mine.is_stopped = False


def forget(request: ImageRequest) -> None:
    """Ask a question that was asked beside the picture's anew, at the next run of the page."""
    _mine().others.pop(request, None)


def withdraw(request: ImageRequest) -> None:
    """Withdraw a question that was asked beside the picture's, unless it is answered."""
    question = _mine().others.pop(request, None)
    if question is not None:
        beside.glance([_withdraw(request, question)])


def stop() -> None:
    """Withdraw all questions about the picture that are not answered."""
    mine = _mine()
    mine.is_stopped = True
    beside.glance([_withdraw(*asked) for asked in mine.of_picture.items()])


def is_stopped() -> bool:
    """Tell whether the user stopped the questions that are on the page."""
    return _mine().is_stopped


def _mine() -> _Questions:
    """Return what this session asked."""
    if _ASKED not in st.session_state:
        st.session_state[_ASKED] = _Questions()
        with _sessions_lock:
            _sessions.add(st.session_state[_ASKED])
    mine: _Questions = st.session_state[_ASKED]
    mine.looked = time.monotonic()
    return mine


def _put(request: ImageRequest, asked: dict[ImageRequest, Future[str]]) -> Future[str]:
    """Ask beside the script."""
    asked[request] = beside.LANE.submit(interactive.submit, request)
    return asked[request]


def _refusal(question: Future[str]) -> BaseException | None:
    """Return why a question could not be put; None where it could, or is being put."""
    return question.exception() if question.done() and not question.cancelled() else None


def _look(request: ImageRequest, question: Future[str], *, is_stopped: bool = False) -> Asked:
    """Return what is known of a question."""
    key, answer = _NO_KEY, Answer("waiting")
    if question.done() and not question.cancelled() and question.exception() is None:
        key = question.result()
        answer = interactive.poll(key)
    if is_stopped and answer.state not in interactive.FINAL:
        answer = replace(answer, state="failed", error=str(Cancelled()))
    return Asked(request, key, answer)


def _withdraw(request: ImageRequest, question: Future[str]) -> Future[None]:
    """Withdraw a question beside the script."""
    question.cancel()  # it may not even be put yet
    return beside.LANE.submit(_withdraw_now, request, question)


def _withdraw_now(request: ImageRequest, question: Future[str]) -> None:
    """Withdraw a question unless it is answered, or another tab waits for its answer too."""
    with _sessions_lock:
        is_wanted = any(session.holds(request) for session in _sessions)
    if is_wanted or question.cancelled() or question.exception() is not None:
        return
    if interactive.poll(question.result()).state not in interactive.FINAL:
        interactive.cancel(question.result())
