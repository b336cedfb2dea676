"""Fetching weights when somebody said so: size and host are known, progress is told.

The bytes are fetched by a process of their own (`download_process`), which can be ended at any
moment: a host that stalls, or the hub's client, would not hear of a cancel for many seconds.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from usable_core import files, settings
from usable_core.download_process import Place
from usable_core.errors import CheckpointError, StorageError
from usable_core.evaluations.passports import Download
from usable_core.evaluations.specs import Report, silent
from usable_core.reach import unreachable
from usable_core.records import to_json

_LOOK = 0.25  # s between two looks at how much there is, and whether it is still wanted
_here_only = threading.Event()


def take_only_what_is_here() -> None:
    """Refuse every download of weights in this process from now on.

    For processes that nobody watches: what they need is fetched before, where size and host were
    shown to whoever said yes.
    """
    _here_only.set()


def check_allowed(download: Download, reference: str) -> None:
    """Check that weights are here, or may be fetched by this process.

    Raises:
        CheckpointError: neither.
    """
    if _here_only.is_set() and not download.is_here:
        raise CheckpointError(
            f"The weights of {reference} ({download.said}) are not on this machine, and nothing is "
            "downloaded unasked: fetch them on the Models page or with `usable models show "
            f"{reference} --download`, and ask again."
        )


def fetch(download: Download, reference: str, report: Report = silent) -> None:
    """Fetch weights to where their library looks for them; what is here already stays.

    Args:
        download: Which.
        reference: The model, for the sentences.
        report: Told the bytes that are here and those that there are (0 where nobody knows), a few
            times a second. When it raises, the download ends, and nothing half is left of it.

    Raises:
        CheckpointError: the host cannot be reached (within two seconds), has no such file, or gave
            another one; or this process may not fetch it.
        StorageError: the disk is full.
        Cancelled: through `report`.
    """
    if download.is_here:
        return
    settings.check_writable()
    check_allowed(download, reference)
    if reason := unreachable(download.url):
        raise missing(download, reference, reason)
    told = _fetched(download, Place.of(download, secrets.token_hex(4)), report)
    if told.storage:
        raise StorageError(told.storage)
    if told.reason:
        raise missing(download, reference, told.reason)


def missing(download: Download, reference: str, reason: str) -> CheckpointError:
    """Return the error of weights that are not here and cannot be had, with the way out."""
    way = f"put {download.url} there as {download.path}"
    if download.repository:
        from huggingface_hub import constants

        way = (
            f"`hf download {download.repository}` on a machine with internet fetches "
            f"{download.url} into a cache, to be copied to {constants.HF_HUB_CACHE}"
        )
    return CheckpointError(
        f"The weights of {reference} ({download.said}) are not on this machine and could not be "
        f"downloaded ({reason.rstrip('.')}): {way}, or give a file that you have as --weights FILE."
    )


@dataclass
class _Told:
    """What the process said last: how far it is, or why it ended without the weights."""

    done: int = 0
    total: int = 0
    reason: str = ""
    storage: str = ""

    def listen(self, lines: IO[str]) -> None:
        """Read line by line until the process ends."""
        for line in lines:
            with suppress(ValueError):  # a library printed something
                for name, value in json.loads(line).items():
                    setattr(self, name, value)


def _fetched(download: Download, place: Place, report: Report) -> _Told:
    """Run the process until it ends, or `report` raises; then it is ended, and swept up after."""
    process = _begun(download, place)
    told, message = _Told(), f"Fetching {download.repository or Path(download.path).name}"
    listener = threading.Thread(target=told.listen, args=(process.stdout,), daemon=True)
    listener.start()
    try:
        while process.poll() is None:
            report(told.done, max(download.size, told.total, told.done), message)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LOOK)
    finally:
        if is_ended := process.poll() is None:
            process.kill()
            process.wait()
        if is_ended or process.returncode:
            place.sweep()
        listener.join()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()
    if process.returncode and not (told.reason or told.storage):
        told.reason = f"the process that fetched it ended with status {process.returncode}"
    if not process.returncode:
        report(told.done, max(told.total, told.done), message)
    return told


def _begun(download: Download, place: Place) -> "subprocess.Popen[str]":
    """Start the process; it ends itself when its input is closed, that is, with this process."""
    package = str(Path(files.__file__).parents[1])
    paths = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    asked = json.dumps([to_json(download), to_json(place)])
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "usable_core.download_process", asked],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # bars of progress of others
        text=True,
        encoding="utf-8",
        start_new_session=True,  # Ctrl-C is for whoever waits
        env={**os.environ, "PYTHONPATH": paths},
    )
