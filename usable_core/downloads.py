"""Fetching weights when somebody said so: size and host are known, progress is told."""

import hashlib
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from usable_core import files
from usable_core.errors import CheckpointError, first_line
from usable_core.evaluations.passports import Download
from usable_core.evaluations.specs import Report, silent
from usable_core.reach import reason_of, unreachable

_STALLED = 30.0  # s without a byte of a download under way
_PIECE = 2**18  # bytes
_LOOK = 0.25  # s between two looks at how much a hub's client has


def fetch(download: Download, reference: str, report: Report = silent) -> None:
    """Fetch weights to where their library looks for them; what is here already stays.

    Args:
        download: Which.
        reference: The model, for the sentences.
        report: Told the bytes that are here and those that there are (0 where nobody knows).

    Raises:
        CheckpointError: the host cannot be reached (within two seconds), has no such file, or gave
            another one.
        StorageError: the disk is full.
        Cancelled: through `report`.
    """
    if download.is_here:
        return
    if reason := unreachable(download.url):
        raise missing(download, reference, reason)
    try:
        if download.repository:
            _from_hub(download, report)
        else:
            _from_host(download, report)
    except (urllib.error.URLError, OSError, ValueError, EOFError) as error:
        raise missing(download, reference, reason_of(error)) from error


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


def _from_host(download: Download, report: Report) -> None:
    """Write a file as it comes, under another name until it is whole and the one that is known."""
    path = Path(download.path)
    partial = path.with_name(f"{path.name}.partial")
    digest, done = hashlib.sha256(), 0
    try:
        with files.refusing(partial):
            files.make_folder(path.parent)
            file = partial.open("wb")
        with file, urllib.request.urlopen(download.url, timeout=_STALLED) as answer:
            size = int(answer.headers.get("Content-Length") or download.size)
            while piece := answer.read(_PIECE):
                with files.refusing(partial):
                    file.write(piece)
                digest.update(piece)
                done += len(piece)
                report(done, max(size, done), f"Fetching {path.name}")
        if done < size:
            raise EOFError(f"the connection ended after {done:,} of {size:,} bytes")
        if not digest.hexdigest().startswith(download.sha256):
            raise ValueError(f"{download.host} gave another file than the one that is known")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _from_hub(download: Download, report: Report) -> None:
    """Have the hub's client fetch files into its cache, and tell what lies there meanwhile."""
    from huggingface_hub import constants, hf_hub_download

    place = Path(constants.HF_HUB_CACHE) / f"models--{download.repository.replace('/', '--')}"
    before, failed = _held(place), []

    def work() -> None:
        try:
            for name in download.names:
                hf_hub_download(download.repository, name, revision=download.revision)
        except Exception as error:  # the client raises errors of several libraries
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK)
        done = _held(place) - before
        report(done, max(download.size, done), f"Fetching {download.repository}")
    if failed:
        raise OSError(first_line(failed[0])) from failed[0]


def _held(place: Path) -> int:
    """Return the bytes of a repository in the hub's cache, of what is under way too."""
    found, until = 0, time.monotonic() + 1
    for path in (place / "blobs").glob("*"):
        status = files.status_of(path)
        found += status.st_size if status else 0
        if time.monotonic() > until:
            break
    return found
