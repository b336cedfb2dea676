"""What a few pictures show of a model when it is loaded, and that it is told everywhere."""

import numpy as np
import pytest
import torch
from torch import nn
from toy_models import LinearNetwork, dataset_of, linear_model, model_of, small_network

from usable_core import api
from usable_core.catalog.architectures import BUNDLED
from usable_core.errors import ConfigError
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models import load_model
from usable_core.models.wrapping import wrap_model

CLASSES = ("red", "green", "blue")


class BatchStatistics(nn.Module):
    """Normalises by the pictures at hand, in evaluation mode too."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3, affine=False, track_running_stats=False)

    def forward(self, x):
        return 10 * self.norm(x).mean((2, 3))


class Noisy(nn.Module):
    def forward(self, x):
        return 10 * torch.dropout(x, 0.5, train=True).mean((2, 3))


class Sigmoid(nn.Module):
    def forward(self, x):
        return (20 * (x.mean((2, 3)) - 0.5)).sigmoid()


class Softmax(nn.Module):
    def forward(self, x):
        return (20 * x.mean((2, 3))).softmax(1)


SICK = {
    BatchStatistics: "other pictures of its batch",
    Noisy: "random",
    Sigmoid: "sigmoid",
    Softmax: "probabilities",
}


def colours(each=6):
    """Grey noise with one channel brighter, whose class is that channel."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(60, 160, (3 * each, 8, 8, 3), dtype=np.uint8)
    targets = np.arange(3 * each) % 3
    for picture, target in zip(pixels, targets, strict=True):
        picture[..., target] += 60
    return dataset_of(pixels, targets, CLASSES)


@pytest.mark.parametrize(("network", "said"), SICK.items())
def test_what_is_wrong_with_a_model_stands_beside_every_number(network, said):
    model = model_of(network(), names=CLASSES)
    data = colours(each=10)

    answers = [
        api.evaluate_accuracy(model, data),
        api.evaluate_robustness(model, data, epsilons=(4 / 255,), walked=6),
        api.evaluate_corruption(model, data, corruptions=("brightness",), severities=(1,)),
        api.evaluate_explanation(model, data.take([0, 1]), methods=("saliency",)),
    ]

    for answer in answers:
        assert any(said in warning for warning in answer.provenance.warnings), type(answer)
        assert len(set(answer.provenance.warnings)) == len(answer.provenance.warnings)
    assert any(said in w for w in api.calibrate(model, data, keep=False).warnings)
    assert any(said in w for w in api.explain(model, data[0][0], method="saliency").warnings)
    red = {check.name for check in answers[1].checks if check.verdict == "red"}
    assert red & ({"deterministic"} if network in (BatchStatistics, Noisy) else {"logits"})


class Rounded(nn.Module):
    """A network whose weights are bfloat16, and whose answers carry that rounding."""

    def __init__(self, share):
        super().__init__()
        self.linear = nn.Linear(192, 3).to(torch.bfloat16)
        self.share = share

    def forward(self, x):
        logits = self.linear(x.flatten(1).to(torch.bfloat16)).float()
        return logits * (1 + self.share * len(x))


def zeros():
    return LinearNetwork(torch.zeros(3, 192), torch.full((3,), 0.5))


def relu():
    network = nn.Sequential(nn.Flatten(), nn.Linear(192, 3), nn.ReLU())
    network[1].weight.data.uniform_(0, 0.004)
    network[1].bias.data.zero_()
    return network


@pytest.mark.parametrize(
    "network",
    [zeros(), relu(), Rounded(0.005), LinearNetwork(torch.rand(3, 192), torch.zeros(3)).double()],
    ids=["a head of zeros", "small sums after a ReLU", "bfloat16", "double"],
)
def test_a_sound_model_raises_no_alarm(network):
    model = model_of(network, names=CLASSES)
    if next(network.parameters()).dtype == torch.float64:
        model.preprocessing = Preprocessing(None, (8, 8))
        model.network = nn.Sequential(_ToDouble(), network)

    assert model.warnings == ()


class _ToDouble(nn.Module):
    def forward(self, x):
        return x.double()


