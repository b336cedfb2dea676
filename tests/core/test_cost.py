"""The cost of an answer: exact counts, known times, intervals by brute force, one machine."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from torch import nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import get_model, get_model_weights
from torchvision.models.vision_transformer import VisionTransformer
from toy_models import dataset_of, model_of

import usable_core as usable
from usable_core import answering, cli, jobs
from usable_core.catalog.references import files_of
from usable_core.errors import ConfigError, UnknownName
from usable_core.evaluations.cost import CostConfig, timings_for
from usable_core.evaluations.machine import Machine
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring import cost, machine
from usable_core.metrics.quantiles import quantile, values_needed
from usable_core.models.counting import alive_bytes, weight_bytes, work_of
from usable_core.runs import RunStore
from usable_core.verdicts import check, requirement

SIDE = 8
FLAT = 3 * SIDE * SIDE
IDLE = Machine("abcd1234", "A processor", 2, 2, 2, "A processor", "Linux", load=0.1, others=0.0)


def linear():
    return nn.Sequential(nn.Flatten(), nn.Linear(FLAT, 10))


def pictures(count=5):
    pixels = np.random.default_rng(0).integers(0, 255, (count, 6, 10, 3), dtype=np.uint8)
    return dataset_of(pixels, np.arange(count) % 2, ["a", "b"])


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Little is timed, and two pictures at once are said to be the fastest."""
    monkeypatch.setattr(cost, "WARM_UP_SECONDS", 0.0)
    monkeypatch.setattr(cost, "FOUND_SECONDS", 0.1)
    monkeypatch.setattr(cost, "_fastest", lambda model, pictures: 2)


# What is counted


@pytest.mark.parametrize(
    ("network", "macs"),
    [
        (linear(), FLAT * 10),
        (
            nn.Sequential(
                nn.Conv2d(3, 6, 3, stride=2, padding=1),
                nn.BatchNorm2d(6),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(6 * 4 * 4, 10),
            ),
            (4 * 4) * 6 * (3 * 9) + 96 * 10,
        ),
        (
            nn.Sequential(
                nn.Conv2d(3, 6, 3, groups=3, padding=1), nn.Flatten(), nn.Linear(6 * 64, 10)
            ),
            (8 * 8) * 6 * (1 * 9) + 384 * 10,
        ),
        (  # upwards: each input position meets every weight
            nn.Sequential(nn.ConvTranspose2d(3, 4, 2, stride=2), nn.Flatten(), nn.Linear(1024, 10)),
            (8 * 8) * 3 * 4 * 4 + 1024 * 10,
        ),
    ],
)
def test_multiply_adds_are_those_that_hand_and_pencil_give(network, macs):
    found = work_of(model_of(network, size=SIDE))

    assert (found.macs, found.uncounted) == (macs, ())


def transformer():
    return VisionTransformer(32, 8, 2, 4, 64, 128, num_classes=10).eval()


def test_attention_is_counted_though_its_fast_paths_have_no_formula():
    tokens, width, hidden, layers = 4 * 4 + 1, 64, 128, 2
    projections = tokens * (4 * width * width + 2 * width * hidden)
    attention = 2 * tokens * tokens * width
    by_hand = layers * (projections + attention) + 16 * width * 3 * 64 + width * 10
    network = transformer().requires_grad_(False)

    with torch.inference_mode(), FlopCounterMode(display=False) as naive:
        network(torch.rand(1, 3, 32, 32))

    assert work_of(model_of(network, size=32)).macs == by_hand
    assert naive.get_total_flops() // 2 < by_hand  # what asking torch's counter alone would say
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("name", ["resnet18", "vgg11", "mobilenet_v3_large", "vit_b_16", "swin_t"])
def test_multiply_adds_are_those_that_torchvision_publishes(name):
    published = get_model_weights(name).DEFAULT
    side = published.transforms().crop_size[0]
    with torch.device("meta"):
        network = get_model(name).eval()

    class OnMeta:
        device, input_size = "meta", (side, side)

        def __init__(self):
            self.network = network

        def __call__(self, x):
            return network(x)

    found = work_of(OnMeta()).macs
    with FlopCounterMode(display=False) as theirs:
        network(torch.empty(1, 3, side, side, device="meta"))

    assert found / 1e9 == pytest.approx(published.meta["_ops"], abs=0.001)
    assert found == theirs.get_total_flops() // 2


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows, self.head = nn.LSTM(3 * SIDE, 4, batch_first=True), nn.Linear(4, 10)

    def forward(self, x):
        return self.head(self.rows(x.permute(0, 2, 1, 3).flatten(2))[0][:, -1])


