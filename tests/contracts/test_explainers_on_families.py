"""Every explanation method on a small member of every family that the catalog offers.

The weights are random; widths and depths are cut where a member would take long to build.
"""

import functools
from dataclasses import dataclass

import made_classifiers
import numpy as np
import pytest
import timm
import torch
import torchvision.models as tv
from explained import attributed
from timm.models import densenet as timm_densenet
from timm.models import vgg as timm_vgg
from torch import nn
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.vgg import make_layers
from toy_models import model_of, small_network

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.models.activations import find_layers

CLASSES = 4
OPTIONS = ExplainerOptions(evaluations=16, segments=6)
NARROW = [8, "M", 16, "M", 16, "M", 32, "M", 32, "M"]


@dataclass(frozen=True)
class Member:
    """How a network is made, its input size, and the grid and layout of its last activations."""

    make: object
    grid: tuple[int, int]
    kind: str = "channels_first"
    size: tuple[int, int] = (64, 64)
    has_rollout: bool | None = None  # attention among all patches; tokens have it where None


def torchvision_vgg():
    with torch.device("meta"):  # its 119 million weights behind the features are not needed
        network = tv.VGG(nn.Identity(), CLASSES, init_weights=False)
    network.features = make_layers(NARROW, batch_norm=True)
    network.classifier = nn.Linear(32 * 49, CLASSES)
    return network


def torchvision_convnext():
    stages = [CNBlockConfig(8, 16, 1), CNBlockConfig(16, 32, 1), CNBlockConfig(32, None, 1)]
    return tv.ConvNeXt(stages, num_classes=CLASSES)


def torchvision_vit(**settings):
    network = tv.VisionTransformer(64, 16, 2, 2, 32, 64, num_classes=CLASSES, **settings)
    nn.init.normal_(network.heads.head.weight)  # which torchvision sets to zero
    return network


def of_timm(name, **settings):
    return functools.partial(timm.create_model, name, num_classes=CLASSES, **settings)


def vit(size=64, patch=16, name="vit_tiny_patch16_224", **settings):
    small = {"embed_dim": 48, "depth": 2, "num_heads": 3}
    return of_timm(name, img_size=size, patch_size=patch, **{**small, **settings})


def of_transformers(kind):
    """A classifier whose `logits` are its answer."""

    def make():
        from usable_core.models.sources.classifiers import Classifier

        labels = [f"{k}" for k in range(CLASSES)]
        return Classifier(made_classifiers.made(kind, labels=labels), {})

    return make


FAMILIES = {
    "resnet": Member(lambda: tv.resnet18(num_classes=CLASSES), (2, 2)),
    "vgg": Member(torchvision_vgg, (7, 7)),
    "densenet": Member(lambda: tv.DenseNet(8, (2, 2, 2, 2), 16, num_classes=CLASSES), (2, 2)),
    "mobilenet": Member(lambda: tv.mobilenet_v3_small(num_classes=CLASSES), (2, 3), size=(64, 96)),
    "efficientnet": Member(lambda: tv.efficientnet_b0(num_classes=CLASSES), (2, 2)),
    "convnext": Member(torchvision_convnext, (4, 4)),
    "squeezenet": Member(lambda: tv.squeezenet1_1(num_classes=CLASSES), (3, 3)),
    "vit": Member(torchvision_vit, (4, 4), "tokens"),
    "swin": Member(
        lambda: tv.SwinTransformer([4, 4], 24, [1, 1, 2], [2, 2, 4], [4, 4], num_classes=CLASSES),
        (4, 4),
    ),
    "maxvit": Member(
        lambda: tv.MaxVit((64, 64), 16, 2, [16, 24, 32], [1, 1, 1], 8, 0.0, num_classes=CLASSES),
        (4, 4),
    ),
    "timm resnet": Member(of_timm("resnet10t"), (2, 2)),
    "timm vgg": Member(
        lambda: timm_vgg.VGG(tuple(NARROW), CLASSES, mlp_ratio=0.02, norm_layer=nn.BatchNorm2d),
        (2, 2),
    ),
    "timm densenet": Member(lambda: timm_densenet.DenseNet(8, (2, 2, 2, 2), CLASSES), (2, 2)),
    "timm mobilenet": Member(of_timm("mobilenetv3_small_050"), (2, 2)),
    "timm efficientnet": Member(of_timm("efficientnet_lite0"), (2, 2)),
    "timm convnext": Member(of_timm("convnext_atto", depths=(1, 1, 1, 1)), (2, 2)),
    "timm vit": Member(vit(), (4, 4), "tokens"),
    "timm vit, wide": Member(vit((64, 96)), (4, 6), "tokens", (64, 96)),
    "timm vit, patches of 8": Member(vit(patch=8), (8, 8), "tokens"),
    "timm vit, patches of 32": Member(vit(96, 32), (3, 3), "tokens", (96, 96)),
    "timm vit, registers": Member(vit(reg_tokens=4), (4, 4), "tokens"),
    "timm vit, registers and mean": Member(
        vit(name="vit_medium_patch16_reg4_gap_256"), (4, 4), "tokens"
    ),
    "timm deit, distilled": Member(vit(name="deit_tiny_distilled_patch16_224"), (4, 4), "tokens"),
    "timm swin": Member(
        of_timm(
            "swin_tiny_patch4_window7_224",
            img_size=64,
            window_size=2,
            embed_dim=24,
            depths=(1, 1, 2),
            num_heads=(2, 2, 4),
        ),
        (4, 4),
        "channels_last",
    ),
    "timm swin 2": Member(
        of_timm(
            "swinv2_tiny_window8_256",
            img_size=64,
            window_size=4,
            embed_dim=24,
            depths=(1, 1, 2),
            num_heads=(2, 2, 4),
        ),
        (4, 4),
        "channels_last",
    ),
    "transformers vit": Member(of_transformers("vit"), (4, 4), "tokens", (32, 32)),
    "transformers convnext": Member(of_transformers("convnext"), (2, 2), size=(64, 64)),
    "transformers swin": Member(of_transformers("swin"), (8, 8), "tokens", (32, 32), False),
    "transformers swin 2": Member(of_transformers("swinv2"), (8, 8), "tokens", (32, 32), False),
    "transformers hiera": Member(of_transformers("hiera"), (4, 4), "tokens", (32, 32), False),
    "transformers levit": Member(of_transformers("levit"), (2, 2), "tokens", (128, 128), False),
    "timm maxvit": Member(of_timm("maxvit_rmlp_pico_rw_256", img_size=64), (2, 2)),
}


