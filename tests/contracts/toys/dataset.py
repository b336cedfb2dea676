"""A data set: 60 noisy squares of 8 x 8 pixels, 20 of each of three colours."""

import numpy as np
from PIL import Image

from usable_core.datasets.arrays import from_pictures
from usable_core.labels import LabelSpace


def squares():
    targets = np.arange(60) % 3
    pixels = np.random.default_rng(0).integers(0, 120, (60, 8, 8, 3))
    pixels[np.arange(60), :, :, targets] += 120
    pictures = [Image.fromarray(p) for p in pixels.astype(np.uint8)]
    return from_pictures("toy", pictures.__getitem__, targets, LabelSpace(("red", "green", "blue")))
