"""What nodes measure is what this process would have: any node, any order, parts of any size."""

import pickle
import random
import socket
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import test_parts
from planted_words import planted
from test_parts import KINDS, cats_and_dogs, check_same, check_same_files, measured, pictures

from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.cli import main
from usable_core.datasets.texts import from_texts
from usable_core.errors import Cancelled, ConfigError, StorageError
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring import accuracy, node, parts, robustness, shards, spreading
from usable_core.measuring.parts import Cluster
from usable_core.measuring.work import Part, Place, Work


@pytest.fixture
def handed(monkeypatch):
    """Have nodes of this process measure, in an order by chance; what they were handed."""
    draw, found = random.Random(0), []

    def shuffled(part, ranges, cluster):
        waiting = []
        while True:
            while len(waiting) < 3 and (taken := ranges.take(3)):
                waiting.append(taken)
            if not waiting:
                return
            yield None
            range_ = waiting.pop(draw.randrange(len(waiting)))
            found.append(range_)
            yield next(parts.here(part, SimpleNamespace(take=lambda room, one=range_: one)))

    monkeypatch.setattr(parts, "on_ray", shuffled)
    monkeypatch.setattr(parts, "connected", lambda address: None)
    monkeypatch.setattr(parts, "require_room", lambda ray, cluster: None)
    monkeypatch.setattr(robustness, "_LEAST", 3)
    return found


def on_nodes(monkeypatch, model, data, *, steps=1, longest=1000.0):
    """Let nodes find a model and data under their names, and take so many steps at once."""
    monkeypatch.setenv("USABLE_RAY_ADDRESS", "127.0.0.1:6379")
    monkeypatch.setattr(
        node, "_loaded", lambda spec: model if isinstance(spec, ModelSpec) else data
    )
    monkeypatch.setattr(spreading.Ranges, "_count", lambda self, room: steps)
    monkeypatch.setattr(spreading, "LONGEST_SECONDS", longest)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("accuracy", "small"),
        ("accuracy", "goes on"),
        ("corruption", "handed in early"),
        ("corruption", "goes on"),
        ("robustness", "small"),
        ("explanation", "large"),
    ],
)
def test_nodes_find_what_this_process_does(name, way, handed, monkeypatch, tmp_path):
    model, data = cats_and_dogs(), pictures(tmp_path)
    expected = measured(name, model, data, tmp_path / "whole")
    if way == "goes on":
        monkeypatch.setattr(shards, "PART_SECONDS", 0.0)
        with pytest.raises(test_parts.Killed):
            measured(name, model, data, tmp_path / "run", test_parts.killed_at(3))
        assert len(list((tmp_path / "run" / "shards").glob("*.parquet"))) >= 1

    early = 0.0 if way == "handed in early" else 1000.0
    on_nodes(monkeypatch, model, data, steps=1 if way == "small" else 3, longest=early)
    found = measured(name, model, data, tmp_path / "run")

    assert len(handed) >= 1
    assert found.provenance.hosts == (socket.gethostname(),)
    source = replace(found.provenance, hosts=())
    check_same(replace(found, provenance=source), expected)
    check_same_files(tmp_path / "run", tmp_path / "whole")
    if name == "robustness":
        assert found.checks == expected.checks


def test_nodes_attack_texts_as_this_process_does(handed, monkeypatch, tmp_path):
    model, judge = planted(great=2.0), planted("judge", great=1.0)
    words = [f"{'great ' if i % 3 else ''}{'film ' * (i % 7)}{i}" for i in range(260)]
    data = from_texts("texts", words, np.zeros(260, int), model.labels)
    config = RobustnessConfig(
        model.spec,
        DatasetSpec("texts", "all"),
        TEXT_PRESETS["typo"].attacks,
        epsilons=(0.0, 0.5),
        walked=4,
        judge=judge.spec,
    )
    asked = {"model": model, "dataset": data, "config": config, "judge": judge}
    expected = robustness.measure(**asked)

    on_nodes(monkeypatch, model, data)
    by_name = {model.spec: model, judge.spec: judge}
    monkeypatch.setattr(node, "_loaded", lambda spec: by_name.get(spec, data))
    found = robustness.measure(**asked, folder=tmp_path)

    assert len(handed) >= 7, "two windows of four steps, the first of which is made here"
    pd.testing.assert_frame_equal(found.records, expected.records, check_exact=True)


