"""Requirements that were set after the data were first looked at are told; others are not."""

import os
from dataclasses import replace

import pytest
from made_results import accuracy_result

from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore
from usable_core.verdicts.assessment import AssessmentConfig, AssessmentResult
from usable_core.verdicts.precedence import Precedence

DATA = DatasetSpec("digits")
ASKED = AssessmentConfig((ModelSpec("bundled/vgg_digits"),), DATA, ("ece <= 5 %", "top5 >= 9 %"))
MARK = "fingerprint"


@pytest.fixture
def store():
    return RunStore()


def look(store, data=DATA, mark=MARK):
    """A finished evaluation of some model on data."""
    result = accuracy_result([0, 1], [0, 1])
    config = replace(result.config, dataset=data)
    run = store.create(config)
    store.start(run.id, os.getpid())
    if mark:
        store.set_key(run.id, f"key of {run.id}"[:24], mark)
    store.finish(run.id, replace(result, config=config))


def test_requirements_that_came_first_are_not_marked(store):
    store.create(ASKED)
    look(store)

    found = store.precedence(ASKED, MARK)

    assert not found.is_after
    assert found.mark == ""
    assert found.looked > found.written


def test_requirements_that_came_after_a_look_are_marked(store):
    look(store)
    store.create(ASKED)

    found = store.precedence(ASKED, MARK)

    assert found.is_after
    assert "after" in found.mark
    assert found.looked[:10] in found.sentence


def test_the_same_requirements_stay_first_whatever_is_asked_later(store):
    store.create(ASKED)
    look(store)
    again = replace(
        ASKED, require=ASKED.require[::-1], models=(ModelSpec("bundled/vgg"),), preset="standard"
    )
    store.create(again)
    stricter = replace(ASKED, require=("ece <= 4 %", "top5 >= 9 %"))
    store.create(stricter)

    assert not store.precedence(again, MARK).is_after
    assert store.precedence(stricter, MARK).is_after
    assert store.precedence(replace(ASKED, norm="l2"), MARK).written == ""


def test_only_looks_at_the_same_data_count(store):
    look(store, mark="other")
    look(store, DatasetSpec("digits", split="train"))
    store.create(replace(ASKED, dataset=DatasetSpec("digits", split="test")))
    asked = replace(ASKED, dataset=DatasetSpec("digits", split="test"))
    assert not store.precedence(asked, MARK).is_after

    look(store)
    store.create(stricter := replace(asked, require=("ece <= 1 %",)))
    assert store.precedence(stricter, MARK).is_after


def test_a_look_of_an_older_version_is_known_by_the_name_of_the_data(store):
    look(store, mark=None)
    store.create(ASKED)

    assert store.precedence(ASKED, MARK).is_after


def test_a_look_that_was_stopped_counts_once_it_came_to_numbers(store):
    run = store.create(accuracy_result([0], [0]).config)
    store.start(run.id, os.getpid())
    store.set_key(run.id, "key", MARK)
    store.create(ASKED)
    assert not store.precedence(ASKED, MARK).is_after

    store.progress(run.id, 5, 10, "Measuring")
    store.cancelled(run.id)

    assert store.precedence(ASKED, MARK).is_after


def test_the_verdict_says_it_in_its_sentence_and_its_json():
    records = AssessmentResult(ASKED, _records()).records
    late = Precedence("2026-11-27T02:00:00+00:00", "2026-11-26T12:00:00+00:00")

    result = AssessmentResult(ASKED, records, late)

    assert "fit for this use" in result.sentence
    assert result.sentence.endswith("set after the test data had been looked at.")
    assert result.summary()["precedence"]["is_after"] is True
    assert "2026-11-26 12:00 UTC" in result.precedence.sentence
    assert "looked" not in AssessmentResult(ASKED, records).sentence


def _records():
    import pandas as pd

    row = {"value": 0.01, "low": 0.0, "high": 0.02, "n": 100, "outcome": "met"}
    rest = {"reason": "", "examples": 0, "run": "", "model": "m", "name": "m"}
    return pd.DataFrame([{**row, **rest, "requirement": text} for text in ASKED.require])
