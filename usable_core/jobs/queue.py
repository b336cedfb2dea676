"""Waiting for a turn: jobs work in the order in which they were asked, one per accelerator."""

import os
import time

from usable_core import jobs
from usable_core.errors import Cancelled
from usable_core.jobs.locks import FileLock, accelerator_lock, accelerators
from usable_core.runs import RunStore, Status

POLL_SECONDS = 0.3
RECOVER_SECONDS = 5.0


def wait_for_turn(store: RunStore, run_id: str) -> FileLock:
    """Return the lock of an accelerator, held, once it is this run's turn.

    Nothing heavy is imported meanwhile. With several CUDA devices the process is bound to the
    one that was free.

    Raises:
        Cancelled: the run no longer waits.
    """
    last_beat = 0.0
    while store.row(run_id)["status"] == Status.QUEUED:
        if jobs.queue_position(run_id) == 0:
            for device in accelerators():
                lock = accelerator_lock(device)
                if lock.acquire():
                    if device is not None:
                        os.environ["CUDA_VISIBLE_DEVICES"] = device
                    return lock
        if time.monotonic() - last_beat > RECOVER_SECONDS:
            store.attach(run_id, os.getpid())
            jobs.recover()  # whoever died before its turn must not block the others
            last_beat = time.monotonic()
        time.sleep(POLL_SECONDS)
    raise Cancelled
