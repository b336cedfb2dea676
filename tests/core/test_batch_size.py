"""The batch size is found on real work and halved when memory ends."""

import pytest
import torch
from toy_models import images, linear_model

from usable_core.asking import batch_size as batching
from usable_core.asking.batch_size import (
    BatchSize,
    batch_size,
    best_batch_size,
    in_batches,
    remember,
    seconds_per_image,
)
from usable_core.errors import UsableError


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(batching, "_searches", {})


def search(costs):
    """Settle a size where a pass over n images takes costs[n] seconds per image."""
    size = BatchSize(list(costs))
    passes = []
    while not size.is_settled:
        passes.append(size.current)
        size.record(size.current, size.current * costs[size.current])
    return size.current, passes


def test_the_fastest_size_is_kept():
    assert search({64: 0.003, 128: 0.001, 256: 0.0014, 512: 0.0001})[0] == 128


def test_the_search_ends_where_larger_is_slower():
    assert 512 not in search({64: 0.003, 128: 0.001, 256: 0.0014, 512: 0.0001})[1]


def test_the_first_pass_is_a_warm_up():
    size = BatchSize([4, 8])
    size.record(4, 100.0)
    for seconds in (0.04, 0.04, 0.04, 0.4, 0.4, 0.4):
        size.record(size.current, seconds)

    assert size.is_settled
    assert size.current == 4


def test_parts_cover_everything_once_and_in_order():
    size = BatchSize([2, 4, 8])

    parts = [part for part, _ in in_batches(size, 45, lambda part: torch.zeros(1))]

    assert [i for part in parts for i in range(part.start, part.stop)] == list(range(45))


def test_a_size_that_is_little_slower_does_not_hide_a_faster_one():
    size = BatchSize([4, 8, 16])
    each = {4: 0.010, 8: 0.012, 16: 0.008}
    while not size.is_settled:
        size.record(size.current, each[size.current] * size.current)

    assert size.current == 16


def test_running_out_of_memory_halves_the_batch_and_is_told():
    size = BatchSize([16])

    def hungry(part):
        if part.stop - part.start > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.arange(part.start, part.stop)

    found = torch.cat([values for _, values in in_batches(size, 10, hungry)])

    assert found.tolist() == list(range(10))
    assert size.current == 4
    assert len(size.halvings) == 2
    assert "16 images" in size.halvings[0]


def test_the_allocator_of_the_cpu_is_understood_too():
    size = BatchSize([2])

    def hungry(part):
        if part.stop - part.start > 1:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate")
        return torch.zeros(1)

    assert len(list(in_batches(size, 4, hungry))) == 4


def test_a_single_image_that_does_not_fit_is_a_sentence():
    def hungry(part):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UsableError, match="Memory ran out on a single image"):
        list(in_batches(BatchSize([2]), 2, hungry))


def test_other_errors_pass_through():
    def broken(part):
        raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        list(in_batches(BatchSize([2]), 2, broken))


def test_a_chosen_size_is_remembered_per_model_and_purpose():
    model, other = linear_model(size=32), linear_model(size=32, seed=1)

    remember(model, BatchSize([7]))

    assert batch_size(model).current == 7
    assert not batch_size(other).is_settled
    assert not batch_size(model, needs_gradient=True).is_settled
    assert batch_size(model, fixed=3).current == 3


def test_an_unfinished_search_goes_on_where_it_was():
    model = linear_model(size=32)
    first = batch_size(model)
    for _ in range(4):  # a warm-up and three timed passes
        first.record(64, 1.0)
    remember(model, first)

    assert first.current == 128
    assert batch_size(model).current == 128


@pytest.mark.parametrize("needs_gradient", [False, True])
def test_the_best_size_is_timed_once(needs_gradient):
    model = linear_model(size=32)
    calls = []
    model.network.register_forward_pre_hook(lambda module, inputs: calls.append(1))

    found = best_batch_size(model, needs_gradient=needs_gradient, images=images(5, size=32))
    timed = len(calls)
    again = best_batch_size(model, needs_gradient=needs_gradient)

    assert found.current == again.current
    assert timed > 0
    assert len(calls) == timed


def test_sizes_beyond_the_examples_are_not_timed_until_there_are_more():
    model = linear_model(size=32)
    sizes = []
    model.network.register_forward_pre_hook(lambda module, inputs: sizes.append(len(inputs[0])))

    few = best_batch_size(model, at_most=3)
    timed_for_few = set(sizes)
    remember(model, few)
    sizes.clear()
    best_batch_size(model)

    assert timed_for_few == {few.current} == {64}
    assert max(sizes) > 64


@pytest.mark.parametrize(("side", "low", "high"), [(32, 64, 256), (224, 2, 16)])
def test_candidates_on_a_cpu_fit_its_caches(side, low, high):
    size = batch_size(linear_model(size=side))

    assert size.current == low
    assert size.largest == high


@pytest.mark.parametrize("needs_gradient", [False, True])
def test_the_time_of_an_image_is_that_of_a_batch_shared_out(monkeypatch, needs_gradient):
    clock = iter(range(1000))
    monkeypatch.setattr(batching.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(batching, "_candidates", lambda model, needs_gradient: [8])

    found = seconds_per_image(linear_model(), needs_gradient=needs_gradient)

    assert found == 3 / 8  # one tick to its end, two of them of the batch inside
