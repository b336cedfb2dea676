"""The interactive lane: ask about one image, look at the answer as it grows.

A request is a JSON file; its answer is a folder named by the hash of the request and of all that
the answer depends on. One warm worker process (see `worker`) answers for every page.
"""

import functools
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from usable_core import files as whole_files
from usable_core import settings
from usable_core.bounds import keep_tail
from usable_core.catalog.references import file_facts
from usable_core.errors import Cancelled, StorageError
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs import known
from usable_core.jobs.processes import spawn
from usable_core.records import MALFORMED, from_json, to_json
from usable_core.runs import calibrations
from usable_core.runs.living import is_held
from usable_core.versions import versions

INTERFACE_VERSION = 8  # raise it when an answer means something else than before
FINAL = ("done", "failed")
MAX_WAITING = 200
MOST_LOG = 2**20  # bytes that the worker's log has when it starts
LOOK_SECONDS = 0.5  # between two looks of a page whether the worker lives

_KEY = re.compile(r"[0-9a-f]{24}")
_started: "dict[Path, subprocess.Popen[bytes]]" = {}
_looked: dict[Path, float] = {}


def submit(request: ImageRequest) -> str:
    """Ask, and return the key of the answer; what was answered before is there at once.

    Raises:
        ReadOnly: the answer is not stored, and nothing is started here.
        StorageError: too many questions are waiting, or the disk is full.
    """
    request = replace(request, model=request.model.placed())  # the worker lives elsewhere
    key = _key(request)
    if poll_file(key).state == "done":
        with suppress(OSError):  # used: pruned later than the others
            os.utime(files(key) / "answer.json")
        return key
    settings.check_writable()
    if not whole_files.is_there(request_path(key)):
        if len(list((lane() / "requests").glob("*.json"))) >= MAX_WAITING:
            raise StorageError(
                f"{MAX_WAITING} questions about images are waiting. Try again in a minute."
            )
        write_answer(key, Answer("waiting"))
        whole_files.write_json(
            request_path(key), {"request": to_json(request), "created": time.time(), "attempts": 0}
        )
    ensure_worker()
    return key


def poll(key: str) -> Answer:
    """Return what is known so far; starts a worker again should it have died meanwhile."""
    answer = poll_file(key)
    if answer.state in FINAL:
        return answer
    if not whole_files.is_there(request_path(key)):
        answer = poll_file(key)  # it may have ended between the two looks
        return answer if answer.state in FINAL else _stopped(answer)
    if time.monotonic() - _looked.get(lane(), -LOOK_SECONDS) >= LOOK_SECONDS:
        _looked[lane()] = time.monotonic()
        ensure_worker()
    return answer


def files(key: str) -> Path:
    """Return the folder of an answer, which holds an `Explanation` once there is one.

    Raises:
        StorageError: this is no key.
    """
    if not _KEY.fullmatch(key):
        raise StorageError("This is no key of an answer. Ask the question again.")
    return lane() / "answers" / key


def cancel(key: str) -> None:
    """Withdraw a question; the worker stops at its next step.

    Raises:
        ReadOnly: nothing is cancelled here.
    """
    settings.check_writable()
    with whole_files.refusing(request_path(key)):
        request_path(key).unlink(missing_ok=True)
    answer = poll_file(key)
    if answer.state not in FINAL:
        write_answer(key, _stopped(answer))


def ensure_worker() -> None:
    """Start the worker unless one lives, or nothing is started here.

    Raises:
        StorageError: no process can be started.
    """
    if settings.is_read_only():
        return
    folder = lane()
    young = _started.get(folder)
    if is_held(folder / "worker.lock") or (young is not None and young.poll() is None):
        return
    arguments = ["interactive"]
    idle = os.environ.get("USABLE_WORKER_IDLE_SECONDS")
    arguments += ["--idle", idle] if idle else []
    function = os.environ.get("USABLE_WORKER_ANSWER")
    arguments += ["--answer", function] if function else []
    keep_tail(folder / "log.txt", MOST_LOG)
    try:
        _started[folder] = spawn(arguments, folder / "log.txt")
    except OSError as error:
        raise StorageError(
            f"No process can be started to answer ({error.strerror}). Close other programs."
        ) from error


# What the worker shares


def lane() -> Path:
    """Return the folder of requests and answers; of a team each machine has its own.

    So its own worker answers, who sees the files that a question names.
    """
    folder = settings.home() / "interactive"
    return folder if isinstance(settings.database_url(), Path) else folder / socket.gethostname()


def request_path(key: str) -> Path:
    """Return the file whose existence means that the answer is wanted."""
    return lane() / "requests" / f"{files(key).name}.json"


def poll_file(key: str) -> Answer:
    """Return the stored answer, or a failed one where none is stored."""
    path = files(key) / "answer.json"
    try:
        fact = path.stat()
        return _read(path, (fact.st_ino, fact.st_mtime_ns, fact.st_size))
    except (OSError, *MALFORMED):
        return _gone()


@functools.lru_cache(maxsize=512)
def _read(path: Path, stamp: tuple[int, ...]) -> Answer:
    """Return the answer in a file, read once: 25 tabs ask for theirs every second."""
    del stamp  # the cache's key: a file that is written anew has another
    return from_json(Answer, json.loads(path.read_text(encoding="utf-8")))


def write_answer(key: str, answer: Answer) -> None:
    """Store an answer as one step."""
    whole_files.write_json(files(key) / "answer.json", answer)


def prune(size_cap: int) -> None:
    """Delete the answers that were used longest ago until the rest fits into `size_cap` bytes."""
    folders = []
    for folder in (lane() / "answers").glob("*"):
        held = [path.stat() for path in folder.iterdir()]
        used = max((stat.st_mtime for stat in held), default=0.0)
        folders.append((used, sum(stat.st_size for stat in held), folder))
    total = sum(size for _, size, _ in folders)
    for _, size, folder in sorted(folders):
        if total <= size_cap:
            return
        if not whole_files.is_there(request_path(folder.name)):
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


def _stopped(answer: Answer) -> Answer:
    """Return an answer that was withdrawn, with what it had come to."""
    return replace(answer, state="failed", error=str(Cancelled()))


def _gone() -> Answer:
    return Answer("failed", error="This answer is no longer stored. Ask again.")


def _key(request: ImageRequest) -> str:
    """Return the identity of the answer: the question, the files behind it, the versions."""
    spec = request.model
    read = file_facts(spec.reference, spec.weights, spec.labels)
    facts: list[object] = [read, calibrations.state()]
    if request.training is not None:
        facts.append(_data_facts(request.training))
    text = json.dumps([INTERFACE_VERSION, to_json(request), facts, versions()], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _data_facts(config: FineTuningConfig) -> object:
    """Return what tells the data of a training from what they were before, as far as is known."""
    reference = config.dataset.reference
    try:
        return known.data_facts(reference) or Path(reference).stat().st_mtime_ns
    except OSError:  # it has another form, or reading it will say why
        return None
