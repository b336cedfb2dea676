"""A patch in a picture for a network of random weights: where maps must differ is known.

Class 0 is given the direction in which the patch moves what the head sees, class 1 the opposite, so
that their maps, one less the other, are the map with its signs. Of two pictures that differ in one
patch alone the maps must differ there, whatever the weights are: this tells a layer whose grid is
another, whose places are in another order, or are moved by a token.
"""

from dataclasses import dataclass

import numpy as np
import torch
from explained import attributed
from torch import nn
from toy_models import model_of

from usable_core.evaluations.explanation import ExplainerOptions

CLASSES = 4
OPTIONS = ExplainerOptions(evaluations=16, segments=6)
_MOST_PLACES = 10


@dataclass(frozen=True)
class Judged:
    """How well maps find a patch that lies at one place after another.

    Attributes:
        peak: Rows and columns from the patch to where the maps, moved so that their patches lie on
            each other, differ most on average.
        hits: Share of the places whose maps differ most at the patch.
        share: Mean share of the difference within the patch, in units of its share of the area.
    """

    peak: tuple[int, int]
    hits: float
    share: float


def settled(network, size):
    """Fit batch statistics to pictures with patches, so that random layers pass something on."""
    for name, parameter in network.named_parameters():
        if name.endswith(
            "attention_biases"
        ):  # LeViT's by distance, 0 first: merging mixes all without
            parameter.data[:, 0] = 100
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None
        if isinstance(module, nn.modules.batchnorm._BatchNorm | nn.GroupNorm):
            nn.init.ones_(module.weight)
    pictures = torch.stack([picture((4, 4), (k % 4, k // 2 % 4), size) for k in range(8)])
    with torch.no_grad():
        network.train()(pictures)
    return network.eval()


def picture(grid, place, size):
    """A smooth picture (3, H, W) with a texture in one cell of a grid, or none (place None)."""
    made = torch.Generator().manual_seed(0)
    x = torch.rand(3, *size, generator=made)
    texture = torch.rand(3, *(-(-side // 4) for side in size), generator=made).round()
    texture = texture.repeat_interleave(4, 1).repeat_interleave(4, 2)
    if place is not None:
        (top, left), (bottom, right) = (
            [round(side * (at + k) / n) for side, at, n in zip(size, place, grid, strict=True)]
            for k in (0, 1)
        )
        x[:, top:bottom, left:right] = texture[:, top:bottom, left:right]
    return x


def places(grid):
    """All cells of a grid, or some that are spread over it."""
    cells = [(row, column) for row in range(grid[0]) for column in range(grid[1])]
    step = -(-len(cells) // _MOST_PLACES)
    while step > 1 and grid[1] % step == 0:  # else always in the same column
        step += 1
    return cells[step // 2 :: step]


def plant(network, grid, size):
    """Let class 0 be the patch and class 1 its opposite, in place."""
    heads = [
        module
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
        and module.weight.shape[0] == CLASSES
        and ("head" in name or "classifier" in name or "fc" in name)
    ]
    assert heads
    seen = {head: [] for head in heads}
    hooks = [
        head.register_forward_pre_hook(lambda head, inputs: seen[head].append(inputs[0].flatten(1)))
        for head in heads
    ]
    with torch.no_grad():
        network(torch.stack([picture(grid, at, size) for at in (None, *places(grid))]))
    for hook in hooks:
        hook.remove()
    for head, (features,) in seen.items():
        moved = (features[1:] - features[0]).mean(0)
        rows = torch.zeros(CLASSES, len(moved))
        rows[0], rows[1] = moved / moved.norm(), -moved / moved.norm()
        head.weight.data = rows.view(head.weight.shape)
    return network


def map_of(model, method, grid, x):
    """The map of class 0 with its signs, as means over the cells of a grid."""
    signed = [attributed(method, model, x, k, OPTIONS).values for k in (0, 1)]
    values = torch.from_numpy(signed[0] - signed[1])[None]
    return nn.functional.adaptive_avg_pool2d(values, grid)[0].numpy()


def judged(network, method, grid, size, near=0):
    """How well a method's maps find patches, `near` cells around them counting as found."""
    model = model_of(network, size=size[0], classes=CLASSES)
    without = map_of(model, method, grid, picture(grid, None, size))
    h, w = grid
    hits, shares = [], []
    total, counts = np.zeros((2 * h - 1, 2 * w - 1)), np.zeros((2 * h - 1, 2 * w - 1))
    for row, column in places(grid):
        x = picture(grid, (row, column), size)
        differs = np.abs(map_of(model, method, grid, x) - without)
        highest = np.unravel_index(differs.argmax(), grid)
        hits.append(max(abs(highest[0] - row), abs(highest[1] - column)) <= near)
        rows, columns = (slice(max(0, at - near), at + near + 1) for at in (row, column))
        shares.append(differs[rows, columns].mean() / (differs.mean() or 1.0))
        moved = np.s_[h - 1 - row : 2 * h - 1 - row, w - 1 - column : 2 * w - 1 - column]
        total[moved] += differs / (differs.max() or 1.0)
        counts[moved] += 1
    usual = counts >= counts.max() / 2
    mean = np.where(usual, total / np.maximum(counts, 1), 0)
    peak = np.unravel_index(mean.argmax(), mean.shape)
    offset = (int(peak[0]) - h + 1, int(peak[1]) - w + 1)
    return Judged(offset, float(np.mean(hits)), float(np.mean(shares)))
