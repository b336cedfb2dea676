"""Working on one run in this process: heartbeat, progress, the answer or the reason why not."""

import logging
import os
import signal
import threading
import time
import traceback
from contextlib import suppress
from typing import Any

from usable_core import answering, tasks
from usable_core.errors import Cancelled, StorageError, StoreUnusable, UsableError
from usable_core.evaluations.result import Result
from usable_core.evaluations.specs import Report, silent
from usable_core.files import disk_full, is_disk_full
from usable_core.jobs import known, ranks
from usable_core.runs import Run, RunStore
from usable_core.runs.patience import BRIEF, LASTING, patience

HEARTBEAT_SECONDS = 2.0
GRACE_SECONDS = 10.0  # from a cancel to the end of a process that does not listen
PROGRESS_SECONDS = 0.25  # a person sees no more than that; the table is spared

log = logging.getLogger(__name__)


class Heartbeat:
    """A thread that says "I live" while the work goes on, and ends a process that won't stop."""

    def __init__(self, store: RunStore, run_id: str, *, may_kill: bool) -> None:
        self._store, self._run_id, self._may_kill = store, run_id, may_kill
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True, name=f"heart-{run_id}")

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _beat(self) -> None:
        asked_since: float | None = None
        while not self._stop.wait(HEARTBEAT_SECONDS):
            try:
                if self._may_kill and not self._store.home.is_dir():
                    _end_process()  # nobody can ever see its answer
                self._store.heartbeat(self._run_id)
                if not (self._may_kill and self._store.is_cancel_requested(self._run_id)):
                    continue
                asked_since = asked_since or time.monotonic()
                if time.monotonic() - asked_since > GRACE_SECONDS:
                    self._store.cancelled(self._run_id)
                    _end_process()
            except StoreUnusable:  # a heart goes on; the run's end will tell
                continue
            except Exception:
                log.exception("The heartbeat of run %s could not be stored", self._run_id)


class Reporter:
    """`Report` that stores progress, passes it on, and raises `Cancelled` when asked to stop."""

    def __init__(self, store: RunStore, run_id: str, outer: Report) -> None:
        self._store, self._run_id, self._outer = store, run_id, outer
        self._last = 0.0
        self._names: set[str] = set()

    def __call__(self, done: int, total: int, message: str, **metrics: float) -> None:
        """Tell that `done` of `total` steps are over."""
        self._outer(done, total, message, **metrics)
        is_due = time.monotonic() - self._last >= PROGRESS_SECONDS
        is_last = 0 < total <= done
        if not (is_due or is_last or set(metrics) != self._names):
            return
        if self._store.is_cancel_requested(self._run_id):
            raise Cancelled
        self._store.progress(self._run_id, done, total, message, **metrics)
        self._last, self._names = time.monotonic(), set(metrics)


class Unkept(StorageError):
    """An answer was measured and cannot be stored.

    Attributes:
        result: The answer.
    """

    def __init__(self, why: StorageError, result: Result) -> None:
        super().__init__(str(why))
        self.result = result


def execute(
    store: RunStore,
    run: Run,
    report: Report = silent,
    objects: dict[str, Any] | None = None,
    *,
    may_kill: bool = False,
) -> Result:
    """Work on a QUEUED run until it is over, whatever happens, and return its answer.

    Args:
        store: Where the run is.
        run: The run.
        report: Told the progress too; may raise `Cancelled`.
        objects: What the question names; None loads it.
        may_kill: This process exists for the run alone, so a cancel that is not heard ends it.

    Raises:
        Cancelled: a person stopped it.
        Unkept: it is measured, and cannot be stored.
        UsableError: it failed, by the sentence that the run now holds.
        Exception: it failed by a mistake of ours; the run holds a sentence and the traceback.
    """
    with Heartbeat(store, run.id, may_kill=may_kill), patience(LASTING):
        try:
            store.start(run.id, os.getpid())
            return _answer(store, run, Reporter(store, run.id, report), objects)
        except (Cancelled, KeyboardInterrupt) as stopped:
            # What ended it is told, whatever the store says to that.
            with suppress(StorageError), patience(BRIEF):
                store.cancelled(run.id)
                stopped.add_note(store.again(run.id))
            raise
        except UsableError as error:
            with suppress(StorageError):
                store.fail(run.id, str(error))
            raise
        except Exception as error:
            is_full = isinstance(error, OSError) and is_disk_full(error)
            sentence = disk_full(store.home) if is_full else _sentence(error)
            has_room = not (is_full or _is_out_of_memory(error))  # then it may be the parts
            with suppress(StorageError):
                store.fail(run.id, sentence, traceback.format_exc(), keep_parts=not has_room)
            if is_full:
                raise StorageError(sentence) from error
            raise
        except BaseException as ended:  # the process is being ended from outside
            with suppress(StorageError), patience(BRIEF):
                store.lose(run.id, "was ended from outside")
                ended.add_note(store.again(run.id))
            raise


def _answer(store: RunStore, run: Run, report: Reporter, objects: dict[str, Any] | None) -> Result:
    """Return the stored answer of the same question, or measure it."""
    if objects is None:
        found_by_name = known.answer(store, run)
        if found_by_name is not None:
            return found_by_name
        objects = known.loaded(run.config, report)
    if not tasks.TASKS[run.task].is_of_parts:  # parts are looked for one by one
        key = answering.key(run.config, objects)
        store.set_key(run.id, key, getattr(objects.get("dataset"), "fingerprint", None))
        found = store.find(key)
        if found is not None:
            earlier, result = found
            store.answered_by(run.id, earlier)
            return result
        if store.go_on(run.id, key):
            report(0, 0, "Going on from the parts that a killed run had finished")
    result = ranks.run(run.config, objects, report, store.folder(run.id))
    try:
        store.finish(run.id, result)
    except StorageError as error:
        raise Unkept(error, result) from error
    return result


def _is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def _sentence(error: BaseException) -> str:
    if _is_out_of_memory(error):
        return (
            "The memory ran out. Close other programs, or choose a smaller batch size, a smaller "
            "model or fewer examples, and start it again."
        )
    return (
        f"It stopped on an error inside Usable ({type(error).__name__}). Nothing of yours is lost. "
        "The run's log holds the details; please report them."
    )


def _end_process() -> None:
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)
