"""One small member of each family, with random weights and small inputs."""

import pytest
import timm
import torch
from torch import nn
from torchvision import models

from usable_core.errors import CheckpointError
from usable_core.models.architectures import small_resnet, small_vgg, small_vit
from usable_core.models.heads import features, head, replace_head


def vgg():
    """VGG's own forward pass, with a classifier of thousands instead of 120 million weights."""
    with torch.device("meta"):
        network = models.VGG(nn.Identity(), num_classes=7, init_weights=False)
    network.features = nn.Conv2d(3, 512, 32, 32)
    network.classifier = nn.Sequential(nn.Linear(512 * 49, 16), nn.ReLU(), nn.Linear(16, 7))
    return network


FAMILIES = {
    "small_resnet": (lambda: small_resnet(7), 32),
    "small_vgg": (lambda: small_vgg(7), 32),
    "small_vit": (lambda: small_vit(7), 32),
    "resnet": (lambda: models.resnet18(num_classes=7), 32),
    "vgg": (lambda: vgg(), 224),
    "densenet": (lambda: models.DenseNet(8, (1, 1), 16, num_classes=7), 32),
    "mobilenet": (lambda: models.mobilenet_v3_small(num_classes=7), 32),
    "squeezenet": (lambda: models.squeezenet1_1(num_classes=7), 48),
    "efficientnet": (lambda: models.efficientnet_b0(num_classes=7), 32),
    "convnext": (
        lambda: models.ConvNeXt([models.convnext.CNBlockConfig(16, None, 2)], num_classes=7),
        32,
    ),
    "vit": (lambda: models.VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=7), 32),
    "swin": (lambda: models.SwinTransformer([4, 4], 12, [1, 1], [2, 2], [4, 4], num_classes=7), 32),
    "maxvit": (lambda: models.MaxVit((32, 32), 8, 2, [16], [1], 8, 0.0, num_classes=7), 32),
    "shufflenet": (lambda: models.shufflenet_v2_x0_5(num_classes=7), 32),
    "timm_mobilenetv2": (lambda: timm.create_model("mobilenetv2_035", num_classes=7), 32),
    "timm_vit": (
        lambda: timm.create_model(
            "vit_tiny_patch16_224", num_classes=7, img_size=32, depth=2, embed_dim=48
        ),
        32,
    ),
    "timm_deit_distilled": (
        lambda: timm.create_model(
            "deit_tiny_distilled_patch16_224", num_classes=7, img_size=32, depth=2, embed_dim=48
        ),
        32,
    ),
    "timm_convnext": (
        lambda: timm.create_model("convnext_atto", num_classes=7, depths=(1, 1, 1, 1)),
        32,
    ),
    "timm_resnetv2": (
        lambda: timm.create_model("resnetv2_50", num_classes=7, layers=(1, 1, 1, 1)),
        32,
    ),
}


@pytest.fixture(params=FAMILIES)
def family(request):
    torch.manual_seed(0)
    build, side = FAMILIES[request.param]
    return build().eval(), torch.rand(2, 3, side, side)


@torch.no_grad()
def test_replacing_the_head_changes_only_the_head(family):
    network, x = family
    before = {key: value.clone() for key, value in network.state_dict().items()}
    old = features(network, x)

    replaced = replace_head(network, 4).eval()

    after = replaced.state_dict()
    changed = {k for k in after if k not in before or not torch.equal(after[k], before[k])}
    own = {id(p) for p in head(replaced).parameters()}
    assert replaced(x).shape == (2, 4)
    assert {k for k, p in replaced.named_parameters() if id(p) in own} == changed
    torch.testing.assert_close(features(replaced, x), old)


@torch.no_grad()
def test_features_are_one_vector_per_image_and_differ_between_images(family):
    network, x = family

    found = features(network, x)

    assert found.ndim == 2
    assert len(found) == 2
    assert not torch.equal(found[0], found[1])
    torch.testing.assert_close(found[:1], features(network, x[:1]))


@torch.no_grad()
def test_the_new_head_of_the_features_is_the_output(family):
    network, x = family
    replace_head(network, 4).eval()

    last = head(network)

    if isinstance(last, nn.ModuleList):  # DeiT's class and distillation heads see two tokens
        pytest.skip("two heads, averaged")
    if isinstance(last, nn.Conv2d):
        pytest.skip("timm's own convolutional head")
    torch.testing.assert_close(last(features(network, x)), network(x))


def test_a_network_without_a_head_is_refused():
    with pytest.raises(CheckpointError, match="no head was found"):
        features(nn.ReLU(), torch.rand(1, 3, 4, 4))
