"""What an earlier version stored still opens; what a later one stored is refused in a sentence.

`tests/stored/version_1` is the store of a run of `usable evaluate` of form 1: three robustness runs
(PGD with settings of its own on two backbones, the preset Glance) and one of accuracy.
"""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from usable_core import cli, tasks
from usable_core.catalog.attacks import PRESETS, AttackSpec
from usable_core.errors import StorageError
from usable_core.evaluations.attack_choice import AttackChoice
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.schema import SCHEMA, upgraded
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore
from usable_core.runs.database import forget

STORED = Path(__file__).parents[1] / "stored" / "version_1"


@pytest.fixture
def old(tmp_path, monkeypatch):
    """A copy of the old store, which is this process's own."""
    home = tmp_path / "home"
    shutil.copytree(STORED, home)
    monkeypatch.setenv("USABLE_HOME", str(home))
    yield RunStore(home=home)
    forget()


def change(old, statement, *values):
    with sqlite3.connect(old.home / "runs.sqlite") as connection:
        connection.execute(statement, values)
    forget()


def test_questions_of_form_1_hold_their_attacks_now(old):
    runs = old.list("robustness")

    own = (AttackSpec("pgd", steps=3, restarts=2, step_size=0.5),)
    assert [run.config.preset for run in runs] == ["glance", None, None]
    assert [run.config.attacks for run in runs] == [PRESETS["glance"].attacks, own, own]
    assert [run.config.walked for run in runs] == [0, 2, 2]


def same(said, now):
    """Tell whether two answers are equal, but for a float's last digits: quantiles' libraries."""
    if isinstance(said, dict):
        return said.keys() == now.keys() and all(same(said[name], now[name]) for name in said)
    if isinstance(said, list):
        return len(said) == len(now) and all(map(same, said, now))
    return said == (pytest.approx(now, rel=1e-12) if isinstance(now, float) else now)


def test_answers_of_form_1_open_and_say_what_they_said(old):
    for run in old.list():
        result = old.load(run.id)

        assert result.config == run.config
        said, now = json.loads(json.dumps(run.summary)), tasks.to_json(result.summary())
        for name, value in said.items():
            assert same(value, now[name]), (name, value, now[name])
        assert now.keys() - run.summary.keys() <= {"worst_class"}  # later versions say more


def test_runs_of_form_1_are_compared(old, capsys):
    ids = [run.id for run in old.list("robustness") if run.config.preset is None]

    assert cli.main(["compare", *ids, "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["pairs"]) == 3


def test_new_runs_stand_beside_the_old_ones(old):
    asked = RobustnessConfig(
        ModelSpec("bundled/vgg"), DatasetSpec("digits"), attacks=AttackChoice("standard").attacks
    )

    run = old.create(asked)

    assert old.get(run.id).config == asked
    assert len(old.list()) == 5


def test_a_question_of_the_present_form_is_left_as_it_is():
    config = tasks.config_to_json(RobustnessConfig(ModelSpec("m"), DatasetSpec("d")))

    assert upgraded("robustness", config) == {k: v for k, v in config.items() if k != "schema"}


def test_a_question_of_a_later_form_is_refused_in_a_sentence(old):
    run = old.list("accuracy")[0]
    config = json.dumps(tasks.config_to_json(run.config) | {"schema": SCHEMA + 1, "new": 1})
    change(old, "UPDATE runs SET config = ? WHERE id = ?", config, run.id)

    with pytest.raises(StorageError, match=r"stored by a newer version .* Update Usable"):
        old.get(run.id)
    assert run.id not in [other.id for other in RunStore().list()]


def test_a_store_of_a_later_version_is_refused_in_a_sentence(old, capsys):
    assert len(old.list()) == 4
    change(old, "UPDATE store SET schema = ?", SCHEMA + 1)
    change(old, "ALTER TABLE runs RENAME COLUMN title TO called")

    assert cli.main(["runs"]) == 2
    assert "This store of runs was stored by a newer version" in capsys.readouterr().err


def test_a_file_that_is_no_store_is_refused_in_a_sentence(old, capsys):
    (old.home / "runs.sqlite").write_bytes(b"no database at all" * 100)
    forget()

    assert cli.main(["runs"]) == 2
    assert "it is no database of Usable's" in capsys.readouterr().err