def test_work_without_a_formula_makes_no_number_of_the_rest():
    found = usable.evaluate_cost(model_of(Recurrent(), size=SIDE), timings=5)

    assert math.isnan(found.facts.macs)
    assert any("no formula" in warning for warning in found.provenance.warnings)
    assert check(requirement("macs <= 1 G"), [found]).outcome == "undecided"


def test_weights_are_counted_once_and_tensors_while_they_are_there():
    network = nn.Sequential(nn.Flatten(), nn.Linear(FLAT, FLAT), nn.Linear(FLAT, FLAT))
    network[2].weight = network[1].weight
    model = model_of(nn.Sequential(network, nn.Linear(FLAT, 10)), size=SIDE)
    weights = 4 * (FLAT * FLAT + 2 * FLAT + FLAT * 10 + 10)
    x = torch.rand(7, 3, SIDE, SIDE)
    model(x)  # means and standard deviations are made once

    assert weight_bytes(model) == weights
    # At most at once: the images, normalised ones, and two answers of a layer.
    assert alive_bytes(model, x) == weights + 7 * FLAT * 4 * 4


# What is timed


class Clock:
    """A clock that goes on only when somebody works."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now

    monotonic = perf_counter


class Slow(nn.Module):
    """Takes 10 ms and 1 ms a picture more; every tenth pass takes 100 ms longer."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.passes, self.head = clock, 0, nn.Linear(FLAT, 10)

    def forward(self, x):
        self.passes += 1
        self.clock.now += 0.010 + 0.001 * len(x) + 0.1 * (self.passes % 10 == 0)
        return self.head(x.flatten(1))


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(cost, "time", found)
    monkeypatch.setattr(cost, "FOUND_SECONDS", 5.0)
    monkeypatch.setattr(cost, "_fastest", lambda model, pictures: 4)
    return found


def test_times_are_those_that_the_network_took(clock):
    model = model_of(Slow(clock), size=SIDE)

    found = usable.evaluate_cost(model, timings=100, batch_sizes=(16,))

    assert found.batch_sizes == (1, 4, 16)
    for size in found.batch_sizes:
        assert len(found.timings("forward", size)) == 100 or size > 1
        assert found.time("forward", size, 0.5).value == pytest.approx(0.010 + 0.001 * size)
        assert found.time("forward", size, 0.95).value == pytest.approx(0.110 + 0.001 * size)
    assert found.best("forward") == 16
    assert found.throughput("forward").value == pytest.approx(16 / 0.026)
    assert found.parts == ("forward",)
    assert found.n == 100


def test_opening_and_preparing_pictures_is_part_of_an_answer(clock, monkeypatch):
    data = pictures(3)
    opened = []

    def slowly(index, plain=data.open):
        opened.append(index)
        clock.now += 0.005
        return plain(index)

    data = replace(data, open=slowly)
    model = model_of(Slow(clock), size=SIDE)

    found = usable.evaluate_cost(model, data, timings=20)

    for size in (1, 4):
        forward, whole = (found.time(part, size, 0.5).value for part in ("forward", "latency"))
        assert forward == pytest.approx(0.010 + 0.001 * size)
        assert whole - forward == pytest.approx(0.005 * size)
    assert set(opened) == {0, 1, 2}  # each in turn
    assert found.facts.picture == (10, 6)
    assert found.has_pictures


