"""Waiting for a turn: jobs work in the order in which they were asked, one per accelerator.

A training that several processes share takes one for each.
"""

import os
import time
from contextlib import AbstractContextManager, ExitStack, suppress

from filelock import Timeout

from usable_core import jobs
from usable_core.errors import Cancelled
from usable_core.jobs import ranks
from usable_core.jobs.locks import accelerator_lock, accelerators
from usable_core.runs import RunStore, Status

POLL_SECONDS = 0.3
RECOVER_SECONDS = 5.0


def wait_for_turn(store: RunStore, run_id: str) -> AbstractContextManager[object]:
    """Return the held locks of accelerators, freed by `with`, once it is this run's turn.

    Nothing heavy is imported meanwhile. It is one accelerator, or one for each process that is to
    share a training; with several CUDA devices the process is bound to those that were free.

    Raises:
        Cancelled: the run no longer waits.
    """
    last_beat, wanted = 0.0, ranks.asked_for(store.get(run_id).config)
    while store.row(run_id)["status"] == Status.QUEUED:
        if jobs.queue_position(run_id) == 0 and (turn := _taken(wanted)) is not None:
            return turn
        if time.monotonic() - last_beat > RECOVER_SECONDS:
            store.attach(run_id, os.getpid())
            jobs.recover()  # whoever died before its turn must not block the others
            last_beat = time.monotonic()
        time.sleep(POLL_SECONDS)
    raise Cancelled


def _taken(wanted: int) -> ExitStack | None:
    """Return the locks of so many devices, or of all where there are fewer; None if some work."""
    devices = accelerators()
    with ExitStack() as turn:
        found: list[str | None] = []
        for device in devices:
            if len(found) < wanted:
                with suppress(Timeout):
                    turn.enter_context(accelerator_lock(device).acquire(blocking=False))
                    found.append(device)
        if len(found) < min(wanted, len(devices)):
            return None
        if None not in found:
            os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, found))
        return turn.pop_all()
