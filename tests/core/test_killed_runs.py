"""A process that works on a question is killed, or a command is ended from outside: a sample.

More of it: `pytest -m faults tests/faults/test_kills.py`.
"""

import signal

import pytest
from faults import lives

from usable_core.cli import signals
from usable_core.runs import RunStore, Status


@pytest.fixture(scope="module")
def nursery():
    found = lives.Nursery()
    yield found
    found.end()


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


@pytest.mark.parametrize("kind", ["accuracy", "corruption"])
def test_a_killed_evaluation_goes_on_to_the_same_answer(kind, nursery, home, tmp_path):
    signalled = {"kind": kind, "turn": 0, "signal": signal.SIGKILL}
    (tmp_path / "whole").mkdir()

    assert nursery.life(home, **signalled) == (signal.SIGKILL, 0)
    (killed,) = RunStore(home=home).list()
    lives.check_files(home)
    assert killed.status is Status.LOST
    assert "goes on from its finished parts" in killed.error
    assert nursery.life(home, kind=kind, turn=0) == (0, 0)
    assert nursery.life(tmp_path / "whole" / "home", kind=kind, turn=0) == (0, 0)

    (run,) = RunStore(home=home).list()
    (expected,) = RunStore(home=tmp_path / "whole" / "home").list()
    assert lives.went_on(home, run)
    assert RunStore(home=home).get(killed.id).answered_by == run.id
    lives.check_same(
        lives.answer_of(home, run), lives.answer_of(tmp_path / "whole" / "home", expected)
    )


@pytest.mark.parametrize(
    ("number", "said", "status"),
    [
        (signal.SIGINT, "Cancelled.", Status.CANCELLED),
        (signal.SIGTERM, "Ended by SIGTERM.", Status.LOST),
        (signal.SIGHUP, "Ended by SIGHUP.", Status.LOST),
    ],
)
def test_a_command_that_is_ended_says_so_and_goes_on(number, said, status, nursery, home):
    ended = nursery.life(home, signal=number)

    assert ended == (0, 128 + number)
    told = (home.parent / "stderr").read_text().splitlines()
    assert told == [f"{said} Start the same again: it goes on from its finished parts."]
    (run,) = RunStore(home=home).list()
    assert run.status is status

    assert nursery.life(home) == (0, 0)
    (again,) = RunStore(home=home).list()
    assert again.status is Status.DONE
    assert lives.went_on(home, again)


def test_a_second_signal_ends_at_once_and_what_is_ignored_stays_so():
    before = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background ignores it
    heard = []

    def work():
        heard.append([signal.getsignal(number) for number in before])
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:  # what is done in good order can be cut short
            heard.append([signal.getsignal(number) for number in before])

    try:
        with pytest.raises(signals.Ended, match="SIGTERM"), signals.heard():
            work()
        with pytest.raises(KeyboardInterrupt), signals.heard():
            signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert heard[0][2] == heard[1][2] == signal.SIG_IGN
    assert heard[1][:2] == [signal.SIG_DFL, signal.SIG_DFL]
