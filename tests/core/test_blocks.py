"""Blocks are found by rule; rates that fall with depth are timm's, and frozen blocks stay."""

import pytest
import timm
import torch
import transformers
from timm.optim import param_groups_layer_decay
from torch import nn
from torchvision import models
from toy_models import small_network

from usable_core.errors import ConfigError
from usable_core.models.architectures import small_resnet, small_vgg, small_vit
from usable_core.models.blocks import depths, freeze_below, multiples
from usable_core.models.heads import head

DECAY = 0.7


def rates_of_timm(network):
    groups = param_groups_layer_decay(network, layer_decay=DECAY)
    return {p: group["lr_scale"] for group in groups for p in group["params"]}


def in_timm(name, **settings):
    with torch.device("meta"):  # weights of no values: only where they are counts
        return timm.create_model(name, num_classes=3, **settings)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "resnet18", "convnext_atto"])
def test_rates_that_fall_with_depth_are_timms(name):
    network = in_timm(name)

    ours, theirs = multiples(network, DECAY), rates_of_timm(network)

    assert ours.keys() == theirs.keys()
    assert [ours[p] for p in theirs] == pytest.approx(list(theirs.values()))


@pytest.mark.reference
@pytest.mark.parametrize(
    "name",
    [
        "deit3_small_patch16_224",
        "resnet50d",
        "mixer_s16_224",
        "convnextv2_nano",
        "swin_tiny_patch4_window7_224",
        "regnety_002",
        "resmlp_12_224",
    ],
)
def test_rates_of_more_networks_are_timms(name):
    network = in_timm(name)
    ours, theirs = multiples(network, DECAY), rates_of_timm(network)

    assert [ours[p] for p in theirs] == pytest.approx(list(theirs.values()))


@pytest.mark.parametrize(
    ("build", "blocks"),
    [
        (lambda: small_resnet(3), 3),
        (lambda: small_vgg(3), 6),
        (lambda: small_vit(3), 5),
        (small_network, 1),
        (models.resnet50, 16),
        (models.vgg11, 9),
        (models.vit_b_16, 12),
        (models.convnext_tiny, 18),
        pytest.param(models.densenet121, 58, marks=pytest.mark.reference),
        pytest.param(models.mobilenet_v3_small, 11, marks=pytest.mark.reference),
    ],
)
def test_blocks_are_those_of_the_papers(build, blocks):
    with torch.device("meta"):
        network = build()

    placed = depths(network)
    assert max(placed.values()) == blocks + 1
    assert {placed[module] for module in head(network).modules()} == {blocks + 1}
    assert placed[network] == 0


def bert():
    config = transformers.BertConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=3, num_attention_heads=2, num_labels=2
    )
    return transformers.BertForSequenceClassification(config)


def gpt():
    config = transformers.GPT2Config(
        vocab_size=20, n_embd=8, n_layer=4, n_head=2, n_positions=16, num_labels=2
    )
    return transformers.GPT2ForSequenceClassification(config)


@pytest.mark.parametrize(("build", "blocks", "first"), [(bert, 3, "layer.0"), (gpt, 4, "h.0")])
def test_layers_of_networks_of_texts_are_blocks(build, blocks, first):
    network = build()

    placed = depths(network)
    of_names = {name: placed[module] for name, module in network.named_modules()}

    assert max(of_names.values()) == blocks + 1
    assert {d for name, d in of_names.items() if f".{first}." in name} == {1}
    assert {d for name, d in of_names.items() if "embedding" in name or "wte" in name} == {0}


def test_below_the_last_blocks_all_rests():
    network = small_vit(3)

    resting = freeze_below(network, 2)

    moving = {name.split(".")[0:3][-1] for name, p in network.named_parameters() if p.requires_grad}
    assert {"3", "4", "weight", "bias"} == moving
    assert "features.blocks.2" in resting
    assert "features.stem" in resting
    assert not {"", "features", "features.blocks", "features.blocks.3", "head"} & resting


@pytest.mark.parametrize(("blocks", "network"), [(6, small_vit(3)), (1, nn.Linear(3, 2))])
def test_more_blocks_than_there_are_is_a_sentence(blocks, network):
    with pytest.raises(ConfigError, match=r"last_blocks must be at most \d, for so many"):
        freeze_below(network, blocks)
