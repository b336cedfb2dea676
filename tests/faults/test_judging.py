"""The judge itself: each kind of fault is told from a refusal and an answer."""

import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from judging import Verdict, faults, judge

from usable_core.errors import UsableError


def behaves(path: Path) -> None:
    """Do what the file says."""
    word = path.read_text(encoding="utf-8")
    if word == "refuse":
        raise UsableError("It is refused.")
    if word == "no sentence":
        raise UsableError("")
    if word == "fail":
        raise KeyError(word)
    if word == "hang":
        time.sleep(60)
    if word == "spin":
        while True:
            pass
    if word == "work":
        while time.process_time() < 2:
            pass
    if word == "die":
        os._exit(3)
    if word == "grow":
        bytearray(int(1.7 * 2**30))[::4096]


def written(folder: Path, *words: str) -> list[tuple[str, Path]]:
    """A case for each word."""
    for i, word in enumerate(words):
        (folder / str(i)).write_text(word, encoding="utf-8")
    return [(word, folder / str(i)) for i, word in enumerate(words)]


def test_faults_are_told_from_refusals_and_answers(tmp_path):
    words = ["answer", "refuse", "no sentence", "fail", "hang", "die", "grow", "answer"]
    cases = written(tmp_path, *words)

    verdicts = judge(cases, "faults.test_judging:behaves", seconds=5)

    assert [v.outcome for v in verdicts] == [
        "answered",
        "refused",
        "no one sentence",
        "exception",
        "hang",
        "crash",
        "memory",
        "answered",
    ]
    assert len(faults(verdicts)) == 5
    assert faults([Verdict("a", "answered", ""), Verdict("b", "refused", "Why.")]) == []


@pytest.mark.faults
def test_a_wait_for_a_processor_is_no_hang(tmp_path):
    usual = os.sched_getaffinity(0)
    with ExitStack() as stack:
        stack.callback(os.sched_setaffinity, 0, usual)
        os.sched_setaffinity(0, {min(usual)})  # all that is started is on one processor
        for _ in range(3):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        begun = time.monotonic()
        cases = written(tmp_path, "work", "spin")
        works, spins = judge(cases, "faults.test_judging:behaves", seconds=3)

    assert time.monotonic() - begun > 2 * 3
    assert (works.outcome, spins.outcome) == ("answered", "hang")
