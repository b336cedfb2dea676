"""Corruptions against the package `imagecorruptions`, repaired where it breaks on today's NumPy.

Tolerances, in units of the [0, 1] pixel range. Where nothing is drawn, the mean absolute difference
of pixels is below 0.004: the package cuts off to 8 bits, which is 0.002 by itself. Where something
is drawn, the mean is within 0.006, the spread within 0.005 and the mean squared change within 8 %;
fog (few large clouds), frost (generated pictures) and spatter (drops without OpenCV) have more.
"""

import numpy as np
import pytest
import skimage.filters
import torch
from PIL import Image
from skimage import data

from usable_core.catalog import implementation
from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.evaluations.corruption import SEVERITIES

pytestmark = pytest.mark.reference
peer = pytest.importorskip("imagecorruptions")

STILL = {
    "defocus_blur",
    "zoom_blur",
    "brightness",
    "contrast",
    "pixelate",
    "jpeg_compression",
    "gaussian_blur",
    "saturate",
}
MEAN = {"fog": 0.03, "frost": 0.04, "spatter": 0.008, "glass_blur": 0.008}
SPREAD = {"fog": 0.012, "frost": 0.02}
CHANGE = {"fog": 0.25, "frost": 0.35, "spatter": 0.6}  # relative
DRAWS = 64


@pytest.fixture(autouse=True)
def repaired(monkeypatch):
    """Give the package the names that it was written for."""

    def gaussian(image, *arguments, multichannel=False, **settings):
        channel = {"channel_axis": -1} if multichannel else {}
        return skimage.filters.gaussian(image, *arguments, **channel, **settings)

    monkeypatch.setattr(peer.corruptions, "gaussian", gaussian)
    monkeypatch.setattr(np, "float_", np.float64, raising=False)


def picture(size):
    return np.asarray(Image.fromarray(data.astronaut()).resize((size, size)))


def theirs(name, severity, size, draws):
    np.random.seed(severity)  # noqa: NPY002 - the package draws from it
    image = picture(size)
    made = [peer.corrupt(image, corruption_name=name, severity=severity) for _ in range(draws)]
    return np.stack(made).astype(np.float64) / 255


def ours(name, severity, size, draws):
    x = torch.from_numpy(picture(size).copy()).permute(2, 0, 1)[None].float() / 255
    function = implementation(CORRUPTIONS[name].function)
    found = function(x.expand(draws, -1, -1, -1), severity, torch.arange(draws) * 7919)
    return found.permute(0, 2, 3, 1).double().numpy()  # (N, 3, H, W) -> (N, H, W, 3)


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", sorted(STILL))
def test_pixels_are_the_packages_where_nothing_is_drawn(name, severity):
    difference = np.abs(ours(name, severity, 224, 1) - theirs(name, severity, 224, 1))

    assert difference.mean() < 0.004


@pytest.mark.parametrize("severity", SEVERITIES)
@pytest.mark.parametrize("name", [n for n in CORRUPTIONS if n not in STILL])
def test_mean_spread_and_change_are_the_packages_where_something_is_drawn(name, severity):
    # Its glass blur takes a second per picture of 224 pixels.
    size, draws = (96, 12) if name == "glass_blur" else (224, DRAWS)
    clean = picture(size) / 255

    one, other = ours(name, severity, size, draws), theirs(name, severity, size, draws)

    other = other + 0.5 / 255  # what it cuts off, on average
    assert one.mean() == pytest.approx(other.mean(), abs=MEAN.get(name, 0.006))
    assert one.std() == pytest.approx(other.std(), abs=SPREAD.get(name, 0.005))
    changes = [np.square(found - clean).mean() for found in (one, other)]
    assert changes[0] == pytest.approx(changes[1], rel=CHANGE.get(name, 0.08))


def test_glass_blur_scatters_pixels_exactly_as_the_published_loop():
    from usable_core.corruptions.blur import _copied_from
    from usable_core.randomness import uniform

    height, width, distance = 20, 24, 3
    seeds = torch.tensor([5])
    moves = (uniform(seeds, (2, height * width), 0) * (2 * distance)).long() - distance
    dy, dx = moves[0].view(2, height, width).numpy()
    image = np.arange(height * width, dtype=np.int64).reshape(height, width, 1).repeat(3, 2)

    for h in range(height - distance, distance, -1):
        for w in range(width - distance, distance, -1):
            other = h + dy[h, w], w + dx[h, w]
            image[h, w], image[other] = image[other], image[h, w]  # views: one pixel is lost

    found = _copied_from(seeds, 0, height, width, distance)[0].view(height, width).numpy()
    assert (found == image[..., 0]).all()
    assert len(np.unique(found)) < height * width, "copied, not swapped"
