"""Waiting for a turn: jobs work in the order in which they were asked, one per accelerator."""

import os
import time
from contextlib import AbstractContextManager, suppress

from filelock import FileLock, Timeout

from usable_core import jobs
from usable_core.errors import Cancelled
from usable_core.jobs.locks import accelerator_lock, accelerators
from usable_core.runs import RunStore, Status

POLL_SECONDS = 0.3
RECOVER_SECONDS = 5.0


def wait_for_turn(store: RunStore, run_id: str) -> AbstractContextManager[FileLock]:
    """Return the held lock of an accelerator, freed by `with`, once it is this run's turn.

    Nothing heavy is imported meanwhile. With several CUDA devices the process is bound to the
    one that was free.

    Raises:
        Cancelled: the run no longer waits.
    """
    last_beat = 0.0
    while store.row(run_id)["status"] == Status.QUEUED:
        if jobs.queue_position(run_id) == 0:
            for device in accelerators():
                with suppress(Timeout):
                    turn = accelerator_lock(device).acquire(blocking=False)
                    if device is not None:
                        os.environ["CUDA_VISIBLE_DEVICES"] = device
                    return turn
        if time.monotonic() - last_beat > RECOVER_SECONDS:
            store.attach(run_id, os.getpid())
            jobs.recover()  # whoever died before its turn must not block the others
            last_beat = time.monotonic()
        time.sleep(POLL_SECONDS)
    raise Cancelled
