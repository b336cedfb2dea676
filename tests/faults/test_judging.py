"""The judge itself: each kind of fault is told from a refusal and an answer."""

import time
from pathlib import Path

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
    if word == "die":
        import os

        os._exit(3)
    if word == "grow":
        bytearray(int(1.7 * 2**30))[::4096]


def test_faults_are_told_from_refusals_and_answers(tmp_path):
    words = ["answer", "refuse", "no sentence", "fail", "hang", "die", "grow", "answer"]
    cases = []
    for i, word in enumerate(words):
        (tmp_path / str(i)).write_text(word, encoding="utf-8")
        cases.append((word, tmp_path / str(i)))
    verdicts = judge(cases, "faults.test_judging:behaves", seconds=3)
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
