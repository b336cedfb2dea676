"""Random shifts and flips of a batch of images, drawn per image from one generator."""

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms import v2

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
    x = _shift(x, generator)
    if kind != "shift":
        is_flipped = torch.rand(len(x), generator=generator).to(x.device) < 0.5
        x = torch.where(is_flipped[:, None, None, None], x.flip(3), x)
    return _changed(x, generator) if kind == "rand_augment" else x


def _changed(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return each image after two random changes (Cubuk et al. 2020, arXiv:1909.13719).

    torchvision draws from the global generator, which is put back.
    """
    change, pixels = v2.RandAugment(), (x * 255).round().to(torch.uint8)
    with torch.random.fork_rng():
        torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
        return torch.stack([change(image) for image in pixels]).to(x.dtype) / 255


def _shift(x: Tensor, generator: torch.Generator) -> Tensor:
    n, _, height, width = x.shape
    pad_y, pad_x = height // SHIFT_SHARE, width // SHIFT_SHARE
    padded = F.pad(x, (pad_x, pad_x, pad_y, pad_y), mode="replicate")
    top = torch.randint(0, 2 * pad_y + 1, (n, 1), generator=generator)
    left = torch.randint(0, 2 * pad_x + 1, (n, 1), generator=generator)
    rows = (top + torch.arange(height)).to(x.device)  # (N, H)
    columns = (left + torch.arange(width)).to(x.device)  # (N, W)
    image = torch.arange(n, device=x.device)[:, None, None]
    moved = padded.permute(0, 2, 3, 1)[image, rows[:, :, None], columns[:, None, :]]  # (N, H, W, 3)
    return moved.permute(0, 3, 1, 2)
