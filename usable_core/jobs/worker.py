"""The warm process behind the interactive lane: one at a time, with its models kept in memory.

Order: predictions, maps that have no coarse answer yet, smallest changes, refinements of maps,
evidence, drift. An answer under way gives way (at `publish`) to a question that comes before it in
this order, a few times at most.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from usable_core import files
from usable_core.catalog import implementation
from usable_core.errors import Cancelled, UsableError
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.jobs import interactive as lane
from usable_core.records import MALFORMED, from_json
from usable_core.runs import uploads

ANSWER = "usable_core.measuring.interactive:answer"
ANSWERED_BY = {  # by others than `ANSWER`
    "augmented": "usable_core.training.rehearsal:answer",
    "rehearsal": "usable_core.training.rehearsal:answer",
    "worst": "usable_core.measuring.worst:answer",
}
IDLE_SECONDS = 15 * 60.0
POLL_SECONDS = 0.05
TAKE_SECONDS = 3.0  # how long to try for the lock: a look at it also holds it for an instant
MAX_DEATHS = 2  # of workers over one question
MAX_POSTPONED = 2
# Long work that goes on where it was; a picture that is uploaded meanwhile should not wait for it.
MAX_POSTPONED_OF = {"evidence": 10, "drift": 10}
RANKS = {
    "known": 0,
    "trial": 0,
    "predict": 0,
    "examples": 0,
    "hide": 0,
    "explain": 1,
    "time": 1,
    "augmented": 1,
    "attack": 2,
    "export": 2,
    "worst": 2,
    "rehearsal": 4,
    "evidence": 4,
    "drift": 5,
}
REFINEMENT = 3  # of a map whose coarse form is there
SIZE_CAP = 2 * 2**30  # bytes of answers
PRUNE_SECONDS = 600.0

log = logging.getLogger(__name__)


class Postponed(Cancelled):
    """A question of higher rank came; this one is asked again later."""


def serve(*, idle_seconds: float = IDLE_SECONDS, dotted: str = ANSWER) -> None:
    """Answer questions until none came for a while, or the folder is gone.

    Args:
        idle_seconds: How long to wait for a question.
        dotted: Name of the function `(request, models, image, folder, publish)`; its module has
            `ModelCache`, and perhaps `warm_up() -> Iterator[None]`, of which steps are taken when
            nobody waits.
    """
    lock = FileLock(lane.lane() / "worker.lock")
    try:
        held = lock.acquire(timeout=TAKE_SECONDS, poll_interval=POLL_SECONDS)
    except Timeout:  # another worker lives
        return
    with held:
        _serve(idle_seconds, dotted)


def _serve(idle_seconds: float, dotted: str) -> None:
    module, _, name = dotted.partition(":")
    answering = import_module(module)
    function, models = getattr(answering, name), answering.ModelCache()
    warming = _WarmUp(iter(getattr(answering, "warm_up", tuple)()))
    last_asked, last_pruned = time.monotonic(), -PRUNE_SECONDS
    while time.monotonic() - last_asked < idle_seconds and lane.lane().is_dir():
        waiting = _waiting()
        if waiting:
            _answer(waiting[0], function, models)
            last_asked = time.monotonic()
            continue
        warming.go_on()
        if warming.is_over and time.monotonic() - last_pruned > PRUNE_SECONDS:
            lane.prune(SIZE_CAP)
            last_pruned = time.monotonic()
        time.sleep(POLL_SECONDS)
    warming.wait()


class _WarmUp:
    """Steps of a warm-up, begun when nobody waits, and beside whoever asks meanwhile.

    A step takes seconds where it imports libraries: too long to wait for, and it lets other threads
    run.
    """

    def __init__(self, steps: Iterator[None]) -> None:
        self._steps = steps
        self._thread: threading.Thread | None = None
        self.is_over = False

    def go_on(self) -> None:
        """Begin the next step, unless one is under way or all are over."""
        if not self.is_over and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._step, name="warm-up", daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait for the step under way: a process that ends inside an import may crash."""
        if self._thread is not None:
            self._thread.join()

    def _step(self) -> None:
        try:
            next(self._steps)
        except StopIteration:
            self.is_over = True
        except Exception:  # the first question then waits for it, or fails by its own sentence
            log.exception("The warm-up failed")
            self.is_over = True