def test_rounding_of_a_whole_format_is_no_excuse_in_float32():
    class Leaning(nn.Module):
        def forward(self, x):
            return 10 * x.mean((2, 3)) * (1 + 0.005 * len(x))

    assert "batch" in model_of(Leaning(), names=CLASSES).warnings[0]


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_models_raise_no_alarm(name):
    assert load_model(f"bundled/{name}").warnings == ()


@pytest.mark.reference
@pytest.mark.parametrize("builder", ["resnet18", "vit_b_16", "squeezenet1_1", "googlenet"])
def test_random_weights_of_torchvision_raise_no_alarm(builder):
    from usable_core.inputs.preprocessing import Preprocessing
    from usable_core.labels import LabelSpace
    from usable_core.models.model import Model
    from usable_core.models.sources import torchvision_models

    torch.manual_seed(0)
    network = torchvision_models.build(builder, {})
    passport = Preprocessing(256, (224, 224))

    assert Model(builder, network, passport, LabelSpace.unnamed(1000)).warnings == ()


def test_a_model_is_asked_once_and_draws_no_random_numbers():
    model, asked = model_of(small_network()), []
    model.network.register_forward_hook(lambda _, inputs, out: asked.append(len(out)))
    state = torch.random.get_rng_state()

    _ = model.warnings, model.warnings

    assert asked == [1, 2]
    assert torch.equal(state, torch.random.get_rng_state())
    model = model_of(Noisy(), names=CLASSES)
    _ = model.warnings
    assert torch.equal(state, torch.random.get_rng_state())


def test_a_model_that_does_not_run_is_a_sentence():
    model = linear_model(size=8)
    model.preprocessing = Preprocessing(None, (9, 9))

    with pytest.raises(ConfigError, match="does not take pictures of 9 × 9 pixels"):
        _ = model.warnings


def test_names_that_are_no_logits_are_a_sentence():
    with pytest.raises(ConfigError, match=r"must give logits of shape \(1, 2\).*gives \(1, 3\)"):
        _ = model_of(LinearNetwork(torch.rand(3, 192), torch.zeros(3)), names=("a", "b")).warnings


class OneLogit(nn.Module):
    """Above 0 where green is brighter than red."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(3, 1)
        self.head.weight.data = torch.tensor([[-40.0, 40.0, 0.0]])
        self.head.bias.data.zero_()

    def forward(self, x):
        return self.head(self.pool(x).flatten(1))


def two_colours():
    data = colours()
    some = np.flatnonzero(data.targets < 2)
    return dataset_of([np.asarray(data[i][0]) for i in some], data.targets[some], CLASSES[:2])


def test_one_logit_is_measured_attacked_and_explained():
    model = wrap_model(OneLogit(), preprocessing=Preprocessing(None, (8, 8)), labels=CLASSES[:2])
    data = two_colours()

    accuracy = api.evaluate_accuracy(model, data)
    attacked = api.evaluate_robustness(model, data, epsilons=(1 / 255, 0.5), walked=6)
    explained = api.explain(model, data[0][0], method="saliency", target="green")

    assert accuracy.accuracy.value == 1
    assert attacked.robust_accuracy[-1].value == 0
    assert explained.values.any()
    assert accuracy.provenance.warnings == ()


def test_one_logit_of_unknown_classes_is_matched_by_position():
    model = wrap_model(OneLogit(), preprocessing=Preprocessing(None, (8, 8)))

    result = api.evaluate_accuracy(model, two_colours())

    assert result.accuracy.value == 1
    assert "'red' is logit 0, 'green' is logit 1" in result.provenance.warnings[0]


def test_a_network_of_one_logit_is_fine_tuned(tmp_path):
    from usable_core.evaluations.schedule import Schedule

    model = wrap_model(
        small_one_logit(),
        preprocessing=Preprocessing(None, (32, 32)),
        card={"architecture": "small_resnet"},
    )

    tuned, _ = api.fine_tune(
        model, colours(each=12), folder=tmp_path, schedule=Schedule(epochs=1), method="linear_probe"
    )

    assert len(tuned.labels) == 3


def small_one_logit():
    from usable_core.models.architectures import small_resnet

    torch.manual_seed(0)
    return small_resnet(1)
