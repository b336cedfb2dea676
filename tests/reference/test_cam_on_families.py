"""Class activation maps on small networks of many families: the right grid, the patch found.

The grid comes from each architecture's strides, the patch from an intervention, see `planted`.
"""

import functools

import pytest
import torch
from explained import attributed
from made_families import FAMILIES, HF, TIMM, UNTOLD
from planted import CLASSES, OPTIONS, judged, picture, plant, settled
from toy_models import model_of

from usable_core.errors import ExplanationError
from usable_core.models.activations import find_layers

# Whose places are easily mistaken: registers, channels-last, merged tokens.
HARD = (
    "timm convnext",
    "timm swin",
    "timm vit, registers",
    "transformers hiera",
    "transformers levit",
    "transformers pvt_v2",
    "transformers swinv2",
)
EACH = [
    pytest.param(name, marks=() if name in HARD else pytest.mark.reference) for name in FAMILIES
]


@functools.cache
def planted_network(name):
    family = FAMILIES[name]
    torch.manual_seed(0)
    network = settled(family.make(), family.size)
    return plant(network, family.grid, family.size)


@pytest.mark.parametrize("name", EACH)
def test_the_layer_has_the_grid_of_the_last_stage_and_finds_the_patch(name):
    family, network = FAMILIES[name], planted_network(name)
    model = model_of(network, size=family.size[0], classes=CLASSES)
    layer = find_layers(model, picture(family.grid, None, family.size), 0)[0]
    assert layer.grid == family.grid

    method = "token_cam" if layer.kind == "tokens" else "grad_cam"
    found = judged(network, method, family.grid, family.size, family.near)

    # By chance alone hits are below 0.2 and shares 1 but on the smallest grids.
    assert found.hits >= (0.4 if family.near else 0.9)
    assert found.share >= (1.2 if family.near else 2)


@pytest.mark.parametrize("name", EACH)
def test_attention_is_rolled_out_where_all_of_it_is_among_the_places(name):
    family = FAMILIES[name]
    model = model_of(planted_network(name), size=family.size[0], classes=CLASSES)
    x = picture(family.grid, None, family.size)

    if family.has_rollout:
        found = attributed("attention_rollout", model, x, 0, OPTIONS).values
        assert 0 < found.mean() * family.grid[0] * family.grid[1] <= 1.001  # shares of 1
    else:
        with pytest.raises(ExplanationError, match=r"shows none|within windows"):
            attributed("attention_rollout", model, x, 0, OPTIONS)


def test_without_a_grid_attention_weights_are_not_taken_for_one():
    model = model_of(UNTOLD.make(), size=UNTOLD.size[0], classes=CLASSES)

    with pytest.raises(ExplanationError, match="no layer of toy has one"):
        find_layers(model, picture(UNTOLD.grid, None, UNTOLD.size), 0)


def test_there_are_enough_families_of_each_library():
    assert min(len(TIMM), len(HF)) >= 24
