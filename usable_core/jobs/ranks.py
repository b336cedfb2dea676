"""A training by several processes of this machine, which `torchrun` starts and who share its steps.

The run's own process asks, tells the progress and hears a cancel, as for any other run; the first
of the others keeps checkpoints and the model in the run's folder.
"""

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Client, Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from usable_core import answering, tasks
from usable_core.errors import ConfigError, DatasetRefused, ProcessLost, UsableError
from usable_core.evaluations.result import Config, Result
from usable_core.evaluations.specs import Report, silent
from usable_core.files import write_json
from usable_core.jobs import known
from usable_core.jobs.processes import environment
from usable_core.json_files import read_json

QUESTION, LINE, LOG = "question.json", "line", "log.txt"  # in a folder that is there meanwhile
ENDING_SECONDS = 20.0  # for a checkpoint, and for the others to end
LOOK_SECONDS = 0.2

log = logging.getLogger(__name__)


def asked_for(config: Config) -> int:
    """Return how many processes share the work on a question."""
    row = tasks.TASKS[tasks.name_of(config)]
    schedule = getattr(config, "schedule", None)
    return (row.makes_model and getattr(schedule, "processes", None)) or 1


def run(config: Config, objects: dict[str, Any], report: Report, folder: Path | None) -> Result:
    """Return the answer to a question, by as many processes as it asks for.

    Arguments and errors are those of `answering.run`.

    Raises:
        ConfigError: there are not so many devices.
        ProcessLost: one of the processes ended of itself.
    """
    count = asked_for(config)
    if count == 1:
        return answering.run(config, objects, report, folder)
    if not hasattr(socket, "AF_UNIX"):
        raise ConfigError("processes must be left out on this system, which has no Unix sockets.")
    answering.check_processes(count)
    with TemporaryDirectory(prefix="usable-", ignore_cleanup_errors=True) as place:
        question = {
            "task": tasks.name_of(config),
            "config": tasks.config_to_json(config),
            "key": answering.key(config, objects),
            "folder": None if folder is None else str(folder),
        }
        write_json(Path(place, QUESTION), question)
        with _listening(Path(place)) as server, _started(count, Path(place)) as started:
            return _heard(server, started, Path(place), report)


@contextmanager
def _listening(place: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place / LINE))
        server.listen(1)
        server.settimeout(LOOK_SECONDS)
        yield server


@contextmanager
def _started(count: int, place: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """Start the processes, and see that none is left."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--local-addr", "localhost"]
    command = [sys.executable, "-P", *torchrun, "--nproc-per-node", str(count)]
    command += ["-m", "usable_core.jobs", "rank", str(place)]
    threads = str(max(1, (os.cpu_count() or 1) // count))
    named = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", threads)}
    if sys.platform == "linux":
        named["GLOO_SOCKET_IFNAME"] = "lo"  # nobody else hears what they tell each other
    with (place / LOG).open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is told by the run's own process
            env=environment(named),
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _heard(
    server: socket.socket, started: "subprocess.Popen[bytes]", place: Path, report: Report
) -> Result:
    """Pass on what the first process tells until it is over, and return its answer."""
    report(0, 0, "Starting the processes")
    with _connected(server, started, place) as line:
        try:
            while started.poll() is None or line.poll():
                if not line.poll(LOOK_SECONDS):
                    continue
                kind, told = line.recv()
                if kind == "told":
                    (done, total, message), metrics = told
                    report(done, total, message, **metrics)
                elif kind == "raised" and isinstance(told, SystemExit | ProcessLost):
                    break
                elif kind == "raised":
                    raise told
                else:
                    result: Result = told
                    with suppress(subprocess.TimeoutExpired):
                        started.wait(ENDING_SECONDS)
                    return result
        except EOFError:
            pass
        except BaseException:
            _end(line)
            raise
    raise _ended(started, place)


def _connected(
    server: socket.socket, started: "subprocess.Popen[bytes]", place: Path
) -> Connection:
    while started.poll() is None:
        with suppress(TimeoutError):
            return Connection(server.accept()[0].detach())
    raise _ended(started, place)


def _end(line: Connection) -> None:
    """Ask the first process to keep what there is and to end, and wait until it has."""
    until = time.monotonic() + ENDING_SECONDS
    with suppress(OSError, EOFError):
        line.send("end")
        while line.poll(max(0.0, until - time.monotonic())):
            line.recv()


def _ended(started: "subprocess.Popen[bytes]", place: Path) -> ProcessLost:
    with suppress(subprocess.TimeoutExpired):
        started.wait(ENDING_SECONDS)  # it tells who ended first
    told = (place / LOG).read_text(encoding="utf-8", errors="replace")
    log.error("What the processes of the training told:\n%s", told)
    return ProcessLost()


def be_one(place: Path) -> None:
    """Be one of the processes that share a training; `torchrun` says which.

    Args:
        place: Folder with the question, and the line to who asked it.
    """
    with answering.as_one_of_several() as rank:
        question = read_json(place / QUESTION)
        if rank == 0:
            with Client(str(place / LINE), family="AF_UNIX") as line:
                _tell(line, question)
            return
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with TemporaryDirectory(dir=place) as folder:  # it makes the same and keeps nothing
            _answer(question, silent, Path(folder))


def _tell(line: Connection, question: dict[str, Any]) -> None:
    """Work as the first process, and tell the asking one all of it."""

    def report(done: int, total: int, message: str, **metrics: float) -> None:
        line.send(("told", ((done, total, message), metrics)))
        if line.poll():  # it asks for the end, or is gone
            sys.exit(143)

    folder = question["folder"]
    try:
        made = _answer(question, report, None if folder is None else Path(folder))
    except BaseException as error:
        with suppress(OSError):
            line.send(("raised", _sendable(error)))
        raise
    line.send(("made", made))


def _answer(question: dict[str, Any], report: Report, folder: Path | None) -> Result:
    config = tasks.config_from_json(question["task"], question["config"])
    objects = known.loaded(config, report)
    if answering.key(config, objects) != question["key"]:
        raise DatasetRefused(
            "Several processes load the model and the data by their names, and found others than "
            "were asked about: they are in memory alone, or their files were changed meanwhile. "
            "Name files that stay, or leave --processes out."
        )
    return answering.run(config, objects, report, folder)


def _sendable(error: BaseException) -> BaseException:
    """Return an error that another process can read."""
    if isinstance(error, UsableError | SystemExit):
        with suppress(Exception):
            pickle.loads(pickle.dumps(error))
            return error
        return UsableError(str(error))
    return RuntimeError("".join(traceback.format_exception(error)))
