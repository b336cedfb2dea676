"""A process that works on a question is killed, or a command is ended from outside: a sample.

More of it: `pytest -m faults tests/faults/test_kills.py`.
"""

import signal

import pytest
from faults import lives

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
