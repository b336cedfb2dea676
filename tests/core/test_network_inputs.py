"""The input of a model is that of the network as it was built; what the user says of it wins."""

import math

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn
from toy_models import digits_dataset

import usable_core as usable
from usable_core.errors import CheckpointError, ConfigError
from usable_core.evaluations.schedule import Schedule
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models import load_model
from usable_core.models.sources import torchvision_models
from usable_core.models.sources.options import value_of
from usable_core.models.sources.passports import Transform, passport
from usable_core.models.weights.facts import Facts


def saved(network, path):
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, path)
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(64,96)", (64, 96)),
        ("[64,96]", (64, 96)),
        ("64,96", (64, 96)),
        ("64x96", (64, 96)),
        ("64×96", (64, 96)),
        ("64", 64),
        ("false", False),
        ("none", None),
        ("a1,b", "a1,b"),
        ("(a,b)", "(a,b)"),
    ],
)
def test_options_take_several_numbers(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("said", "crop", "resize"), [("64", (64, 64), 71), ("64x96", (64, 96), (71, 106))]
)
def test_the_size_that_a_network_was_built_for_is_its_input(tmp_path, said, crop, resize):
    size = crop if len(set(crop)) == 2 else crop[0]
    network = timm.create_model(
        "vit_tiny_patch16_224", img_size=size, num_classes=2, depth=1
    ).eval()
    weights = saved(network, tmp_path / "w.safetensors")
    options = {"img_size": said, "num_classes": "2", "depth": "1"}

    model = load_model("timm/vit_tiny_patch16_224", weights=weights, arch_options=options)

    p = model.preprocessing
    assert (p.crop, p.resize) == (crop, resize)
    assert p.sources["crop"] == "the network's own input size"
    x = torch.rand(2, 3, *crop)
    torch.testing.assert_close(model(x), network((x - 0.5) / 0.5))


def test_the_size_of_torchvisions_transformers_is_read():
    network = nn.Module()
    network.image_size = 96
    recipe = {"resize": 256, "input_size": (3, 224, 224), "interpolation": "bilinear"}
    transform = Transform({**recipe, "mean": (0.5,) * 3, "std": (0.5,) * 3}, "its catalog")

    found = passport(transform, Facts(), network)

    assert (found.crop, found.resize) == ((96, 96), math.floor(96 * 256 / 224))


@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
@pytest.mark.parametrize(("said", "is_on"), [({}, True), ({"transform_input": "false"}, False)])
def test_the_option_of_the_user_wins_over_torchvisions_own(said, is_on):
    network = torchvision_models.build("googlenet", {"init_weights": "false", **said})

    assert network.transform_input is is_on


@pytest.mark.filterwarnings("ignore:The default weight initialization:FutureWarning")
def test_a_network_from_scratch_answers_as_it_does_without_us(tmp_path):
    from torchvision import models

    torch.manual_seed(0)
    network = models.googlenet(
        num_classes=3, aux_logits=False, init_weights=False, transform_input=False
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        network.train()(torch.rand(8, 3, 64, 64))  # random statistics would hide the input
    weights = saved(network.eval(), tmp_path / "w.safetensors")
    options = {"num_classes": "3", "init_weights": "false"}
    load = {"reference": "torchvision/googlenet", "weights": weights}

    heard = load_model(**load, arch_options={**options, "transform_input": "false"})
    unsaid = load_model(**load, arch_options=options)

    x = torch.rand(2, 3, 64, 64)
    mean, std = (
        torch.tensor(v).view(3, 1, 1) for v in (heard.preprocessing.mean, heard.preprocessing.std)
    )
    expected = network((x - mean) / std)
    torch.testing.assert_close(heard(x), expected)
    assert (unsaid(x) - expected).abs().max() > 1e-3 * expected.abs().max()
    assert any("transform_input=false" in sentence for sentence in unsaid.warnings)
    assert not any("transform_input" in sentence for sentence in heard.warnings)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"in_chans": "4"}, "takes 4 channels"),
        ({"num_classes": "0"}, "no head"),
    ],
)
def test_a_network_that_is_no_classifier_of_pictures_is_one_sentence(tmp_path, options, sentence):
    built = {key: int(value) for key, value in options.items()}
    weights = saved(timm.create_model("resnet10t", **built), tmp_path / "w.safetensors")

    with pytest.raises((ConfigError, CheckpointError), match=sentence):
        load_model("timm/resnet10t", weights=weights, arch_options=options)