def test_a_batch_that_memory_does_not_hold_is_told_and_left_out():
    class Greedy(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(FLAT, 10)

        def forward(self, x):
            if len(x) >= 32:
                raise torch.OutOfMemoryError("out of memory")
            return self.head(x.flatten(1))

    found = usable.evaluate_cost(model_of(Greedy(), size=SIDE), timings=5, batch_sizes=(32,))

    assert found.batch_sizes == (1, 2)
    assert any("Memory ran out with 32" in w for w in found.provenance.warnings)


def test_no_time_is_shorter_than_the_work(monkeypatch):
    """With the real clock: only the side that a busy machine cannot make wrong."""
    import time

    class Sleepy(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(FLAT, 10)

        def forward(self, x):
            time.sleep(0.01)
            return self.head(x.flatten(1))

    monkeypatch.setattr(cost, "_fastest", lambda model, pictures: 1)
    found = usable.evaluate_cost(model_of(Sleepy(), size=SIDE), timings=10)

    assert found.timings("forward", 1).min() >= 0.01
    assert found.machine.threads == torch.get_num_threads()
    assert found.machine.cores >= 1


# Intervals


@pytest.mark.parametrize("n", [1, 5, 6, 20, 71, 72, 100, 333])
@pytest.mark.parametrize("share", [0.5, 0.95])
@pytest.mark.parametrize("confidence", [0.95, 0.99])
def test_the_ends_of_a_quantile_are_the_order_statistics_of_brute_force(n, share, confidence):
    tail = (1 - confidence) / 2
    chance = stats.binom.pmf(np.arange(n + 1), n, share)  # of k values below the quantile
    lows = [k for k in range(1, n + 1) if chance[:k].sum() <= tail]
    highs = [k for k in range(1, n + 1) if chance[k:].sum() <= tail]

    found = quantile(np.random.default_rng(n).permutation(np.arange(1.0, n + 1)), share, confidence)

    assert found.low == (max(lows) if lows else 0)
    assert found.high == (min(highs) if highs else math.inf)
    assert found.value == np.quantile(np.arange(1.0, n + 1), share, method="inverted_cdf")
    assert found.n == n


def test_so_many_values_bound_a_quantile():
    for confidence in (0.95, 0.995):
        needed = values_needed(0.95, confidence)
        assert math.isfinite(quantile(np.arange(needed), 0.95, confidence).high)
        assert math.isinf(quantile(np.arange(needed - 1), 0.95, confidence).high)
    assert timings_for(1) == 100
    assert timings_for(50) == values_needed(0.95, 1 - 0.05 / 50) > 100


def test_the_interval_holds_the_true_quantile_as_often_as_said():
    generator = np.random.default_rng(0)
    true = math.exp(stats.norm.ppf(0.95))
    held = 0
    for _ in range(2000):
        found = quantile(generator.lognormal(size=100), 0.95)
        held += found.low <= true <= found.high
    assert held >= 0.94 * 2000


# One machine


def result(**more):
    found = usable.evaluate_cost(model_of(linear(), size=SIDE), timings=5)
    timed = [{"batch": 1, "place": k, "forward": 0.01 + 1e-5 * k} for k in range(100)]
    records = pd.DataFrame(timed, columns=found.records.columns)
    return replace(found, records=records, machine=IDLE, **more)


def test_a_busy_machine_is_told_and_fails_nobody():
    idle = result()
    busy = replace(idle, machine=replace(IDLE, others=1.5))
    strict, lax = (requirement(f"forward_p95 at batch 1 <= {bound}") for bound in ("5 ms", "1 s"))

    assert idle.doubts == ()
    assert "other work kept 1.5 of 2 processors busy" in busy.doubts[0]
    assert check(strict, [idle]).outcome == "not met"
    assert check(strict, [busy]).outcome == "undecided"
    assert "busy" in check(strict, [busy]).reason
    assert check(lax, [busy]).outcome == "met"  # on an idle machine it is faster still


@pytest.mark.parametrize(
    ("where", "is_busy"),
    [
        (IDLE, False),
        (replace(IDLE, others=0.2), False),
        (replace(IDLE, others=0.3), True),
        (replace(IDLE, threads=1, others=0.9), False),  # the other processor is free
        (replace(IDLE, threads=1, others=1.1), True),
        (replace(IDLE, others=None, load=0.5), False),
        (replace(IDLE, others=None, load=4.0), True),
        (replace(IDLE, others=None, load=None), False),
    ],
)
def test_when_a_machine_is_busy(where, is_busy):
    assert bool(where.busy) is is_busy


def test_a_change_of_speed_is_told():
    records = result().records
    slower = records.assign(forward=np.where(records["place"] < 50, 0.01, 0.02))

    assert "speed changed" in replace(result(), records=slower).doubts[0]


def test_another_machine_measures_anew(monkeypatch):
    asked = CostConfig(ModelSpec("bundled/vgg_digits"), timings=5)
    first, _ = jobs.run_here(asked)
    again, _ = jobs.run_here(asked)
    monkeypatch.setattr(machine, "_mark", lambda: "00000000")
    elsewhere, found = jobs.run_here(asked)

    assert again.answered_by == first.id
    assert elsewhere.answered_by is None
    assert found.machine.mark == "00000000"
    assert found.axis != RunStore().load(first.id).axis
    stored = RunStore().load(elsewhere.id)
    assert stored.summary() == found.summary()
    assert stored.provenance.dataset == "no pictures"


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 63},
        {"cores": 63},
        {"device": "Another card"},
        {"processor": "Another"},
    ],
)
def test_what_times_depend_on_is_in_the_key(monkeypatch, change):
    asked = CostConfig(ModelSpec("toy"))
    objects = {"model": model_of(linear(), size=SIDE)}
    before, plain = answering.key(asked, objects), machine.machine
    assert answering.key(asked, objects) == before

    monkeypatch.setattr(machine, "machine", lambda device: replace(plain(device), **change))

    assert answering.key(asked, objects) != before


