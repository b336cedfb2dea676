"""kill -9 at random times and at random writes: nothing is lost, and everything goes on."""

import random

import pytest
from faults import lives
from faults.nursery import TRAINED

from usable_core.runs import RunStore, Status

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]
KILLS = 12  # of each kind, half of them at a write
SECONDS = {"evaluation": (0.1, 1.0), "training": (0.3, 4.0)}  # until one at a random time
LIVES = 4  # of a question, at most, until it may come to its end


@pytest.fixture(scope="module")
def nursery():
    found = lives.Nursery()
    yield found
    found.end()


@pytest.mark.parametrize("kind", ["accuracy", "corruption", "robustness", "explanation", *TRAINED])
def test_killed_again_and_again_it_goes_on_to_the_same_answer(kind, nursery, tmp_path):
    home, whole, draw = tmp_path / "a" / "home", tmp_path / "b" / "home", random.Random(kind)
    for folder in (home, whole):
        folder.parent.mkdir()
    seconds = SECONDS["training" if kind in TRAINED else "evaluation"]
    kills, gone_on, done, turn = 0, 0, {}, 0
    while kills < KILLS:
        for life in range(LIVES + 1):
            death = (
                {"write": draw.randint(1, 70)} if kills % 2 else {"after": draw.uniform(*seconds)}
            )
            order = {"kind": kind, "turn": turn, **(death if life < LIVES else {})}
            ended = nursery.life(home, **order)
            lives.check_files(home)
            assert all(map(lives.is_over, lives.statuses(home)))
            for run_id, (run, answer) in done.items():
                assert RunStore(home=home).get(run_id) == run
                lives.check_same(lives.answer_of(home, run), answer)
            if ended == (0, 0):
                break
            assert ended[0] == 9
            kills += 1
        run = RunStore(home=home).list()[0]
        assert run.status is Status.DONE
        gone_on += lives.went_on(home, run)
        assert nursery.life(whole, kind=kind, turn=turn) == (0, 0)
        expected = RunStore(home=whole).list()[0]
        done[run.id] = run, lives.answer_of(home, run)
        lives.check_same(done[run.id][1], lives.answer_of(whole, expected))
        assert lives.beside(home, run) == lives.beside(whole, expected)
        assert set(lives.statuses(home)) == {Status.DONE}, "what was lost is joined to its answer"
        assert not list(home.rglob("shards")), "the answer holds what they held"
        turn += 1
    assert gone_on >= turn / 4
