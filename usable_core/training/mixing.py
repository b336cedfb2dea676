"""Mixtures of two pictures with targets to match."""

import torch
from torch import Tensor
from torchvision.transforms import v2

from usable_core.evaluations.schedule import Schedule


def mixed(x: Tensor, y: Tensor, classes: int, schedule: Schedule) -> tuple[Tensor, Tensor]:
    """Return a batch of images and their targets, mixed as the schedule says.

    MixUp blends two images (Zhang et al. 2018, arXiv:1710.09412), CutMix puts a rectangle of one
    into the other (Yun et al. 2019, arXiv:1905.04899); with both, each batch gets one by chance.
    What is drawn comes from torch's global generator.

    Args:
        x: Images (N, 3, H, W).
        y: Classes (N,).
        classes: How many there are.
        schedule: Its `mixup` and `cutmix` are the parameters of their beta distributions; 0 is off.

    Returns:
        Images, and targets: classes (N,), or shares (N, classes) where something was mixed.
    """
    ways = [
        way(alpha=alpha, num_classes=classes)
        for way, alpha in ((v2.MixUp, schedule.mixup), (v2.CutMix, schedule.cutmix))
        if alpha > 0
    ]
    if not ways:
        return x, y
    found: tuple[Tensor, Tensor] = ways[int(torch.randint(len(ways), ()))](x, y)
    return found
