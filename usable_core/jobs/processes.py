"""Detached processes of our own: starting them, and whether they still live."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import usable_core.errors
from usable_core import files

PACKAGE_PARENT = Path(usable_core.errors.__file__).parents[1]
KINDNESS = 10  # added to the niceness: pages stay as quick as without any work going on


def spawn(arguments: list[str], log: Path) -> "subprocess.Popen[bytes]":
    """Start `python -m usable_core.jobs ARGUMENTS` so that it outlives this process.

    Its output is appended to `log`. A waiting thread takes its exit status, so that a dead child
    does not look alive. NumPy and SciPy get one thread there: theirs turn in circles while they
    wait, and LIME's small systems took eight times the processor time on a busy machine. PyTorch's
    threads are others.
    """
    files.make_folder(log.parent)
    with files.opened(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "usable_core.jobs", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment({}),
        )
    threading.Thread(target=process.wait, daemon=True, name=f"reap-{process.pid}").start()
    return process


def environment(named: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a process of ours: this one's, and what is named."""
    paths = [str(PACKAGE_PARENT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        "OPENBLAS_NUM_THREADS": "1",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONUNBUFFERED": "1",
        **named,
    }


def be_kind() -> None:
    """Let everything else on the machine go first."""
    if hasattr(os, "nice"):
        os.nice(KINDNESS)


def is_alive(pid: int) -> bool:
    """Tell whether a process of this machine exists (where that cannot be asked: True)."""
    if os.name == "nt":
        return True  # the heartbeat tells
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _has_ended(pid)


def _has_ended(pid: int) -> bool:
    """Tell whether a process is over and only waits for somebody to take its exit status."""
    try:
        facts = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:  # it has just gone, or this system shows no such files
        return False
    return facts.rpartition(")")[2].split()[0] == "Z"


def is_job(pid: int, run_id: str) -> bool:
    """Tell whether a process lives and, where its command can be read, is the job of a run."""
    if not is_alive(pid):
        return False
    command = Path(f"/proc/{pid}/cmdline")
    if not command.parent.parent.is_dir():
        return True
    try:
        return run_id.encode() in command.read_bytes().split(b"\0")
    except OSError:
        return False


def kill_job(pid: int, run_id: str) -> None:
    """End a job's process and what it started, if that process number is still this job's."""
    if not is_job(pid, run_id):
        return
    try:
        if hasattr(os, "killpg"):
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):
        return
