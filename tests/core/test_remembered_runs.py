"""Runs that are over are read once; whatever changes is seen at the next look."""

import os

import pytest

from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.runs import RunStore, Status, remembered


@pytest.fixture
def store():
    return RunStore()


@pytest.fixture
def read(monkeypatch):
    """Ids of the rows that were read as runs."""
    found, to_run = [], remembered.to_run

    def noted(row):
        found.append(row["id"])
        return to_run(row)

    monkeypatch.setattr(remembered, "to_run", noted)
    return found


def failed(store, seed=0):
    config = AccuracyConfig(ModelSpec("bundled/vgg"), DatasetSpec("digits", seed=seed))
    run_id = store.create(config).id
    store.fail(run_id, "Broken.")
    return run_id


def test_a_run_that_is_over_is_read_once_and_one_that_is_not_each_time(store, read):
    over = failed(store)
    config = AccuracyConfig(ModelSpec("bundled/vit"), DatasetSpec("digits"))
    active = store.create(config).id

    lists = [[run.id for run in store.list()] for _ in range(3)]

    assert lists == [[active, over]] * 3
    assert (read.count(over), read.count(active)) == (1, 3)


def test_the_same_whatever_is_remembered(store):
    ids = [failed(store, seed) for seed in range(5)]
    store.list(limit=3)

    assert store.list() == RunStore().list()
    assert [run.id for run in store.list()] == ids[::-1]
    assert [run.id for run in store.list(limit=2, offset=1)] == [ids[3], ids[2]]


def test_a_lost_run_that_is_found_again_a_deleted_one_and_a_new_one_are_seen(store):
    gone, config = failed(store), AccuracyConfig(ModelSpec("bundled/vit"), DatasetSpec("digits"))
    lost = store.create(config).id
    store.start(lost, os.getpid())
    store.lose(lost)
    assert [run.status for run in store.list()] == [Status.LOST, Status.FAILED]

    store.heartbeat(lost)
    store.delete(gone)
    new = failed(store, 1)

    assert [(run.id, run.status) for run in store.list()] == [
        (new, Status.FAILED),
        (lost, Status.RUNNING),
    ]
    assert store.list() == RunStore().list()


def test_no_more_than_a_number_is_remembered(store, read, monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 3)
    monkeypatch.setattr(remembered, "AT_ONCE", 2)
    for seed in range(5):
        failed(store, seed)

    for _ in range(2):
        assert len(store.list()) == 5

    assert len(store._remembered._runs) == 3
    assert len(read) > 5


def test_runs_that_asked_the_same_share_one_question(store):
    failed(store), failed(store), failed(store, seed=1)

    other, second, first = (run.config for run in RunStore().list())

    assert first is second
    assert (first.dataset.seed, other.dataset.seed) == (0, 1)
