"""Malformed input is tried in a process of its own, with a deadline and an eye on its memory.

`judge(cases, way)` calls `way`, a dotted name `module:function` of the tests, with each case's
path and says what came of it. A process that hangs or dies is ended and the next case goes on.
What it waits for a processor, on a busy machine, is not counted.
"""

import json
import os
import queue
import resource
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 20.0
_LOOK = 0.05  # seconds between two looks at what a process does
BYTES = int(1.5 * 2**30)
LONGEST = 700  # characters of a sentence


@dataclass(frozen=True)
class Verdict:
    """What became of one case.

    Attributes:
        case: The name of the case.
        outcome: "refused", "answered", or a fault: "exception", "no one sentence", "hang",
            "crash", "memory".
        detail: The sentence, or where the exception came from.
    """

    case: str
    outcome: str
    detail: str

    @property
    def is_fault(self) -> bool:
        """Tell whether this must not happen."""
        return self.outcome not in ("refused", "answered")


class _Process:
    """One process that tries paths, one after the other."""

    def __init__(self, way: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, way],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def ready(self) -> None:
        """Wait until everything is imported."""
        assert self._lines.get(timeout=120), "the process that tries cases did not start"

    def outcome(self, path: Path, seconds: float) -> tuple[str, str]:
        """Return what became of one path."""
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        self._process.stdin.flush()
        line = self._answer(seconds)
        if line is None:
            return "hang", f"no answer after {seconds:.0f} s"
        if not line:
            return "crash", f"exit status {self._process.wait()}"
        outcome, detail = json.loads(line)
        return outcome, detail

    def _answer(self, seconds: float) -> str | None:
        """Return the next line; None where it worked or slept for so long without one.

        A process that is ready to go on and gets no processor is not late: the machine is busy.
        """
        spent, worked, since = 0.0, self._worked(), time.monotonic()
        while spent < seconds:
            try:
                return self._lines.get(timeout=_LOOK)
            except queue.Empty:
                before, worked, since_before = worked, self._worked(), since
                since = time.monotonic()
                spent += since - since_before if self._sleeps() else worked - before
        return None

    def _worked(self) -> float:
        """Return the seconds of a processor that it took so far."""
        return sum(map(int, self._status()[11:13])) / os.sysconf("SC_CLK_TCK")

    def _sleeps(self) -> bool:
        """Tell whether it waits for something else than a processor or a disk, or is no more."""
        return self._status()[0] not in "RD"

    def _status(self) -> list[str]:
        """Return what the system says of it, from its state on."""
        text = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8")
        return text.rpartition(")")[2].split()

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.wait()


def judge(
    cases: Iterable[tuple[str, Path]], way: str, *, seconds: float = SECONDS
) -> list[Verdict]:
    """Return what became of each case (its name, its file or folder)."""
    verdicts: list[Verdict] = []
    process: _Process | None = None
    for name, path in cases:
        if process is None:
            process = _Process(way)
            process.ready()
        outcome, detail = process.outcome(path, seconds)
        verdicts.append(Verdict(name, outcome, detail))
        if outcome in ("hang", "crash"):
            process.end()
            process = None
    if process is not None:
        process.end()
    return verdicts


def faults(verdicts: Iterable[Verdict]) -> list[str]:
    """Return a line for each verdict that must not happen."""
    return [f"{v.case}: {v.outcome} ({v.detail})" for v in verdicts if v.is_fault]


def _peak() -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024


def _tried(function: object, path: str) -> tuple[str, str]:
    from usable_core.errors import UsableError

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = _peak()
    try:
        function(Path(path))
        outcome, detail = "answered", ""
    except UsableError as error:
        detail = str(error)
        is_sentence = "\n" not in detail and 0 < len(detail) <= LONGEST
        outcome = "refused" if is_sentence else "no one sentence"
    except BaseException as error:  # what is counted
        frame = traceback.extract_tb(error.__traceback__)[-1]
        outcome = "exception"
        detail = f"{type(error).__name__}: {error} at {frame.filename}:{frame.lineno}"[:400]
    grown = _peak() - before
    if grown > BYTES:
        return "memory", f"{grown / 2**30:.1f} GiB, {outcome}: {detail}"
    return outcome, detail


def _serve(way: str) -> None:
    """Try the paths that come as JSON lines."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing that a library prints comes between
    resource.setrlimit(resource.RLIMIT_DATA, (6 * 2**30, 6 * 2**30))
    module, _, name = way.partition(":")
    function = getattr(import_module(module), name)
    answers.write('["ready", ""]\n')
    answers.flush()
    for line in sys.stdin:
        answers.write(json.dumps(_tried(function, json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
