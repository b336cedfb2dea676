"""The process that fetches weights, `python -m usable_core.download_process`: see `downloads`.

It says how far it is, a line of JSON at a time. A file has another name until it is whole and the
one that is known; the hub's client keeps its own such files in its cache.
"""

import hashlib
import json
import os
import sys
import threading
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock, Timeout

from usable_core import files
from usable_core.errors import StorageError, first_line
from usable_core.evaluations.passports import Download
from usable_core.reach import reason_of
from usable_core.records import from_json, to_json

_STALLED = 30.0  # s without a byte of a download under way
_PIECE = 2**18  # bytes
_LOOK = 0.25  # s between two looks at how much a hub's client has
_UNFINISHED = "*.incomplete"  # as the hub's client calls what is not whole


@dataclass(frozen=True)
class Place:
    """Where the bytes of one download lie until they are whole.

    Attributes:
        partial: Of a plain file; empty where a hub's cache holds it.
        cache: Of the hub; empty for a plain file.
        folder: Of the repository in the cache.
        others: Files in it that are not whole, and were there before.
    """

    partial: str = ""
    cache: str = ""
    folder: str = ""
    others: tuple[str, ...] = ()

    @staticmethod
    def of(download: Download, token: str) -> "Place":
        """Return the place of a download; `token` tells it from others of the same file."""
        if not download.repository:
            return Place(f"{download.path}.{token}.partial")
        from huggingface_hub import constants

        cache = Path(constants.HF_HUB_CACHE)
        folder = cache / f"models--{download.repository.replace('/', '--')}"
        others = tuple(path.name for path in (folder / "blobs").glob(_UNFINISHED))
        return Place("", str(cache), str(folder), others)

    def sweep(self) -> None:
        """Delete what is not whole; of the hub's cache what came meanwhile and nobody works on."""
        if self.partial:
            Path(self.partial).unlink(missing_ok=True)
            return
        folder = Path(self.folder)
        for path in (folder / "blobs").glob(_UNFINISHED):
            if path.name in self.others:
                continue
            lock = Path(self.cache, ".locks", folder.name, f"{path.name.partition('.')[0]}.lock")
            with suppress(Timeout, OSError), FileLock(lock, timeout=0):
                path.unlink(missing_ok=True)


def main(asked: str) -> int:
    """Fetch what is asked and return the exit status; it ends when the input is closed."""
    what, where = json.loads(asked)
    download, place = from_json(Download, what), from_json(Place, where)
    threading.Thread(target=_end_with_asker, args=(place,), daemon=True).start()
    try:
        if download.repository:
            _from_hub(download, place)
        else:
            _from_host(download, Path(place.partial))
    except StorageError as error:
        _say(storage=str(error))
    except (OSError, ValueError, EOFError, HTTPException) as error:
        _say(reason=reason_of(error))
    else:
        return 0
    place.sweep()
    return 1


def _end_with_asker(place: Place) -> None:
    """Wait for the end of whoever asked, and sweep up: as another program, which holds no locks."""
    sys.stdin.read()
    where = json.dumps(to_json(place))
    os.execv(sys.executable, [sys.executable, "-P", "-m", __spec__.name, where, "sweep"])


def _say(**facts: int | str) -> None:
    sys.stdout.write(f"{json.dumps(facts)}\n")
    sys.stdout.flush()


def _from_host(download: Download, partial: Path) -> None:
    """Write a file as it comes, under another name until it is whole and the one that is known."""
    path = Path(download.path)
    digest, done = hashlib.sha256(), 0
    with files.refusing(partial):
        files.make_folder(path.parent)
        file = partial.open("wb")
    with file, urllib.request.urlopen(download.url, timeout=_STALLED) as answer:
        size = int(answer.headers.get("Content-Length") or download.size)
        said = 0.0
        while piece := answer.read1(_PIECE):
            with files.refusing(partial):
                file.write(piece)
            digest.update(piece)
            done += len(piece)
            if time.monotonic() - said > _LOOK:
                said = time.monotonic()
                _say(done=done, total=max(size, done))
    _say(done=done, total=max(size, done))
    if done < size and answer.headers.get("Content-Length"):
        raise EOFError(f"the connection ended after {done:,} of {size:,} bytes")
    if not digest.hexdigest().startswith(download.sha256):
        raise ValueError(f"{download.host} gave another file than the one that is known")
    partial.replace(path)


def _from_hub(download: Download, place: Place) -> None:
    """Have the hub's client fetch files into its cache, and tell what lies there meanwhile."""
    from huggingface_hub import hf_hub_download

    folder = Path(place.folder)
    before, failed = _held(folder), []

    def work() -> None:
        try:
            for name in download.names:
                hf_hub_download(
                    download.repository, name, revision=download.revision, cache_dir=place.cache
                )
        except Exception as error:  # the client raises errors of several libraries
            failed.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(_LOOK)
        done = max(0, _held(folder) - before)
        _say(done=done, total=max(download.size, done))
    if failed:
        raise OSError(first_line(failed[0])) from failed[0]


def _held(folder: Path) -> int:
    """Return the bytes of a repository in the hub's cache, of what is under way too."""
    found, until = 0, time.monotonic() + 1
    for path in (folder / "blobs").glob("*"):
        status = files.status_of(path)
        found += status.st_size if status else 0
        if time.monotonic() > until:
            break
    return found


if __name__ == "__main__":
    if sys.argv[2:] == ["sweep"]:
        from_json(Place, json.loads(sys.argv[1])).sweep()
    else:
        sys.exit(main(sys.argv[1]))
