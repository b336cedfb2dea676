"""Random shifts and flips of a batch of images, drawn per image from one generator."""

import torch
from torch import Tensor

from usable_core.training.random_changes import randomly_changed

SHIFT_SHARE = 8  # an eighth of the side: 4 pixels of 32, the usual CIFAR-10 crop (He et al. 2016)


def augment(x: Tensor, kind: str, generator: torch.Generator) -> Tensor:
    """Return images x (N, 3, H, W) moved by up to an eighth of their side, perhaps mirrored.

    Args:
        x: Images in [0, 1].
        kind: `none`, `shift`, `shift_flip`, or `rand_augment`.
        generator: Source of the randomness (on the CPU).
    """
    if kind == "none":
        return x
    n, _, height, width = x.shape
    rows, columns = (_moved(n, side, generator).to(x.device) for side in (height, width))
    if kind != "shift":
        is_flipped = torch.rand(n, generator=generator).to(x.device) < 0.5
        columns = torch.where(is_flipped[:, None], columns.flip(1), columns)
    pixel = rows[:, :, None] * width + columns[:, None, :]  # (N, H, W), of those in a row
    x = x.flatten(2).gather(2, pixel.view(n, 1, -1).expand(-1, 3, -1)).view(x.shape)
    return _changed(x, generator) if kind == "rand_augment" else x


def _moved(n: int, side: int, generator: torch.Generator) -> Tensor:
    """Return which pixels n images show along a side (n, side); beyond an edge its own go on."""
    most = side // SHIFT_SHARE
    start = torch.randint(0, 2 * most + 1, (n, 1), generator=generator) - most
    return (start + torch.arange(side)).clamp(0, side - 1)


def _changed(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return each image after two random changes."""
    own = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    return randomly_changed((x * 255).round().to(torch.uint8), own).to(x.dtype) / 255
