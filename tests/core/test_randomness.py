"""Numbers that depend on an example's seed and on nothing else."""

import math

import numpy as np
import torch
from scipy import stats

from usable_core.randomness import (
    _mix32,
    _mix32_in_place,
    example_seeds,
    normal,
    seed_drawing,
    signs,
    uniform,
)

SEEDS = example_seeds([f"image{i}" for i in range(40)], 0)


def test_the_numbers_of_an_example_do_not_depend_on_its_company():
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))

    for draw in (uniform, normal, signs):
        together = draw(SEEDS, (3, 7, 5), 4)
        assert torch.equal(draw(SEEDS[order], (3, 7, 5), 4), together[order])
        assert torch.equal(draw(SEEDS[[3]], (3, 7, 5), 4), together[[3]])


def test_streams_can_differ_by_example():
    streams = torch.arange(40) % 5

    mixed = uniform(SEEDS, (9,), streams)

    for stream in range(5):
        chosen = streams == stream
        assert torch.equal(mixed[chosen], uniform(SEEDS[chosen], (9,), stream))


def test_uniform_numbers_pass_a_kolmogorov_smirnov_test_and_never_reach_the_ends():
    numbers = uniform(SEEDS, (5000,)).flatten()

    assert numbers.min() > 0
    assert numbers.max() < 1
    assert stats.kstest(numbers.double().numpy(), "uniform").pvalue > 0.01


def test_normal_numbers_pass_a_kolmogorov_smirnov_test():
    numbers = normal(SEEDS, (4999,)).flatten().double().numpy()

    assert stats.kstest(numbers, "norm").pvalue > 0.01


def test_signs_are_fair():
    found = signs(SEEDS, (5000,))

    assert set(found.unique().tolist()) == {-1.0, 1.0}
    assert abs(found.mean()) < 4 / math.sqrt(found.numel())


def test_neighbouring_seeds_streams_and_places_are_uncorrelated():
    seeds = torch.arange(200)
    numbers = uniform(seeds, (2000,))
    other = uniform(seeds, (2000,), 1)

    bound = 5 / math.sqrt(numbers.numel())
    for first, second in [
        (numbers[:-1], numbers[1:]),
        (numbers[:, :-1], numbers[:, 1:]),
        (numbers, other),
    ]:
        correlation = torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1]
        assert abs(correlation) < bound


def test_seeds_depend_on_identity_and_seed():
    assert torch.equal(example_seeds(["a", "b"], 1), example_seeds(["b", "a"], 1).flip(0))
    assert not torch.equal(example_seeds(["a"], 1), example_seeds(["a"], 2))


def test_the_processor_makes_the_numbers_that_other_devices_make():
    numbers = torch.randint(-(2**31), 2**31, (1000,), dtype=torch.int64).to(torch.int32)
    on_processor = numbers.numpy().view(np.uint32).copy()

    _mix32_in_place(on_processor, np.empty_like(on_processor))

    assert torch.equal(torch.from_numpy(on_processor.view(np.int32)), _mix32(numbers.clone()))


def test_a_count_beyond_one_piece_continues_the_same_numbers():
    long, short = uniform(SEEDS[:3], (40_000,)), uniform(SEEDS[:3], (20_000,))

    assert torch.equal(long[:, :20_000], short)
    assert len(long[0].unique()) > 39_000, "24 bits repeat about 48 of 40,000"


def test_networks_draw_as_after_torchs_own_seeding():
    x = torch.ones(1000)
    torch.manual_seed(2**62 + 5)
    expected = torch.dropout(x, 0.5, train=True), torch.rand(3)

    seed_drawing(torch.device("cpu"), 2**62 + 5)

    found = torch.dropout(x, 0.5, train=True), torch.rand(3)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