def test_every_load_tries_one_pass(tmp_path):
    weights = saved(timm.create_model("resnet10t", num_classes=2), tmp_path / "w.safetensors")

    with pytest.raises(ConfigError, match="does not take pictures of 1 × 1"):
        load_model(
            "timm/vit_tiny_patch16_224",
            weights=saved(
                timm.create_model("vit_tiny_patch16_224", depth=1), tmp_path / "v.safetensors"
            ),
            arch_options={"depth": "1"},
            preprocessing={"crop": "1"},
        )
    assert load_model("timm/resnet10t", weights=weights, arch_options={"num_classes": "2"})


# Networks of grey pictures


class Grey(nn.Module):
    """Ten classes of 8 × 8 grey pictures."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, padding=1)
        self.head = nn.Linear(8 * 16, 10)

    def forward(self, x):
        return self.head(nn.functional.max_pool2d(self.conv(x).relu(), 2).flatten(1))


@pytest.fixture(scope="module")
def grey():
    torch.manual_seed(0)
    passport = Preprocessing(None, (8, 8), mean=(0.4,) * 3, std=(0.2,) * 3, channels=1)
    return usable.wrap_model(Grey(), preprocessing=passport, labels=[str(i) for i in range(10)])


def test_a_grey_network_sees_the_luma_of_a_picture(grey):
    x = torch.rand(5, 3, 8, 8)
    luma = 0.299 * x[:, :1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:]

    torch.testing.assert_close(grey(x), grey.network((luma - 0.4) / 0.2))
    assert "grey" in grey.warnings[0]


def test_a_grey_timm_network_gets_one_mean_and_one_deviation(tmp_path):
    network = timm.create_model("resnet10t", in_chans=1, num_classes=2).eval()
    weights = saved(network, tmp_path / "w.safetensors")
    options = {"in_chans": "1", "num_classes": "2"}

    model = load_model("timm/resnet10t", weights=weights, arch_options=options)

    p = model.preprocessing
    assert p.channels == 1
    assert len(set(p.mean)) == len(set(p.std)) == 1
    assert p.mean[0] == pytest.approx((0.485 + 0.456 + 0.406) / 3)
    x = torch.rand(2, 1, 64, 64)
    torch.testing.assert_close(
        model(x.expand(-1, 3, -1, -1)), network((x - p.mean[0]) / p.std[0]), rtol=1e-4, atol=1e-4
    )


def test_grey_networks_are_evaluated_attacked_and_explained(grey):
    data = digits_dataset(1297, 1317)
    x = torch.stack([grey.preprocessing.geometry(picture) for picture, _ in data])
    y = torch.tensor(data.targets)

    right = float((grey(x).argmax(1) == y).float().mean())
    accuracy = usable.evaluate_accuracy(grey, data)
    robustness = usable.evaluate_robustness(grey, data, attack="pgd", steps=3, epsilons=[0.1])
    attacked = usable.attack(grey, x, y, epsilon=0.1, attack="fgsm")
    maps = usable.explain_methods(
        grey, data[0][0], methods=("lime", "integrated_gradients", "grad_cam", "occlusion")
    )

    assert accuracy.accuracy.value == pytest.approx(right)
    assert any("grey" in sentence for sentence in accuracy.provenance.warnings)
    assert robustness.n == len(data)
    assert float((attacked - x).abs().max()) <= 0.1 + 1e-6
    assert all(torch.tensor(one.values).isfinite().all() for one in maps)


def test_the_linf_attack_on_a_grey_network_is_that_on_grey_pictures(grey):
    """The luma's weights sum to 1: changing all channels by ε changes it by ε, and no more."""
    x = torch.full((4, 3, 8, 8), 0.5) + 0.2 * torch.rand(4, 1, 8, 8)
    y = grey(x).argmax(1)
    luma = x[:, :1].clone().requires_grad_()
    loss = nn.functional.cross_entropy(grey.network((luma - 0.4) / 0.2), y)
    (gradient,) = torch.autograd.grad(loss, luma)
    expected = (luma + 0.05 * gradient.sign()).detach()

    found = usable.attack(grey, x, y, epsilon=0.05, attack="fgsm")

    torch.testing.assert_close(found, expected.expand(-1, 3, -1, -1), rtol=0, atol=1e-5)


def test_a_grey_network_is_fine_tuned_and_comes_back(tmp_path):
    network = timm.create_model("resnet10t", in_chans=1, num_classes=2)
    weights = saved(network, tmp_path / "w.safetensors")
    model = load_model(
        "timm/resnet10t",
        weights=weights,
        arch_options={"in_chans": "1", "num_classes": "2"},
        preprocessing={"crop": "32", "resize": "32"},
    )

    tuned, _ = usable.fine_tune(
        model, digits_dataset(1297, 1337), tmp_path / "tuned", schedule=Schedule(epochs=1)
    )

    again = load_model(str(tmp_path / "tuned"))
    assert (again.preprocessing.channels, again.fingerprint) == (1, tuned.fingerprint)
    assert len(again.labels) == 10
