"""Processes that share the steps of a training: to 1e-6 what one does that takes the same parts."""

import multiprocessing
import os
import pickle
from datetime import timedelta

import numpy as np
import pytest
import torch
import torch.distributed as dist
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from torch import nn

from usable_core import load_model
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.errors import ConfigError, DatasetRefused, ProcessLost
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.pretraining import PretrainingConfig
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, silent
from usable_core.evaluations.training import FineTuningConfig
from usable_core.jobs import ranks
from usable_core.training import processes
from usable_core.training.fine_tuning import fine_tune
from usable_core.training.meter import NUMBERS, Figures
from usable_core.training.objective import Loss
from usable_core.training.statistics import Statistics

TASK = DatasetSpec("digits", split="train")
PLAIN = {"epochs": 2, "batch_size": 16, "precision": "float32", "optimizer": "sgd"}
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def data():
    found = load_digits()
    return dataset_from_arrays((found.images[:50] * 15.9).astype(np.uint8), found.target[:50])


def in_two(work, folder):
    """Return what two processes return of `work(rank)`, which are a group meanwhile."""
    context, found = multiprocessing.get_context("fork"), []

    def be_one(rank, answers):
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        store = f"file://{folder}/group"
        torch.set_num_threads(1)
        dist.init_process_group(
            "gloo", init_method=store, rank=rank, world_size=2, timeout=timedelta(seconds=60)
        )
        answers.send_bytes(pickle.dumps(work(rank)))
        answers.close()
        dist.destroy_process_group()

    for rank in range(2):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=be_one, args=(rank, there), daemon=True)
        process.start()
        there.close()
        found.append((process, here))
    answers = [pickle.loads(here.recv_bytes()) if here.poll(120) else None for _, here in found]
    for process, _ in found:
        process.join(20)
        assert process.exitcode == 0
    return answers


def tuned(data, folder, schedule, **settings):
    config = FineTuningConfig(
        ModelSpec("bundled/resnet_digits"),
        TASK,
        schedule=Schedule(**{**PLAIN, **schedule}),
        **settings,
    )
    objects = {"model": load_model("bundled/resnet_digits"), "dataset": data}
    objects["source"] = data if config.source else None
    result = fine_tune(**objects, config=config, report=silent, folder=folder)
    return load_file(folder / "model.safetensors"), result.records.drop(columns="seconds")


