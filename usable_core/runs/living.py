"""Whether a process works on a run: it holds the run's lock, which no death can keep.

The operating system frees a lock when its holder ends, however it ends. So no clock is asked about
the processes of this machine, nor a process number, which another program may have by now.
"""

import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from usable_core.errors import StoreUnusable
from usable_core.files import make_folder
from usable_core.runs.run import Status

TAKE_SECONDS = 3.0  # how long to try for a lock: a look at it also holds it for an instant
POLL_SECONDS = 0.02
FAR_SILENCE_SECONDS = 600.0  # another machine's clock may be off

_held: dict[Path, FileLock] = {}


def lock_path(home: Path, run_id: str) -> Path:
    """Return the file of a run's lock."""
    return home / "locks" / f"run-{run_id}.lock"


@contextmanager
def working_on(home: Path, run_id: str) -> Iterator[None]:
    """Hold a run's lock, so that everybody sees that a process works on it.

    Raises:
        StoreUnusable: as `take`.
    """
    take(home, run_id)
    try:
        yield
    finally:
        let_go(home, run_id)


def take(home: Path, run_id: str) -> None:
    """Hold a run's lock until it is let go of, or this process ends.

    Raises:
        StoreUnusable: another process holds it, or the file cannot be written.
    """
    path = lock_path(home, run_id)
    if path in _held:
        return
    lock = FileLock(path, mode=0o600, thread_local=False)  # any thread may let it go
    try:
        make_folder(path.parent)
        lock.acquire(TAKE_SECONDS, poll_interval=POLL_SECONDS)
    except Timeout as error:
        raise StoreUnusable(f"Another process works on run {run_id} already.") from error
    except OSError as error:
        raise StoreUnusable(
            f"{path} cannot be written: {error.strerror}. Free some space, or name another place "
            "by USABLE_HOME."
        ) from error
    _held[path] = lock


def let_go(home: Path, run_id: str) -> None:
    """Hold a run's lock no longer, where this process does."""
    path = lock_path(home, run_id)
    lock = _held.pop(path, None)
    if lock is not None:
        with suppress(OSError):  # Windows keeps a file that is open
            path.unlink()
        lock.release()


def is_held(path: Path) -> bool:
    """Tell whether some process holds the lock at `path` (where that cannot be asked: True)."""
    try:
        if not path.exists():
            return False
        with FileLock(path, blocking=False, mode=0o600):
            return False
    except (Timeout, OSError):
        return True


def is_lost(row: Mapping[str, Any], home: Path) -> bool:
    """Tell whether a run that a process works on by its row has no process any more.

    A job that waits for its turn is no such run: it is started anew. Whether a process of another
    machine lives is told by its silence, for the lock may be unseen from here.
    """
    is_no_job = row["pid"] is not None and row["attempts"] == 0  # its process asked it
    is_begun = row["status"] == Status.RUNNING or (row["status"] == Status.QUEUED and is_no_job)
    if not is_begun or is_held(lock_path(home, row["id"])):
        return False
    is_here = row["host"] == socket.gethostname()
    return is_here or bool(time.time() - row["heartbeat"] > FAR_SILENCE_SECONDS)


def elsewhere(row: Mapping[str, Any], home: Path, folder: Path) -> str:
    """Return where the files of a run are, as a sentence; empty where this machine sees them.

    Args:
        row: The row of the run.
        home: Where this machine keeps those of its runs.
        folder: Theirs, if they are there.
    """
    here = socket.gethostname(), str(home.absolute())
    if row["home"] is None or (row["host"], row["home"]) == here or folder.is_dir():
        return ""
    return (
        f"The files of run {row['id']} are kept on {row['host']} in {row['home']}, which this "
        f"machine ({here[0]}) does not see. Share that folder with it and have USABLE_HOME name it "
        "here."
    )
