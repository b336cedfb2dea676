"""Where class activation maps look: the rule, on networks whose right answer is known."""

import numpy as np
import pytest
import torch
from explained import attributed
from torch import nn
from toy_models import images, linear_model, model_of, small_network

from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import cam
from usable_core.models.activations import activations_and_gradients, find_layers, grid_of

OPTIONS = ExplainerOptions()


class Transformer(nn.Module):
    """Patches of 4 x 4 pixels, `prefix` tokens, and one attention that looks at `place` only."""

    def __init__(self, prefix=1, pooling="class", place=0, width=8):
        super().__init__()
        torch.manual_seed(0)
        self.prefix, self.pooling, self.place = prefix, pooling, place
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.last_norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        places = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([torch.ones_like(places[:, : self.prefix]), places], 1)
        values = self.qkv(self.norm(tokens)).chunk(3, 2)[2]
        attention = torch.full((tokens.shape[1],) * 2, 1e-4)
        attention[:, self.prefix + self.place] = 1
        tokens = self.last_norm(tokens + self.out(attention @ values))
        return self.head(tokens[:, 0] if self.pooling == "class" else tokens.mean(1))


class ChannelsLast(nn.Module):
    """Stripes of a convolution, normalised channels-last."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.patches, self.norm = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.norm(self.patches(x).permute(0, 2, 3, 1)).mean((1, 2)))


class InPlace(nn.Module):
    """Changes its last activation in place, outside any module, and uses one module twice."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.twice, self.head = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Linear(3, 3)

    def forward(self, x):
        found = self.twice(self.conv(self.twice(x)))
        return self.head(nn.functional.relu(found, inplace=True).mean((2, 3)))


def found_layer(network, x=None, target=1):
    x = images(1, 16)[0] if x is None else x
    model = model_of(network, size=16, classes=3)
    return find_layers(model, x, target)[0]


def test_a_convolutional_network_is_read_at_its_last_grid():
    layer = find_layers(model_of(small_network()), images(1)[0], 1)[0]

    assert (layer.name, layer.kind, layer.grid) == ("7", "channels_first", (2, 2))


def test_behind_a_class_token_the_norm_before_the_last_attention_is_read():
    layer = found_layer(Transformer(pooling="class"))

    assert (layer.name, layer.kind, layer.grid) == ("norm", "tokens", (4, 4))


def test_behind_a_mean_over_the_tokens_the_last_norm_is_read():
    assert found_layer(Transformer(pooling="mean")).name == "last_norm"


def test_normalisations_of_tokens_are_read_as_well_and_other_layers_are_not():
    x = images(1, 16)[0]

    tokens = find_layers(model_of(Transformer(pooling="mean"), size=16), x, 1)
    grid = find_layers(model_of(ChannelsLast(), size=16), x, 1)

    assert [layer.name for layer in tokens] == ["last_norm", "norm"]
    assert [layer.name for layer in grid] == ["norm"]


def test_gradients_of_several_layers_are_those_of_the_whole_network():
    network, x = Transformer(pooling="mean"), images(1, 16)[0]
    model = model_of(network, size=16, classes=3)
    seen = {}
    for name in ("norm", "last_norm"):
        module = network.get_submodule(name)
        module.register_forward_hook(lambda _, inputs, out, name=name: seen.update({name: out}))

    layers = find_layers(model, x, 1)
    _, pairs = activations_and_gradients(model, layers, x, 1)
    logits = model(x[None].requires_grad_())
    expected = torch.autograd.grad(logits[0, 1], [seen[layer.name] for layer in layers])

    for layer, (activations, gradients), wanted in zip(layers, pairs, expected, strict=True):
        assert torch.allclose(gradients, layer.on_grid(wanted)[0], atol=1e-7)
        assert torch.allclose(activations, layer.on_grid(seen[layer.name])[0], atol=1e-6)


@pytest.mark.parametrize("prefix", [0, 1, 2, 5])
def test_prefix_tokens_are_left_out(prefix):
    layer = found_layer(Transformer(prefix=prefix, pooling="mean"))

    tokens = torch.arange(prefix + 16.0)[None, :, None]
    assert layer.grid == (4, 4)
    assert layer.on_grid(tokens)[0, 0].flatten().tolist() == list(range(prefix, prefix + 16))