CASES = {
    "plain": ({}, {}),
    "all": (
        {
            "mixup": 0.4,
            "ema": 0.5,
            "augmentation": "shift_flip",
            "patience": 1,
        },
        {"source": DatasetSpec("digits", split="train", limit=20), "task_weight": 2.0},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_two_share_a_training_and_end_where_one_does_that_takes_the_same_parts(
    case, data, tmp_path
):
    """16 = 8 + 8, and the last batch of an epoch has fewer, which the first takes alone."""
    schedule, settings = CASES[case]
    one, expected = tuned(data, tmp_path / "one", {**schedule, "micro_batch": 8}, **settings)

    def work(rank):
        return tuned(data, tmp_path / str(rank), {**schedule, "processes": 2}, **settings)

    found = in_two(work, tmp_path)

    for weights, records in found:
        assert max(float((weights[n] - one[n]).abs().max()) for n in one) < 1e-6
        np.testing.assert_allclose(records, expected, rtol=1e-5, atol=1e-6)
    first, second = (weights for weights, _ in found)
    assert all(torch.equal(first[name], second[name]) for name in one)


def test_one_process_alone_takes_the_parts_of_all(data, tmp_path):
    alone, _ = tuned(data, tmp_path / "alone", {"processes": 2})
    parts, _ = tuned(data, tmp_path / "parts", {"micro_batch": 8})

    assert all(torch.equal(alone[name], parts[name]) for name in parts)


def test_what_one_has_nothing_of_is_as_if_it_were_not_there(tmp_path):
    """An idle process: no gradient, no figures, no part; and a weight that nobody moved."""

    def work(rank):
        layer = nn.BatchNorm1d(2)
        statistics, unmoved = Statistics([layer]), nn.Parameter(torch.ones(1))
        if rank:
            layer(torch.tensor([[0.0, 1], [2, 5]])).square().sum().backward()
            statistics.take(1.0)
        parameters = [*layer.parameters(), unmoved]
        processes.add_up_gradients(parameters)
        statistics.settle()
        loss = Loss(torch.tensor(1.0), torch.tensor(4), torch.tensor(2.0))
        figures = loss.gathered(torch.tensor(3.0)) if rank else torch.zeros(NUMBERS)
        processes.add_up([figures])
        named = processes.from_first(lambda: rank), processes.is_any(rank == 1, CPU)
        gradients = [p.grad.tolist() if p.grad is not None else None for p in parameters]
        buffers = [layer.running_mean.tolist(), int(layer.num_batches_tracked)]
        return gradients, buffers, Figures.of(figures.tolist()), named

    first, second = in_two(work, tmp_path)

    assert first == second
    assert first[0][0] is not None
    assert first[0][-1] is None
    assert first[1] == [pytest.approx([0.1, 0.3]), 1]
    assert first[2] == Figures(total=3.0, task=1.0, source=2.0, correct=4.0)
    assert first[3] == (0, True)


def test_statistics_end_at_the_mean_of_what_the_parts_say():
    layer, expected = nn.BatchNorm1d(1, momentum=0.5), nn.BatchNorm1d(1, momentum=0.5)
    parts = [torch.tensor([[1.0], [3]]), torch.tensor([[10.0], [10], [40]])]
    statistics = Statistics([layer])
    for part in parts:
        layer(part)
        statistics.take(len(part) / 5)
    statistics.settle()

    assert float(layer.running_mean) == pytest.approx(0.5 * (2 / 5 * 2 + 3 / 5 * 20))
    assert int(layer.num_batches_tracked) == 1
    expected(parts[0])
    assert float(expected.running_mean) == pytest.approx(1.0)


def test_statistics_of_each_network_are_of_its_own_parts():
    """The task's two parts, and then all of the source at once."""
    task, source = (nn.BatchNorm1d(1, momentum=0.5) for _ in range(2))
    statistics = Statistics([task, source])
    for layer, share, mean in ((task, 0.25, 4.0), (task, 0.75, 8.0), (source, 1.0, 6.0)):
        layer(torch.tensor([[mean - 1], [mean + 1]]))
        statistics.take(share)
    statistics.settle()

    assert float(task.running_mean) == pytest.approx(0.5 * (0.25 * 4 + 0.75 * 8))
    assert float(source.running_mean) == pytest.approx(0.5 * 6)
    assert int(task.num_batches_tracked) == int(source.num_batches_tracked) == 1


def test_buffers_that_are_infinite_or_no_numbers_stay():
    module = nn.Module()
    module.register_buffer("mask", torch.tensor([0.0, -torch.inf]))
    module.register_buffer("seen", torch.tensor([True, False]))
    statistics = Statistics([module])
    statistics.take(0.5)
    statistics.take(0.5)
    statistics.settle()

    assert module.mask.tolist() == [0, -torch.inf]
    assert module.seen.tolist() == [True, False]


@pytest.mark.parametrize(
    ("processes_", "batch_size", "micro_batch", "together"),
    [
        (None, 64, None, None),
        (1, 64, 16, 16),
        (2, 64, None, 32),
        (3, 64, None, 22),
        (2, 64, 8, 8),
        (9, 10, None, 4),
    ],
)
def test_how_many_examples_go_through_together(processes_, batch_size, micro_batch, together):
    schedule = Schedule(
        epochs=1, batch_size=batch_size, micro_batch=micro_batch, processes=processes_
    )

    assert schedule.together == together


def test_a_question_says_how_many_share_it():
    spec, schedule = ModelSpec("bundled/vit"), Schedule(processes=3)

    assert ranks.asked_for(FineTuningConfig(spec, TASK, schedule=schedule)) == 3
    assert ranks.asked_for(PretrainingConfig("small_vit", TASK, schedule)) == 3
    assert ranks.asked_for(PretrainingConfig("small_vit", TASK)) == 1
    assert ranks.asked_for(AccuracyConfig(spec, TASK)) == 1


def test_what_cannot_be_shared_is_a_sentence(monkeypatch):
    with pytest.raises(ConfigError, match="processes must be left out for a linear probe"):
        FineTuningConfig(ModelSpec("bundled/vit"), TASK, "linear_probe", Schedule(processes=2))
    with pytest.raises(ConfigError, match="processes must be left out where the pictures"):
        PretrainingConfig("small_vit", TASK, Schedule(processes=2), objective="contrastive")
    monkeypatch.setattr("usable_core.training.processes.best_device", lambda: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match="processes is 2, one GPU each, and this machine shows 1"):
        ranks.run(PretrainingConfig("small_vit", TASK, Schedule(processes=2)), {}, silent, None)
    monkeypatch.setattr("usable_core.training.processes.best_device", lambda: torch.device("mps:0"))
    with pytest.raises(ConfigError, match="processes must be left out on this one device, mps:0"):
        ranks.run(PretrainingConfig("small_vit", TASK, Schedule(processes=2)), {}, silent, None)


def test_data_that_others_cannot_find_by_their_name_are_refused(tmp_path):
    config = PretrainingConfig("small_vit", TASK, Schedule(processes=2))
    question = {"task": "pretrain", "config": ranks.tasks.config_to_json(config), "key": "other"}

    with pytest.raises(DatasetRefused, match="found others than were asked about"):
        ranks._answer(question, silent, tmp_path)


def test_a_lost_process_is_told_to_others():
    error = pickle.loads(pickle.dumps(ProcessLost()))

    assert str(error) == str(ProcessLost())
    assert "goes on from its last checkpoint" in str(error)