@pytest.fixture(params=list(FAMILIES), scope="module")
def member(request):
    """A model whose batch statistics fit its weights, so that random layers pass something on."""
    chosen = FAMILIES[request.param]
    torch.manual_seed(0)
    network = chosen.make()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None
    with torch.no_grad():
        network.train()(torch.rand(4, 3, *chosen.size))
    model = model_of(network, classes=CLASSES)
    return model, torch.rand(3, *chosen.size), chosen


@pytest.mark.parametrize("method", [m for m, row in EXPLAINERS.items() if not row.needs_attention])
def test_every_method_gives_a_map_of_every_family(member, method):
    model, x, _ = member
    target = int(model(x[None]).argmax())
    may_be_zero = method in ("grad_cam", "token_cam")  # whose ReLU may leave nothing
    targets = range(CLASSES) if may_be_zero else (target,)

    maps = [attributed(method, model, x, k, OPTIONS).values for k in targets]

    assert all(found.shape == x.shape[1:] for found in maps)
    assert np.isfinite(maps).all()
    assert any(found.any() for found in maps)
    assert not any(module._forward_hooks for module in model.network.modules())


@pytest.mark.parametrize("method", [m for m, row in EXPLAINERS.items() if row.needs_attention])
def test_attention_is_followed_where_there_is_some_among_all_patches(member, method):
    model, x, chosen = member

    if chosen.kind == "tokens" and chosen.has_rollout is not False:
        found = attributed(method, model, x, 0, OPTIONS).values
        assert found.shape == x.shape[1:]
        assert found.min() >= 0
        assert 0 < found.mean() * chosen.grid[0] * chosen.grid[1] <= 1.001  # shares of 1
    else:
        with pytest.raises(ExplanationError, match=r"shows none|within windows"):
            attributed(method, model, x, 0, OPTIONS)


def test_the_layer_of_class_activation_maps_has_the_familys_grid(member):
    model, x, chosen = member

    layer = find_layers(model, x, 0)[0]

    assert (layer.grid, layer.kind) == (chosen.grid, chosen.kind)


@pytest.fixture(scope="module")
def exported():
    batch = torch.export.Dim("batch", max=512)
    shapes = ({0: batch},)
    program = torch.export.export(
        small_network().eval(), (torch.rand(2, 3, 8, 8),), dynamic_shapes=shapes
    )
    return model_of(program.module())


@pytest.mark.parametrize("method", list(EXPLAINERS))
def test_an_exported_program_gives_every_map_but_those_that_read_a_layer(exported, method):
    x = torch.rand(3, 8, 8)

    reason = {"attention_rollout": "only the logits"}.get(method, "exported program")
    if method in ("grad_cam", "token_cam", "attention_rollout"):
        with pytest.raises(ExplanationError, match=reason):
            attributed(method, exported, x, 0, OPTIONS)
    else:
        assert attributed(method, exported, x, 0, OPTIONS).values.any()
