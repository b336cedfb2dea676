"""The answer without parts of a picture, and which part of it a model sees at all."""

import numpy as np
import pytest
import torch
from explained import instance_of
from PIL import Image
from toy_models import images, linear_model

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.measuring.hiding import without

OPTIONS = ExplainerOptions(background="black")


def instance_with(numbers):
    """An image of 8 x 8 pixels in four columns of superpixels, numbered as the picture's."""
    segments = np.repeat(np.arange(4, dtype=np.int32)[None], 8, 0).repeat(2, 1)
    found = instance_of(linear_model(), images(1)[0], segments)
    return found.divided(segments, np.asarray(numbers))


def probability(x):
    return linear_model()(x[None]).double().softmax(1)[0]


def test_the_answer_without_parts_is_that_to_the_picture_with_them_blacked_out():
    instance = instance_with([10, 11, 12, 13])
    x = images(1)[0].clone()
    before = probability(x)
    x[:, :, 0:2] = x[:, :, 6:8] = 0  # the first and the last column
    after = probability(x)

    found = without(instance, (13, 10), 1, OPTIONS)

    assert found.without.superpixels == (10, 13)
    assert found.without.before == pytest.approx(float(before[1]), abs=1e-6)
    assert found.without.after == pytest.approx(float(after[1]), abs=1e-6)
    assert found.predictions[0].index == int(after.argmax())
    assert found.predictions[0].probability == pytest.approx(float(after.max()), abs=1e-6)
    assert np.array_equal(found.x, (x * 255).round().byte().permute(1, 2, 0).numpy())


def test_parts_that_a_model_does_not_see_change_nothing():
    found = without(instance_with([10, 11, 12, 13]), (99,), 1, OPTIONS)

    assert found.without.superpixels == ()
    assert found.without.before == found.without.after


def test_everything_can_be_hidden():
    found = without(instance_with([0, 1, 2, 3]), (0, 1, 2, 3), 0, OPTIONS)

    assert not found.x.any()
    assert found.without.after == pytest.approx(float(probability(torch.zeros(3, 8, 8))[0]))


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (301, 97), (97, 301), (50, 50), (16, 90)])
@pytest.mark.parametrize(
    "seen",
    [
        Preprocessing(resize=64, crop=(56, 56)),
        Preprocessing(resize=(48, 80), crop=(32, 32)),
        Preprocessing(resize=None, crop=(40, 24)),
        Preprocessing(resize=20, crop=(41, 33)),  # padded
    ],
)
def test_the_part_that_is_seen_is_the_one_that_geometry_shows(size, seen):
    """Pictures that hold their own coordinates tell where each shown pixel comes from."""
    width, height = size
    across = np.linspace(0, 255, width)[None].repeat(height, 0)
    down = np.linspace(0, 255, height)[:, None].repeat(width, 1)
    picture = np.stack([across, down, np.full_like(across, 255)], 2).round().astype(np.uint8)
    shown = seen.geometry(Image.fromarray(picture)).numpy()

    left, top, right, bottom = seen.seen(size)

    is_picture = shown[2] > 0.5  # the rest is padding
    rows, columns = seen.crop
    xs = left + (np.arange(columns) + 0.5) / columns * (right - left)
    ys = top + (np.arange(rows) + 0.5) / rows * (bottom - top)
    inside = (xs > 0.05) & (xs < 0.95), (ys > 0.05) & (ys < 0.95)
    row, column = np.flatnonzero(inside[1])[len(np.flatnonzero(inside[1])) // 2], columns // 2
    assert shown[0, row, inside[0]] == pytest.approx(xs[inside[0]], abs=0.03)
    assert shown[1, inside[1], column] == pytest.approx(ys[inside[1]], abs=0.03)
    assert is_picture[row].sum() == ((xs > 0) & (xs < 1)).sum()