def test_the_file_of_weights_is_in_the_key_and_in_the_answer(tmp_path):
    tuned = usable.load_model("bundled/vgg_digits")
    spec = ModelSpec("bundled/vgg_digits")
    found = usable.evaluate_cost(tuned, timings=5)
    held = (usable.evaluate_cost(model_of(linear(), size=SIDE), timings=5)).facts

    path = next(p for p in files_of(spec.reference) if p.suffix == ".safetensors")
    assert (found.facts.file_size, found.facts.file_size_of) == (path.stat().st_size, "file")
    assert (held.file_size, held.file_size_of) == (4 * (FLAT * 10 + 10), "weights")
    assert machine.measured_on(tuned, spec)["file"] == path.stat().st_size


# Energy


@pytest.mark.parametrize("measured", [0.02, math.nan])
def test_energy_says_whether_it_was_measured_or_estimated(measured):
    """1,920 multiply-adds at 4.6 pJ are 8.832 nJ; only a measured energy meets a requirement."""
    found = usable.evaluate_cost(model_of(linear(), size=SIDE), timings=5)
    how = "measured by a meter" if measured == measured else "not measured: there is no meter"
    result = replace(found, facts=replace(found.facts, energy=measured, energy_by=how))
    numbers = {one.metric: one.found.value for one in result.numbers()}
    checked = check(requirement("energy <= 50 mJ"), [result])

    assert numbers["energy_estimate"] == pytest.approx(8.832e-9, rel=1e-12)
    assert result.summary()["energy_estimate"] == numbers["energy_estimate"]
    if measured == measured:
        assert result.energy_in_words == "20 mJ, measured by a meter"
        assert checked.outcome == "met"
    else:
        assert "estimated from the multiply-adds" in result.energy_in_words
        assert result.energy_in_words.endswith(how)
        assert (checked.outcome, checked.found) == ("undecided", None)
        assert checked.reason == how  # why nothing meters it


# Asking


def test_the_command_needs_a_model_only(capsys):
    words = ["evaluate", "cost", "--model", "bundled/vgg_digits", "--timings", "5"]

    assert cli.main([*words, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert cli.main([*words, "--dataset", "digits", "--batch-size", "2"]) == 0
    said = capsys.readouterr().out

    assert data["parameters"] == 662_914
    assert data["macs"] == 24_559_104
    assert data["batches"][0]["forward_p95"]["high"] is None  # five timings bound nothing
    assert "throughput" not in data
    assert data["energy_by"].startswith(("measured by", "not measured"))
    assert {"mark", "processor", "threads", "load", "others"} <= data["machine"].keys()
    assert "batch 2" in said
    assert "decode, preprocess, forward" in said
    assert "pictures of 8 × 8 pixels of digits" in said
    assert "not bounded" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--timings", "2"], "timings must be at least 5"),
        (["--batch-size", "0"], "batch_sizes must be"),
        (["--batch-size", "many"], "whole numbers"),
        (["--batch-size", "100000"], "batch_sizes must be"),
        (["--dataset", "no/where"], "no/where"),
    ],
)
def test_a_wrong_question_is_one_sentence(capsys, words, said):
    assert cli.main(["evaluate", "cost", "--model", "bundled/vgg_digits", *words]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_python_refuses_what_is_no_setting():
    model = model_of(linear(), size=SIDE)
    with pytest.raises(UnknownName, match="timings"):
        usable.evaluate_cost(model, timing=5)
    with pytest.raises(ConfigError, match="increasing"):
        usable.evaluate_cost(model, batch_sizes=(4, 2))


def test_runs_of_cost_are_not_compared_picture_by_picture(capsys):
    asked = [CostConfig(ModelSpec(f"bundled/{m}"), timings=5) for m in ("vgg_digits", "vgg")]
    runs = [jobs.run_here(one)[0].id for one in asked]

    assert cli.main(["compare", *runs]) == 2
    assert "only runs of" in capsys.readouterr().err


def test_data_of_other_classes_cost_what_they_cost():
    """Nothing is judged right or wrong, so no class has to be known."""
    found = jobs.run_here(CostConfig(ModelSpec("bundled/resnet"), DatasetSpec("digits"), timings=5))

    assert found[1].has_pictures


def test_timings_are_narrow_where_the_interval_of_their_median_is():
    from usable_core.measuring.cost import _is_narrow

    steady = [(0.0, 0.0, 1 + 0.001 * k) for k in range(9)]

    assert _is_narrow(steady)
    assert not _is_narrow(steady[:4])  # too few for an interval
    assert not _is_narrow([(0.0, 0.0, 1 + 0.1 * k) for k in range(9)])
    assert _is_narrow([(float("nan"), float("nan"), one) for *_, one in steady])  # no pictures
