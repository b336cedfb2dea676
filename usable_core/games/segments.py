"""Superpixels: connected parts of a picture that are hidden and credited as one.

SLIC (Achanta et al. 2012) with a target count gives a comparable number at every image size.
"""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from skimage.segmentation import slic
from torch import Tensor

from usable_core.models.preprocessing import Preprocessing

_SIDE = 224  # of the square on which a picture's superpixels are found, whatever a model's input is
# 10 is skimage's default. Noisy pictures fall into scraps that SLIC then merges into a few parts;
# there, nearness counts for more.
_COMPACTNESS = (10, 100, 1000)


def superpixels(x: Tensor, count: int) -> NDArray[np.int32]:
    """Return the superpixel (H, W) of each pixel of the image x (3, H, W), numbered from 0.

    Args:
        x: Image in [0, 1], not normalised.
        count: Target number; SLIC gives about as many.
    """
    pixels = x.detach().cpu().permute(1, 2, 0).double().numpy()
    wanted = min(count, pixels.shape[0] * pixels.shape[1])
    for compactness in _COMPACTNESS:
        found = slic(
            pixels,
            n_segments=wanted,
            compactness=compactness,
            sigma=1,
            start_label=0,
            channel_axis=-1,
        )
        if len(np.unique(found)) >= wanted / 2:
            break
    return _consecutive(found)


def shared_superpixels(
    image: Image.Image, preprocessing: Preprocessing, count: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the superpixel (H, W) of each pixel that a model sees, and which they are.

    They are found once on the picture's central square and then resized and cropped as the model
    does it, so that models of different input sizes are compared on the same superpixels.

    Args:
        image: The RGB picture.
        preprocessing: How the model sees it.
        count: Target number in the central square.

    Returns:
        Superpixels (H, W), numbered from 0 without holes; and the number (S,), increasing, that
        each of them has in the whole square, whatever the model sees of it.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    small = np.array(square.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR))
    numbers = superpixels(torch.from_numpy(small).permute(2, 0, 1) / 255, count)
    columns = np.clip((np.arange(image.width) - left) * _SIDE // side, 0, _SIDE - 1)
    rows = np.clip((np.arange(image.height) - top) * _SIDE // side, 0, _SIDE - 1)
    low, high = numbers.astype(np.uint8), (numbers >> 8).astype(np.uint8)
    coded = np.stack([low, high, np.zeros_like(low)], axis=2)[rows[:, None], columns]
    geometry = replace(preprocessing, interpolation="nearest", sources={}).geometry
    seen = (geometry(Image.fromarray(coded)) * 255).round().to(torch.int32).numpy()
    numbers = seen[0] + 256 * seen[1]
    return _consecutive(numbers), np.unique(numbers).astype(np.int32)


def _consecutive(numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    _, found = np.unique(numbers, return_inverse=True)
    return found.reshape(numbers.shape).astype(np.int32)