def _waiting() -> list[str]:
    """Return the keys of all requests, first the one to answer next."""
    ranked = []
    for path in (lane.lane() / "requests").glob("*.json"):
        with suppress(OSError, *MALFORMED):  # withdrawn meanwhile, or none of ours
            ranked.append((*_rank(_read(path)), path.stem))
    return [key for *_, key in sorted(ranked)]


def _rank(stored: dict[str, Any]) -> tuple[int, float]:
    kind = stored["request"]["kind"]
    is_refined = kind == "explain" and stored.get("is_coarse")
    return (REFINEMENT if is_refined else RANKS[kind]), stored["created"]


def _read(path: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return stored


def _answer(key: str, function: Callable[..., None], models: object) -> None:
    """Answer one question, or say why not; nothing that goes wrong ends the worker."""
    path = lane.request_path(key)
    try:
        stored = _read(path)
    except (OSError, ValueError):
        return
    publisher = _Publisher(key, stored)
    try:
        if stored["attempts"] >= MAX_DEATHS:
            raise UsableError(
                "The process that answers died over this question, perhaps for lack of memory. "
                "Choose a smaller model, or fewer evaluations."
            )
        publisher.store(attempts=stored["attempts"] + 1)
        request = from_json(ImageRequest, stored["request"])
        image = uploads.open_upload(request.image) if request.has_image else None
        publisher(replace(publisher.last, state="working"))
        if request.kind in ANSWERED_BY:
            function = implementation(ANSWERED_BY[request.kind])
        function(request, models, image, lane.files(key), publisher)
        if publisher.last.state not in lane.FINAL:
            raise UsableError("The answer has no end. Ask again.")
    except Postponed:
        publisher.store(attempts=0, postponed=stored.get("postponed", 0) + 1)
        return
    except UsableError as error:
        publisher.fail(str(error))
    except Exception as error:  # as `execution.execute`: the sentence there, the rest in the log
        log.exception("No answer to %s", stored)
        publisher.fail(
            f"It stopped on an error inside Usable ({type(error).__name__}). The details are in "
            f"{lane.lane() / 'log.txt'}; please report them."
        )
    path.unlink(missing_ok=True)


class _Publisher:
    """Stores an answer as it grows; raises when it is no longer wanted, or not now."""

    def __init__(self, key: str, stored: dict[str, Any]) -> None:
        self._key, self._stored = key, stored
        self._path = lane.request_path(key)
        self.last = lane.poll_file(key)
        self._was_coarse = bool(stored.get("is_coarse"))
        if self.last.state == "failed":
            self.last = Answer("waiting")

    def __call__(self, answer: Answer) -> None:
        if not self._path.is_file():
            raise Cancelled
        if self._was_coarse and answer.state == "working":
            # People see a first part already: only progress is news.
            answer = replace(self.last, state="coarse", done=answer.done, total=answer.total)
        self.last = answer
        lane.write_answer(self._key, answer)
        if answer.state == "coarse" and not self._stored.get("is_coarse"):
            self.store(is_coarse=True)
        if answer.state not in lane.FINAL:
            self._give_way()

    def store(self, **changes: object) -> None:
        """Note something beside the request, unless it was withdrawn."""
        self._stored.update(changes)
        if self._path.is_file():
            files.write_json(self._path, self._stored)

    def fail(self, sentence: str) -> None:
        """Store why there is no answer."""
        lane.write_answer(self._key, replace(self.last, state="failed", error=sentence))

    def _give_way(self) -> None:
        most = MAX_POSTPONED_OF.get(self._stored["request"]["kind"], MAX_POSTPONED)
        if self._stored.get("postponed", 0) >= most:
            return
        others = [key for key in _waiting() if key != self._key]
        if not others:
            return
        with suppress(OSError, ValueError):
            if _rank(_read(lane.request_path(others[0])))[0] < _rank(self._stored)[0]:
                raise Postponed