@pytest.mark.parametrize("prefix", [1, 5])
@pytest.mark.parametrize("size", [(16, 24), (24, 16)])
@pytest.mark.parametrize("place", [7, 22])
def test_token_map_is_highest_at_the_only_place_that_is_attended(prefix, size, place):
    network = Transformer(prefix=prefix, place=place)
    x = torch.rand(3, *size, generator=torch.Generator().manual_seed(1))

    found = attributed("token_cam", model_of(network, size=16, classes=3), x, 1, OPTIONS)

    row, column = divmod(place, size[1] // 4)
    inside = np.zeros(size, bool)
    inside[4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = True
    credit = np.abs(found.values)
    assert inside.flat[credit.argmax()]
    assert credit[inside].mean() > 5 * credit[~inside].mean()


def test_channels_last_is_recognised():
    layer = found_layer(ChannelsLast())

    assert (layer.name, layer.kind, layer.grid) == ("norm", "channels_last", (4, 4))


def test_the_right_call_of_a_module_is_read_and_may_be_changed_in_place():
    model, x = model_of(InPlace(), size=16, classes=3), images(1, 16)[0]

    layer = find_layers(model, x, 1)[0]
    logits, [(activations, gradients)] = activations_and_gradients(model, [layer], x, 1)

    expected = model.network.twice(model.network.conv(model.network.twice(x[None])))[0]
    slopes = model.network.head.weight[1][:, None, None] * (expected > 0) / 256
    assert (layer.name, layer.call) == ("twice", 1)
    assert torch.allclose(activations, expected.detach(), atol=1e-6)
    assert torch.allclose(gradients, slopes, atol=1e-6)
    assert torch.allclose(logits, model(x[None])[0])


@pytest.mark.parametrize("make", [ChannelsLast, Transformer, InPlace])
def test_cutting_the_network_changes_no_answer_and_leaves_no_hook(make):
    network = make()
    model, x = model_of(network, size=16, classes=3), images(1, 16)[0]

    layer = find_layers(model, x, 1)[0]
    logits, [(activations, gradients)] = activations_and_gradients(model, [layer], x, 1)

    assert activations.shape == gradients.shape
    assert activations.shape[1:] == layer.grid
    assert gradients.any()
    assert torch.allclose(logits, model(x[None])[0], atol=1e-5)
    assert not any(module._forward_hooks for module in network.modules())


def test_the_layer_is_searched_once_for_a_model_and_size():
    model, x = model_of(Transformer(prefix=3), size=16, classes=3), images(1, 16)[0]

    counts = [attributed("grad_cam", model, x, k, OPTIONS).evaluations for k in (0, 1, 2)]

    assert counts == [2, 1, 1]


def test_a_network_without_a_grid_is_refused_by_name():
    with pytest.raises(ExplanationError, match="no layer of toy has one"):
        attributed("grad_cam", linear_model(), images(1)[0], 1, OPTIONS)


def test_an_exported_program_is_refused_with_what_to_choose_instead():
    program = torch.export.export(small_network().eval(), (torch.rand(1, 3, 8, 8),)).module()

    with pytest.raises(ExplanationError, match=r"exported program.*Choose LIME"):
        attributed("grad_cam", model_of(program), images(1)[0], 1, OPTIONS)


def test_a_map_of_which_nothing_is_above_zero_is_zero():
    activations, gradients = torch.rand(4, 3, 3), -torch.rand(4, 3, 3)

    assert not cam.grad_cam([(activations, gradients)]).any()
    assert not cam.token_cam([(activations, gradients), (activations, -gradients / 2)]).any()


@pytest.mark.parametrize(
    ("shape", "image", "expected"),
    [
        ((1, 512, 7, 7), (224, 224), ("channels_first", (7, 7))),
        ((1, 7, 7, 768), (224, 224), ("channels_last", (7, 7))),
        ((1, 8, 7, 7), (224, 224), ("channels_first", (7, 7))),
        ((1, 7, 7, 8), (224, 224), ("channels_last", (7, 7))),
        ((1, 64, 4, 7), (100, 200), ("channels_first", (4, 7))),
        ((1, 64, 1, 10), (16, 160), ("channels_first", (1, 10))),
        ((1, 512, 1, 1), (224, 224), None),
        ((1, 3, 49, 32), (224, 224), None),
        ((1, 1000), (224, 224), None),
        ((1, 197, 192), (224, 224), ("tokens", (14, 14))),
        ((1, 201, 192), (224, 224), ("tokens", (14, 14))),
        ((1, 784, 192), (224, 224), ("tokens", (28, 28))),
        ((1, 300, 192), (224, 224), None),
    ],
)
def test_layout_and_grid_are_told_from_the_shape(shape, image, expected):
    assert grid_of(shape, image, [(28, 28), (14, 14)]) == expected
