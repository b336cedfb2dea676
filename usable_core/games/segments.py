"""Superpixels: connected parts of a picture that are hidden and credited as one.

SLIC (Achanta et al. 2012) with a target count gives a comparable number at every image size.
"""

import functools
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from skimage.segmentation import slic
from torch import Tensor

from usable_core.inputs.preprocessing import Preprocessing
from usable_core.metrics.arrays import Segments

_SIDE = 224  # of the square on which a picture's superpixels are found, whatever a model's input is
_LONGEST = 4 * _SIDE  # side of what lies beside the square, at the most
# 10 is skimage's default. Noisy pictures fall into scraps that SLIC then merges into a few parts;
# there, nearness counts for more.
_COMPACTNESS = (10, 100, 1000)
_REMEMBERED = 128  # pictures: more than an assessment explains; some 350 KB each


def superpixels(x: Tensor, count: int) -> Segments:
    """Return the superpixel (H, W) of each pixel of the image x (3, H, W), numbered from 0.

    Args:
        x: Image in [0, 1], not normalised.
        count: Target number; SLIC gives about as many.
    """
    pixels = x.detach().cpu().permute(1, 2, 0).double().numpy()
    wanted = min(count, pixels.shape[0] * pixels.shape[1])
    for compactness in _COMPACTNESS:
        found = slic(pixels, wanted, compactness, sigma=1, start_label=0, channel_axis=-1)
        if len(np.unique(found)) >= wanted / 2:
            break
    return _consecutive(found)


def shared_superpixels(
    image: Image.Image, preprocessing: Preprocessing, count: int
) -> tuple[Segments, Segments]:
    """Return the superpixel (H, W) of each pixel that a model sees, and which they are.

    They are found once on the picture's central square and then resized and cropped as the model
    does it, so that models of different input sizes are compared on the same superpixels. Where a
    model sees more than that square, what lies beside it is parted as finely, into at most `count`
    more.

    Args:
        image: The RGB picture.
        preprocessing: How the model sees it.
        count: Target number in the central square.

    Returns:
        Superpixels (H, W), numbered from 0 without holes; and the number (S,), increasing, that
        each of them has in the whole picture, whatever the model sees of it.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = (left, top, left + side, top + side)
    columns = np.clip((np.arange(image.width) - left) * _SIDE // side, 0, _SIDE - 1)
    rows = np.clip((np.arange(image.height) - top) * _SIDE // side, 0, _SIDE - 1)
    numbers = _parted(image, square, (_SIDE, _SIDE), count)[rows[:, None], columns]
    beside = np.ones(numbers.shape, bool)
    beside[top : top + side, left : left + side] = False
    if _seen(beside.astype(np.int32), preprocessing).any():
        for box in _boxes_beside(image.size, square):
            _part_box(numbers, image, box, count)
    seen = _seen(numbers, preprocessing)
    return _consecutive(seen), np.unique(seen).astype(np.int32)


def _parted(
    image: Image.Image, box: tuple[int, int, int, int], size: tuple[int, int], count: int
) -> Segments:
    """Return the superpixels of a part of a picture, found at the size (width, height)."""
    small = image.crop(box).resize(size, Image.Resampling.BILINEAR)
    return _of_pixels(small.tobytes(), (size[1], size[0]), count)


@functools.lru_cache(maxsize=_REMEMBERED)
def _of_pixels(data: bytes, shape: tuple[int, int], count: int) -> Segments:
    """Return the superpixels of RGB bytes, found once for all models that see the picture."""
    pixels = torch.from_numpy(np.frombuffer(data, np.uint8).reshape(*shape, 3).copy())
    found = superpixels(pixels.permute(2, 0, 1) / 255, count)
    found.flags.writeable = False  # others will be given the same
    return found


def _boxes_beside(
    size: tuple[int, int], square: tuple[int, int, int, int]
) -> list[tuple[int, int, int, int]]:
    """Return what lies before and after the central square, as (left, top, right, bottom)."""
    (width, height), (left, top, right, bottom) = size, square
    if width > height:
        return [(0, 0, left, height), (right, 0, width, height)]
    return [(0, 0, width, top), (0, bottom, width, height)]


def _part_box(
    numbers: Segments, image: Image.Image, box: tuple[int, int, int, int], count: int
) -> None:
    """Give a part beside the central square superpixels of its own, about as large as those there.

    One that is smaller than a superpixel stays with its neighbours in the square.
    """
    left, top, right, bottom = box
    width, height, side = right - left, bottom - top, min(image.size)
    wanted = min(round(count * width * height / side**2), count // 2)
    if not wanted:
        return
    scale = min(_SIDE / side, _LONGEST / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    found = _parted(image, box, size, wanted)
    columns, rows = np.arange(width) * size[0] // width, np.arange(height) * size[1] // height
    numbers[top:bottom, left:right] = found[rows[:, None], columns] + numbers.max() + 1


def _seen(numbers: Segments, preprocessing: Preprocessing) -> Segments:
    """Return the numbers (H, W) of a picture's pixels as a model sees them."""
    low, high = numbers.astype(np.uint8), (numbers >> 8).astype(np.uint8)
    coded = Image.fromarray(np.stack([low, high, np.zeros_like(low)], axis=2))
    geometry = replace(preprocessing, interpolation="nearest", sources={}).pixels
    red, green, _ = geometry(coded).to(torch.int32).numpy()
    return np.asarray(red + 256 * green, np.int32)


def _consecutive(numbers: Segments) -> Segments:
    _, found = np.unique(numbers, return_inverse=True)
    return found.reshape(numbers.shape).astype(np.int32)
