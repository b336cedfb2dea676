"""What every explanation method of the catalog promises."""

import numpy as np
import pytest
import torch
from explained import attributed, picture_of
from torch import nn
from toy_models import LinearNetwork, images, model_of

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import Cancelled, ExplanationError, OutputsRefused
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.metrics.attribution import superpixel_credits

SIZE = 16
OPTIONS = ExplainerOptions(evaluations=128, segments=16, background="black")


class Grid(nn.Module):
    """Does nothing, but is a layer with a grid as large as the image."""

    def forward(self, x):
        return x * 1


class Constant(nn.Module):
    """Ignores the image but has a graph and a grid."""

    def __init__(self):
        super().__init__()
        self.grid = Grid()

    def forward(self, x):
        return self.grid(x).sum((1, 2, 3))[:, None] * 0 + torch.tensor([0.3, -0.2, 0.1])


class Seen(nn.Module):
    """Shows the rows 4-8 and columns 8-12 only."""

    def forward(self, x):
        shown = torch.zeros_like(x)
        shown[:, :, 4:8, 8:12] = 1
        return x * shown


class Patch(nn.Module):
    """Looks only at one patch, in a curved way."""

    def __init__(self):
        super().__init__()
        self.seen = Seen()

    def forward(self, x):
        seen = self.seen(x).sum((1, 2, 3)) / 48
        return torch.stack([-4 * seen**2, 4 * seen**2, torch.zeros_like(seen)], 1)


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.grid = Grid()

    def forward(self, x):
        return self.grid(x).mean((1, 2, 3))[:, None] * torch.tensor([1.0, float("nan"), 1.0])


class RuledOut(Broken):
    """Its second logit is −infinity, which a softmax takes for a probability of 0."""

    def forward(self, x):
        return super().forward(x).nan_to_num(-torch.inf)


class Blocked(nn.Module):
    """Depends on the image but passes no gradient."""

    def __init__(self):
        super().__init__()
        self.grid = Grid()

    def forward(self, x):
        seen = self.grid(x).mean((1, 2, 3)).sub(0.5).sign() + self.grid(x).var((1, 2, 3)).detach()
        return torch.stack([-seen, seen, 0 * seen], 1)


def linear_model(size, seed=0):
    """A random linear classifier that reads a grid."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(3, 3 * size * size, generator=generator) / size
    network = nn.Sequential(Grid(), LinearNetwork(weight, -weight.sum(1) / 2))
    return model_of(network, size=size, classes=3)


def explain(method, model, x, target=1, options=OPTIONS, **more):
    return attributed(method, model, x, target, options, **more)


# What follows attention has transformers of its own, in tests/core/test_attention_rollout.py.
@pytest.fixture(params=[name for name, row in EXPLAINERS.items() if not row.needs_attention])
def method(request):
    return request.param


def test_map_has_the_image_size_and_is_finite(method):
    x = images(1, SIZE)[0]

    found = explain(method, linear_model(SIZE), x)

    assert found.values.shape == (SIZE, SIZE)
    assert found.values.dtype == np.float32
    assert np.isfinite(found.values).all()
    assert found.values.any()
    assert 1 <= found.evaluations <= (EXPLAINERS[method].most_evaluations or 129)
    assert np.isfinite(found.output)


def test_same_seed_gives_the_same_map_whatever_numpy_drew_before(method):
    x, model = images(1, SIZE)[0], linear_model(SIZE)

    first = explain(method, model, x)
    np.random.random(7)  # noqa: NPY002
    torch.rand(7)
    second = explain(method, model, x)

    assert np.array_equal(first.values, second.values)


def test_map_of_a_model_that_ignores_the_image_is_zero(method):
    found = explain(method, model_of(Constant(), size=SIZE, classes=3), images(1, SIZE)[0])

    assert np.abs(found.values).max() < 1e-9


def test_map_is_highest_on_the_only_patch_that_the_model_sees(method):
    x = images(1, SIZE)[0]
    segments = (np.arange(SIZE)[:, None] // 4 * 4 + np.arange(SIZE) // 4).astype(np.int32)

    found = explain(
        method,
        model_of(Patch(), size=SIZE, classes=3),
        x,
        segments=segments,
        options=ExplainerOptions(evaluations=600, background="black"),
    )

    inside, near = np.zeros((2, SIZE, SIZE), bool)
    inside[4:8, 8:12] = near[3:9, 7:13] = True  # windows of occlusion reach one pixel beyond
    means = np.bincount(segments.ravel(), np.abs(found.values.ravel())) / 16
    assert found.values[inside].min() > 0
    assert found.values[inside].mean() > 5 * np.abs(found.values[~near]).max()
    assert means[6] > 5 * np.delete(means, 6).max()


def test_a_model_that_blocks_the_gradient_gets_no_map_of_zeros(method):
    model = model_of(Blocked(), size=SIZE, classes=3)

    if EXPLAINERS[method].needs_gradients:
        with pytest.raises(ExplanationError, match="no gradient"):
            explain(method, model, images(1, SIZE)[0])
    else:
        assert explain(method, model, images(1, SIZE)[0]).values.any()


def test_values_sum_to_output_minus_base_where_the_table_says_so(method):
    if not EXPLAINERS[method].is_additive:
        pytest.skip("the table declares no additivity for this method")
    x, model = images(1, SIZE)[0], linear_model(SIZE)

    segments = picture_of(x, OPTIONS).segments
    found = explain(method, model, x, segments=segments)

    logits = model(torch.stack([x, torch.zeros_like(x)])).double()[:, 1]
    assert found.output == pytest.approx(float(logits[0]), abs=1e-5)
    assert found.base == pytest.approx(float(logits[1]), abs=1e-5)
    is_per_pixel = not EXPLAINERS[method].uses_superpixels
    credits = found.values if is_per_pixel else superpixel_credits(found.values, segments, False)
    assert credits.astype(np.float64).sum() == pytest.approx(found.output - found.base, abs=1e-4)
    assert found.additivity_gap < 1e-4


def test_a_model_without_finite_outputs_is_refused(method):
    with pytest.raises(OutputsRefused, match="finite"):
        explain(method, model_of(Broken(), size=SIZE, classes=3), images(1, SIZE)[0])


def test_a_class_that_a_model_rules_out_is_refused(method):
    with pytest.raises(ExplanationError, match="finite"):
        explain(method, model_of(RuledOut(), size=SIZE, classes=3), images(1, SIZE)[0])


def test_progress_ends_at_its_total_and_a_cancel_stops_the_work(method):
    told = []
    explain(
        method,
        linear_model(SIZE),
        images(1, SIZE)[0],
        report=lambda done, total, message, **_: told.append((done, total)),
    )

    def cancel(done, total, message, **_):
        raise Cancelled

    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    with pytest.raises(Cancelled):
        explain(method, linear_model(SIZE), images(1, SIZE)[0], report=cancel)


def test_the_models_weights_and_mode_are_left_alone(method):
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(784, 3))
    model = model_of(network, size=SIZE, classes=3)
    before = {name: value.clone() for name, value in network.state_dict().items()}

    explain(method, model, images(1, SIZE)[0])

    assert not network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