def test_what_is_kept_nowhere_is_measured_here(handed, monkeypatch, tmp_path):
    model, data = cats_and_dogs(), pictures(tmp_path)
    on_nodes(monkeypatch, model, data)

    found = measured("accuracy", model, data, None)

    assert not handed
    assert found.provenance.hosts == ()


def test_a_cancel_is_heard_before_anything_comes_back(handed, monkeypatch, tmp_path):
    model, data = cats_and_dogs(), pictures(tmp_path)
    on_nodes(monkeypatch, model, data)

    def report(done, total, message, **metrics):
        if list((tmp_path / "run").glob("shards/*.parquet")):  # the first, which is made here
            raise Cancelled

    with pytest.raises(Cancelled):
        measured("corruption", model, data, tmp_path / "run", report)
    assert not handed


@pytest.mark.parametrize(
    ("differs", "said"),
    [
        ({"versions": {"torch": "0"}}, r"has .* and this run"),
        ({"device": "NVIDIA H100"}, "another device"),
        ({"threads": 3}, "another number of threads"),
        ({"model": "other"}, "other weights or classes"),
        ({"data": "other"}, "other examples"),
    ],
)
def test_a_part_of_another_making_is_refused(differs, said, handed, monkeypatch, tmp_path):
    model, data = cats_and_dogs(), pictures(tmp_path)
    on_nodes(monkeypatch, model, data)
    measure = spreading.measured_part

    def other(*order):
        found = measure(*order)
        return replace(found, facts=replace(found.facts, **differs))

    monkeypatch.setattr(spreading, "measured_part", other)
    monkeypatch.setattr(pickle, "dumps", lambda thing: thing)
    monkeypatch.setattr(pickle, "loads", lambda thing: thing)

    with pytest.raises(ConfigError, match=said) as refused:
        measured("accuracy", model, data, tmp_path / "run")
    assert socket.gethostname() in str(refused.value)


def test_a_node_of_another_version_measures_nothing(handed, monkeypatch, tmp_path):
    model, data = cats_and_dogs(), pictures(tmp_path)
    on_nodes(monkeypatch, model, data)
    here = node.software()
    answers = iter([here, {**here, "torch": "0.1"}])
    monkeypatch.setattr(node, "software", lambda: next(answers))
    monkeypatch.setattr(node, "_on_node", lambda *_: pytest.fail("it was loaded"))

    with pytest.raises(ConfigError, match=r"has torch 0\.1, and this run"):
        measured("accuracy", model, data, tmp_path / "run")


def test_what_a_node_does_not_see_is_named_with_the_node(handed, monkeypatch, tmp_path):
    model, data = cats_and_dogs(), pictures(tmp_path)
    on_nodes(monkeypatch, model, data)
    gone = DatasetSpec(str(tmp_path / "gone"), "all")
    config = replace(KINDS["accuracy"][1], dataset=gone)
    monkeypatch.undo()
    monkeypatch.setenv("USABLE_RAY_ADDRESS", "127.0.0.1:6379")
    monkeypatch.setattr(parts, "connected", lambda address: None)
    monkeypatch.setattr(parts, "require_room", lambda ray, cluster: None)
    monkeypatch.setattr(parts, "on_ray", lambda part, ranges, cluster: parts.here(part, ranges))
    own = node._loaded
    monkeypatch.setattr(
        node, "_loaded", lambda spec: model if isinstance(spec, ModelSpec) else own(spec)
    )

    with pytest.raises(ConfigError) as refused:
        accuracy.measure(model=model, dataset=data, config=config, folder=tmp_path / "run")
    assert f"Node {socket.gethostname()} cannot load {tmp_path / 'gone'}" in str(refused.value)


def work(examples, unit, pieces):
    """Return work of steps that do nothing."""
    nothing = SimpleNamespace()
    return Work(
        nothing, [None] * examples, None, None, None, None, None, None, unit=unit, pieces=pieces
    )


def test_ranges_follow_the_time_that_was_measured_and_cover_everything():
    found = spreading.Ranges(work(1000, 10, 4), [(Place(0, 1), Place(1000))])
    taken, lengths = [], []

    while range_ := found.take(4):
        steps = found._length(range_)
        lengths.append(steps)
        stop = min(range_[1], found._work.after(range_[0], 40))  # no more in the longest time
        taken.append((range_[0], stop))
        found.finished(range_, Part(pd.DataFrame(), stop, found._length(taken[-1]) * 0.5, {}))

    assert lengths[0] == 1, "nobody knows yet how long a step takes"
    assert max(lengths) == spreading.PART_SECONDS / 0.5
    assert lengths[-1] < max(lengths), "the last are short, so that nobody waits for one"
    assert [a for a, _ in taken] == [Place(0, 1), *(b for _, b in taken[:-1])]
    assert taken[-1][1] == Place(1000)


