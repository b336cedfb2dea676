"""Homes that something is wrong with: every command and page says so in a sentence and goes on."""

import json
from itertools import chain

import made_stores
import pytest
from judging import faults, judge
from store_looks import damaged

from usable_core import cli
from usable_core.runs.columns import runs as table

pytestmark = pytest.mark.faults

GENERATORS = {
    "files": made_stores.files_of_the_database,
    "forms": made_stores.forms_of_the_table,
    "rows": lambda: list(made_stores.rows())[::2],  # eleven values: each with every other column
    "queued rows": lambda: list(made_stores.rows(which=3))[::5],
    "questions": made_stores.questions,
    "artifacts": made_stores.artifacts,
    "places": made_stores.places,
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_whatever_is_wrong_with_a_home_is_a_sentence(kind, tmp_path):
    cases = list(damaged(tmp_path, GENERATORS[kind]()))

    verdicts = judge(cases, "store_looks:look")

    assert faults(verdicts) == []
    assert len(verdicts) == len(cases) > 10


def test_whatever_is_wrong_with_a_home_is_a_sentence_on_its_pages(tmp_path):
    each = [list(generator()) for generator in GENERATORS.values()]
    sample = chain.from_iterable(damages[:: max(1, len(damages) // 5)] for damages in each)
    cases = list(damaged(tmp_path, sample))

    verdicts = judge(cases, "store_looks:pages", seconds=60)

    assert faults(verdicts) == []


def test_five_thousand_runs_are_listed(tmp_path, capsys, monkeypatch):
    made_stores.sound(tmp_path)
    monkeypatch.setenv("USABLE_HOME", str(tmp_path))
    summary = json.dumps({"cells": list(range(1200))})
    copy = (
        "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 1249) "
        "INSERT INTO runs SELECT id || i AS id, {} FROM runs, k"
    )
    others = [f'"{c.name}"' for c in table.columns if c.name != "id"]
    made_stores.sql("UPDATE runs SET summary = ?", values=(summary,))(tmp_path)
    made_stores.sql(copy.format(", ".join(others)))(tmp_path)
    for words in ([], ["--json", "-"], ["--search", "resnet failed"]):
        assert cli.main(["runs", "list", "--limit", "5000", *words]) == 0
        assert capsys.readouterr().out.count("\n") > 1000
