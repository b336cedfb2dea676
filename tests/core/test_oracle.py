"""The oracle: however it asks, the answers, the counts and the model stay what they are."""

import pytest
import torch
from torch import nn
from toy_models import images, linear_model, model_of, small_network

from usable_core.asking import oracle as asking
from usable_core.asking import precision as timing
from usable_core.asking.oracle import Oracle
from usable_core.asking.precision import faster_precision
from usable_core.errors import Cancelled, OutputsRefused
from usable_core.models.model import Model

CPU = torch.device("cpu")


@pytest.fixture
def model() -> Model:
    return model_of(small_network())


def first_logit(logits, part):
    return logits[:, 0]


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_the_size_of_the_batches_changes_no_answer(model, size):
    x = images(10)
    asked = x.clone().requires_grad_()
    expected = model(asked)
    (slope,) = torch.autograd.grad(expected[:, 0].sum(), asked)
    (other,) = torch.autograd.grad(model(asked)[:, 3].sum(), asked)

    oracle = Oracle(model, fixed_size=size)
    logits, losses, gradient = oracle.gradient(x, first_logit)
    parts = list(oracle.gradients(10, x.__getitem__, [0, 3]))

    assert torch.allclose(oracle.logits(x), expected, atol=1e-5)
    assert torch.allclose(logits, expected, atol=1e-5)
    assert torch.allclose(losses, expected[:, 0], atol=1e-5)
    assert torch.allclose(gradient, slope, atol=1e-5)
    assert torch.allclose(torch.cat([g[0] for _, _, g in parts]), slope, atol=1e-5)
    assert torch.allclose(torch.cat([g[1] for _, _, g in parts]), other, atol=1e-5)
    assert torch.cat([logits for _, logits, _ in parts]).shape == (10, 2)


def test_losses_are_told_which_part_they_judge(model):
    x, y = images(10), torch.arange(10)

    def loss(logits, part):
        return logits.gather(1, y[part][:, None])[:, 0]

    _, losses, _ = Oracle(model, fixed_size=4).gradient(x, loss)

    assert torch.allclose(losses, model(x)[torch.arange(10), y], atol=1e-5)


def test_every_draw_of_every_image_is_counted(model):
    told = []
    oracle = Oracle(model, fixed_size=4, draws=3, on_pass=told.append)

    oracle.logits(images(10))
    oracle.gradient(images(2), first_logit)

    assert (oracle.passes.forward, oracle.passes.backward, oracle.passes.total) == (36, 6, 42)
    assert told == [12, 9, 9, 6]  # 4 + 3 + 3 images, then 2


def test_without_images_there_is_nothing_to_ask(model):
    oracle = Oracle(model)

    assert oracle.logits(images(0)).shape == (0, 10)
    assert oracle.passes.total == 0