@pytest.mark.parametrize(("examples", "unit", "pieces"), [(10, 3, 1), (9, 3, 4), (7, 10, 2)])
def test_steps_are_numbered_as_they_follow(examples, unit, pieces):
    asked, place, places = work(examples, unit, pieces), Place(), []
    while place < Place(examples):
        places.append(place)
        place = asked.after(place, 1)

    assert list(map(asked.number, places)) == list(range(-(-examples // unit) * pieces))
    assert place == Place(examples)
    assert asked.after(Place(), 1000) == Place(examples)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("127.0.0.1:1", "Nobody listens at 127.0.0.1:1"),
        ("127.0.0.1:99999", "Nobody listens at 127.0.0.1:99999"),
        ("127.0.0.1", "HOST:PORT"),
        ("ray://127.0.0.1:10001", "HOST:PORT"),
    ],
)
def test_a_cluster_that_is_not_there_is_told_at_once(address, said, capsys, monkeypatch):
    hanging = {"is_initialized": lambda: False, "init": lambda **_: pytest.fail("it would hang")}
    ray = SimpleNamespace(**hanging)
    monkeypatch.setitem(sys.modules, "ray", ray)

    monkeypatch.setattr(robustness, "plan", lambda *_: pytest.fail("something was measured"))
    asked = ["--model", "bundled/vgg_digits", "--dataset", "digits", "--limit", "20"]
    status = main(["evaluate", "robustness", *asked, "--ray", address])

    assert status == 2
    assert said in capsys.readouterr().err


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)

    with pytest.raises(ConfigError, match=r'pip install "usable\[ray\]"'):
        parts.connected("127.0.0.1:6379")


def cluster_of(*nodes):
    found = [{"Alive": alive, "Resources": resources} for alive, resources in nodes]
    total = {k: sum(r.get(k, 0) for a, r in nodes if a) for k in ("CPU", "GPU")}
    return SimpleNamespace(
        nodes=lambda: found, cluster_resources=lambda: {k: n for k, n in total.items() if n}
    )


def test_a_part_that_no_node_can_take_is_told_at_once():
    ray = cluster_of((True, {"CPU": 2.0}), (False, {"CPU": 8.0, "GPU": 1.0}), (True, {}))

    assert parts.Room(ray, Cluster("a:1")).now() == 2
    parts.require_room(ray, Cluster("a:1", threads=2))
    with pytest.raises(ConfigError, match=r"measures on a GPU, and the cluster at a:1 has none"):
        parts.require_room(ray, Cluster("a:1", gpus=1))
    with pytest.raises(ConfigError, match=r"computes with 4 threads.*OMP_NUM_THREADS=1"):
        parts.require_room(ray, Cluster("a:1", threads=4))
    room = parts.Room(ray, Cluster("a:1"))
    room.now()
    ray.nodes, room._looked = None, -9.0
    assert room.now() == 2, "the head is gone, and what is under way may still come"
    many = cluster_of((True, {"CPU": 16.0, "GPU": 4.0}), (True, {"CPU": 2.0, "GPU": 4.0}))
    assert parts.Room(many, Cluster("a:1", threads=2, gpus=1)).now() == 4 + 1


def test_what_becomes_of_a_task_is_told_as_it_was_there():
    class TaskError(Exception):
        cause = Cancelled("It goes on.")

    class RayError(Exception):
        pass

    def ray_of(error):
        def get(reference):
            if isinstance(error, Exception):
                raise error
            return error

        return SimpleNamespace(
            get=get, exceptions=SimpleNamespace(RayTaskError=TaskError, RayError=RayError)
        )

    with pytest.raises(Cancelled, match=r"Cancelled\. It goes on\."):
        parts._handed_in(ray_of(TaskError()), None)
    with pytest.raises(StorageError, match="was tried 4 times"):
        parts._handed_in(ray_of(RayError("gone")), None)
    with pytest.raises(ConfigError, match="Node a has another Usable"):
        parts._handed_in(ray_of("Node a has another Usable."), None)
    assert parts._handed_in(ray_of(3), None) == 3
    assert "another Usable, or none" in parts._sent_whole()(b"no pickle", (0, 0), (1, 0))
