"""What every corruption has in common: checks, its own random numbers, work in pieces."""

import functools
import hashlib
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

from usable_core.evaluations.corruption import SEVERITIES
from usable_core.models.model import check_pixels

Corruption = Callable[[Tensor, int, Tensor], Tensor]
Strength = TypeVar("Strength")

SMALL = 64  # pixels: up to here the constants of CIFAR-C (32), beyond those of ImageNet-C (224)
_PIXELS_AT_ONCE = 2**16  # on a processor: one image of 224 x 224, so that it stays in the cache
_PIXELS_ELSEWHERE = 2**23  # 167 images of 224 x 224: Fourier transforms of them take 1 GB


def corruption(function: Corruption) -> Corruption:
    """Return a corruption that checks its input and leaves it alone, and stays in [0, 1].

    `function` is given float32 images and seeds of this corruption and severity only, so that no
    two draw the same numbers. On a processor it is given few images at once.
    """

    @functools.wraps(function)
    def corrupt(x: Tensor, severity: int, seeds: Tensor) -> Tensor:
        if severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {SEVERITIES}, but is {severity}")
        if len(seeds) != len(x):
            raise ValueError(f"{len(x)} images need as many seeds, but there are {len(seeds)}")
        x = check_pixels(x.detach().float()).contiguous()
        if len(x) == 0:
            return x
        keys = seeds.to(x.device) ^ _key(function.__name__, severity)
        most = _PIXELS_AT_ONCE if x.device.type == "cpu" else _PIXELS_ELSEWHERE
        at_once = max(1, most // (x.shape[2] * x.shape[3]))
        pieces = [slice(start, start + at_once) for start in range(0, len(x), at_once)]
        found = [function(x[piece], severity, keys[piece]).clamp(0, 1) for piece in pieces]
        return torch.cat(found) if len(found) > 1 else found[0]

    return corrupt


def is_small(x: Tensor) -> bool:
    """Tell whether images (…, H, W) take the constants of CIFAR-C."""
    return max(x.shape[-2:]) <= SMALL


def strength(
    x: Tensor, severity: int, cifar: tuple[Strength, ...], imagenet: tuple[Strength, ...]
) -> Strength:
    """Return the constant of a severity (1 to 5) for the size of the images (…, H, W)."""
    return (cifar if is_small(x) else imagenet)[severity - 1]


def _key(name: str, severity: int) -> int:
    digest = hashlib.sha256(f"{name}:{severity}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
