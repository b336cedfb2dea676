"""RandAugment (Cubuk et al. 2020, arXiv:1909.13719) of many images at once.

As torchvision's `v2.RandAugment`, which changes one image after the other: two of fourteen changes
for each, at 9 of 30 of their full strength, most of them in one of two directions. Here images
that drew the same change go through it together, on the device where they are.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torchvision.transforms.v2 import functional

PER_IMAGE = 2
STRENGTH, FULL = 9, 30
Change = Callable[[Tensor, int], Tensor]  # images (N, 3, H, W) uint8, 1 or -1 -> images


def randomly_changed(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Return images (N, 3, H, W) uint8, each after two random changes.

    Args:
        pixels: The images.
        generator: Source of the randomness (on the CPU); what is drawn is what torchvision draws.
    """
    drawn = [[_draw(generator) for _ in range(PER_IMAGE)] for _ in range(len(pixels))]
    pixels = pixels.clone()
    for place in range(PER_IMAGE):
        groups: dict[tuple[int, int], list[int]] = {}
        for row, changes in enumerate(drawn):
            groups.setdefault(changes[place], []).append(row)
        for (which, direction), rows in groups.items():
            some = torch.tensor(rows, device=pixels.device)
            pixels[some] = CHANGES[which][0](pixels[some], direction)
    return pixels


def _draw(generator: torch.Generator) -> tuple[int, int]:
    """Return which change, and in which direction."""
    which = int(torch.randint(len(CHANGES), (), generator=generator))
    is_directed = CHANGES[which][1]
    return which, -1 if is_directed and torch.rand((), generator=generator) <= 0.5 else 1


def _part(full: float) -> float:
    """Return the strength that is taken of a full one, rounded as torchvision's tables are."""
    return float(torch.linspace(0.0, full, FULL + 1)[STRENGTH])


def _moved(x: Tensor, way: Sequence[float]) -> Tensor:
    found: Tensor = functional.affine(x, 0.0, [int(step) for step in way], 1.0, [0.0, 0.0])
    return found


def _sheared(x: Tensor, way: Sequence[float]) -> Tensor:
    angles = [math.degrees(math.atan(step)) for step in way]
    found: Tensor = functional.affine(x, 0.0, [0, 0], 1.0, angles, center=[0, 0])
    return found


_TURN, _SHEAR, _TONE = _part(30.0), _part(0.3), _part(0.9)  # degrees, slope, share
_MOVE = 150 / 331  # of a side, fully
_BITS = 8 - round(STRENGTH / (FULL / 4))
_LIMIT = 255 * (1 - STRENGTH / FULL)  # above which solarizing inverts

# In torchvision's order, each with whether it has two directions.
CHANGES: tuple[tuple[Change, bool], ...] = (
    (lambda x, _: x, False),
    (lambda x, sign: _sheared(x, (sign * _SHEAR, 0.0)), True),
    (lambda x, sign: _sheared(x, (0.0, sign * _SHEAR)), True),
    (lambda x, sign: _moved(x, (sign * _part(_MOVE * x.shape[3]), 0.0)), True),
    (lambda x, sign: _moved(x, (0.0, sign * _part(_MOVE * x.shape[2]))), True),
    (lambda x, sign: functional.rotate(x, sign * _TURN), True),
    (lambda x, sign: functional.adjust_brightness(x, 1 + sign * _TONE), True),
    (lambda x, sign: functional.adjust_saturation(x, 1 + sign * _TONE), True),
    (lambda x, sign: functional.adjust_contrast(x, 1 + sign * _TONE), True),
    (lambda x, sign: functional.adjust_sharpness(x, 1 + sign * _TONE), True),
    (lambda x, _: functional.posterize(x, _BITS), False),
    (lambda x, _: functional.solarize(x, _LIMIT), False),
    (lambda x, _: functional.autocontrast(x), False),
    (lambda x, _: functional.equalize(x), False),
)
