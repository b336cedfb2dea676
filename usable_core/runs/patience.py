"""How long a statement waits for a database server that is away: it depends on who asks.

A page and a command wait a moment, then say so. The process of a run has hours of work to lose, so
it outwaits a server that is started again.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

from usable_core.errors import ServerAway, StoreUnusable

Answer = TypeVar("Answer")
BRIEF = 3.0  # s
LASTING = 600.0  # s; as long a silence makes a run of another machine LOST
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # s, doubled from one attempt to the next
_LONGEST_REST = 30.0  # s
# s in which who is brief is told at once what the one before has waited for: a page asks often.
_TOLD_AGAIN = 2.0

_given_up: dict[str, tuple[float, str]] = {}  # per database
_seconds = ContextVar("patience", default=BRIEF)
log = logging.getLogger(__name__)


@contextmanager
def patience(seconds: float) -> Iterator[None]:
    """Let the statements of the block wait so long for a server that is away."""
    before = _seconds.set(seconds)
    try:
        yield
    finally:
        _seconds.reset(before)


def patiently(place: str, attempt: Callable[[], Answer]) -> Answer:
    """Return what `attempt` returns, made again while the server is away.

    Args:
        place: What people call the database.
        attempt: Asks it once.

    Raises:
        ServerAway: it still is when the patience is at its end.
    """
    began, seconds, pause = time.monotonic(), _seconds.get(), _FIRST_PAUSE
    moment, sentence = _given_up.get(place, (-_TOLD_AGAIN, ""))
    if seconds == BRIEF and began - moment < _TOLD_AGAIN:
        raise ServerAway(sentence)
    while True:
        try:
            answer = attempt()
            _given_up.pop(place, None)
            return answer
        except ServerAway as error:
            if time.monotonic() + pause > began + seconds:
                if seconds == BRIEF:
                    _given_up[place] = time.monotonic(), str(error)
                raise
            if pause == _FIRST_PAUSE and seconds > BRIEF:
                log.warning("Waiting for the server, %.0f s at most. %s", seconds, error)
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


class Sparing:
    """Attempts that cost nothing when they fail: after each failure a longer rest is taken."""

    def __init__(self, what: str) -> None:
        self._what, self._failures, self._rests_until = what, 0, 0.0

    def attempt(self, do: Callable[[], Answer], otherwise: Answer) -> Answer:
        """Return what `do` returns, or `otherwise` during a rest and where the store fails."""
        if time.monotonic() < self._rests_until:
            return otherwise
        try:
            with patience(0.0):
                found = do()
        except StoreUnusable as error:
            rest = min(0.5 * 2**self._failures, _LONGEST_REST)
            self._rests_until = time.monotonic() + rest
            self._failures += 1
            log.warning("%s, again tried in %g s. %s", self._what, rest, error)
            return otherwise
        self._failures = 0
        return found