class Answering(nn.Module):
    """Answers to every image alike."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = torch.tensor([logits])

    def forward(self, x):
        return self.logits.expand(len(x), -1) + 0 * x.mean((1, 2, 3))[:, None]


@pytest.mark.parametrize(
    ("logits", "sentence"),
    [
        ((1.0, torch.nan), "NaN or infinity for 5 of 5"),
        ((1.0, torch.inf), "NaN or infinity"),
    ],
)
def test_outputs_that_are_no_logits_are_refused_whatever_is_asked(logits, sentence):
    oracle = Oracle(model_of(Answering(*logits)))

    with pytest.raises(OutputsRefused, match=sentence):
        oracle.logits(images(5))
    with pytest.raises(OutputsRefused, match=sentence):
        oracle.gradient(images(5), first_logit)
    with pytest.raises(OutputsRefused, match=sentence):
        list(oracle.gradients(5, images(5).__getitem__, [0]))


def test_a_class_may_be_ruled_out():
    answers = Oracle(model_of(Answering(1.0, -torch.inf))).logits(images(3))

    assert answers.softmax(1).tolist() == [[1.0, 0.0]] * 3


def test_gradients_that_are_no_numbers_are_none():
    class Broken(nn.Module):
        def forward(self, x):
            return torch.stack([(x.mean((1, 2, 3)) * 0).sqrt(), x.mean((1, 2, 3))], 1)

    _, _, gradient = Oracle(model_of(Broken())).gradient(images(2), first_logit)

    assert gradient.count_nonzero() == 0


@pytest.mark.parametrize("is_inside", [True, False])
def test_the_network_is_frozen_while_it_is_asked_and_then_as_before(is_inside):
    network = small_network().train()
    model = model_of(network)
    network.train().requires_grad_(True)
    network[1].eval()
    seen = []
    network.register_forward_hook(
        lambda module, inputs, outputs: seen.append(
            (
                any(m.training for m in module.modules()),
                any(p.requires_grad for p in module.parameters()),
                module[4].weight.is_contiguous(memory_format=torch.channels_last),
            )
        )
    )
    before = [value.clone() for value in network.state_dict().values()]

    oracle = Oracle(model)
    if is_inside:
        with oracle:
            oracle.logits(images(3))
            oracle.gradient(images(3), first_logit)
            assert not network.training, "frozen until the end"
    else:
        oracle.logits(images(3))
        oracle.gradient(images(3), first_logit)

    assert seen == [(False, False, True)] * 2
    assert network.training
    assert not network[1].training
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert network[4].weight.is_contiguous()
    for value, old in zip(network.state_dict().values(), before, strict=True):
        assert torch.equal(value, old)


def test_weights_laid_out_in_inference_mode_can_still_be_differentiated_through(model):
    x = images(3)
    with torch.inference_mode():
        made_inside = x + 0.1
        _, _, inside = Oracle(model).gradient(made_inside, first_logit)

    _, _, outside = Oracle(model).gradient(x + 0.1, first_logit)

    assert torch.equal(inside, outside)


def test_whoever_is_told_of_the_passes_may_stop_the_work_and_the_model_is_restored(model):
    told = []

    def stop(count):
        told.append(count)
        if len(told) == 2:
            raise Cancelled

    model.network.requires_grad_(True)
    oracle = Oracle(model, fixed_size=2, on_pass=stop)

    with pytest.raises(Cancelled):
        oracle.logits(images(8))

    assert told == [2, 2]
    assert all(p.requires_grad for p in model.network.parameters())
    assert all(p.is_contiguous() for p in model.network.parameters())


def test_where_memory_ends_the_batch_is_halved_told_and_nothing_lost():
    class Hungry(nn.Module):
        def forward(self, x):
            if len(x) > 3:
                raise torch.OutOfMemoryError("out of memory")
            return x.flatten(1)[:, :10]

    x, oracle = images(10), Oracle(model_of(Hungry()), fixed_size=8)

    logits = oracle.logits(x)

    assert torch.equal(logits, x.flatten(1)[:, :10])
    assert oracle.passes.forward == 10
    assert oracle.size().current == 2
    assert len(oracle.halvings) == 2
    assert "8 images at once; went on with 4" in oracle.halvings[0]


def test_sizes_may_be_given_for_each_kind_of_pass(model):
    oracle = Oracle(model, fixed_size=(5, 2))

    assert (oracle.size().current, oracle.size(needs_gradient=True).current) == (5, 2)


class Clock:
    """A clock that the work itself moves on: `cost[is_bfloat16]` seconds a step."""

    def __init__(self, exact, rounded):
        self.now, self.cost = 0.0, {False: exact, True: rounded}

    def __call__(self):
        return self.now

    def work(self):
        self.now += self.cost[torch.is_autocast_enabled("cpu")]


@pytest.mark.parametrize(
    ("exact", "rounded", "expected"),
    [(2.0, 1.0, "bfloat16"), (1.0, 2.0, "float32"), (1.05, 1.0, "float32")],
)
def test_the_number_format_is_the_one_that_is_clearly_faster(monkeypatch, exact, rounded, expected):
    clock = Clock(exact, rounded)
    monkeypatch.setattr(timing.time, "perf_counter", clock)

    assert faster_precision(clock.work, CPU) == expected


class Timed(nn.Module):
    """Takes the clock's time; the steeper it is, the more the rounding of its pixels matters."""

    def __init__(self, clock, steepness):
        super().__init__()
        self.clock = clock
        self.head = nn.Linear(3, 2)
        self.head.weight.data = steepness * torch.tensor([[1.0] * 3, [-1.0] * 3])
        self.head.bias.data = steepness * torch.tensor([-1.5, 1.5])

    def forward(self, x):
        self.clock.work()
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize(
    ("exact", "rounded", "steepness", "expected"),
    [
        (2.0, 1.0, 1.0, "bfloat16"),
        (1.0, 2.0, 1.0, "float32"),
        (2.0, 1.0, 100.0, "float32"),  # faster, but with other probabilities
    ],
)
def test_auto_is_timed_on_the_first_images_and_only_if_they_agree(
    monkeypatch, exact, rounded, steepness, expected
):
    clock = Clock(exact, rounded)
    monkeypatch.setattr(timing.time, "perf_counter", clock)
    monkeypatch.setattr(asking, "precisions", {})
    model = model_of(Timed(clock, steepness), classes=2)

    oracle = Oracle(model, fixed_size=4, precision="auto")
    oracle.logits(images(8))
    asked = clock.now
    again = Oracle(model, fixed_size=4, precision="auto")
    again.logits(images(8))

    assert oracle.precision == again.precision == expected
    assert clock.now - asked == 2 * clock.cost[expected == "bfloat16"], "it was timed once"


def test_gradients_are_exact_whatever_the_precision():
    model = linear_model()
    rounded, exact = Oracle(model, precision="bfloat16"), Oracle(model)
    x = images(4)

    assert not torch.equal(rounded.logits(x), exact.logits(x))
    assert torch.equal(rounded.gradient(x, first_logit)[2], exact.gradient(x, first_logit)[2])
