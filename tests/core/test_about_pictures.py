"""What accuracy's records say of each picture: its looks, what is alike, the data's own columns."""

from dataclasses import replace

import numpy as np
import pytest
from made_results import robustness_result
from toy_models import linear_model

import usable_core as usable
from usable_core.errors import ConfigError, DatasetRefused
from usable_core.measuring.about_pictures import about_pictures, alike_rows


def measured(n=60):
    """A model, pictures of which the dark are wrong, and their answer."""
    model = linear_model(size=8, classes=3)
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (n, 8, 12, 3), dtype=np.uint8)
    pixels[: n // 3] //= 8
    camera = ["old"] * (n // 3) + ["new"] * (n - n // 3)
    names = list(model.labels.names)
    unasked = usable.dataset_from_arrays(pixels, [0] * n, names)
    labels = usable.evaluate_accuracy(model, unasked).records["prediction"].to_numpy().copy()
    labels[: n // 3] = (labels[: n // 3] + 1) % 3
    data = usable.dataset_from_arrays(
        pixels, labels, names, columns={"camera": camera, "n": range(n)}
    )
    return model, pixels, data


def test_records_say_what_the_pictures_look_like_and_the_data_know():
    model, pixels, data = measured()

    result = usable.evaluate_accuracy(model, data)

    grey = pixels @ np.array([0.299, 0.587, 0.114]) / 255
    records = result.records
    assert records["brightness"].to_numpy() == pytest.approx(grey.mean((1, 2)), abs=0.003)
    assert records["contrast"].to_numpy() == pytest.approx(grey.std((1, 2)), abs=0.003)
    assert (records["width"] == 12).all()
    assert (records["height"] == 8).all()
    assert records["about_camera"].tolist() == ["old"] * 20 + ["new"] * 40
    assert records["about_n"].tolist() == list(range(60))
    found = usable.worst_slices(result)
    assert found.worst[0].found.value == 0
    assert "camera is old" in [one.text for one in found.worst] or found.worst[0].text.startswith(
        "brightness below"
    )


def test_a_part_and_a_limit_keep_each_pictures_own_values():
    _, _, data = measured()
    part = data.take([5, 3, 50]).take([2, 0])
    rows = about_pictures(part, np.arange(2))
    assert rows["about_n"].tolist() == [50, 5]
    assert rows["about_camera"].tolist() == ["new", "old"]
    assert rows["brightness"][1] < 0.1 < rows["brightness"][0]


def test_looks_and_columns_are_read_from_the_data_where_asked():
    model, pixels, data = measured()
    plain = usable.evaluate_accuracy(model, replace(data, columns={}))
    assert not any(str(name).startswith("about") for name in plain.records)

    found = usable.worst_slices(plain, data)

    assert "camera" in found.columns
    other = usable.dataset_from_arrays(255 - pixels, data.targets)
    with pytest.raises(DatasetRefused, match="60 of the 60"):
        usable.worst_slices(plain, other)
    with pytest.raises(ConfigError, match="RobustnessResult"):
        usable.worst_slices(robustness_result([0], [0], [[0]] * 3))
    with pytest.raises(DatasetRefused, match="3 values"):
        usable.dataset_from_arrays(pixels, data.targets, columns={"camera": "abc"})


def test_pictures_that_are_alike_are_one_group():
    generator = np.random.default_rng(0)
    tiny = generator.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
    pixels = tiny.repeat(6, 1).repeat(6, 2)
    pixels[7], pixels[9] = pixels[2], pixels[2]
    pixels[11] = np.clip(pixels[4].astype(int) + 3, 0, 255)
    data = usable.dataset_from_arrays(pixels, np.arange(12) % 3)

    rows = alike_rows(data)

    expected = list(range(12))
    expected[7] = expected[9] = 2
    expected[11] = 4
    assert rows.tolist() == expected
    assert alike_rows(data.take([7, 1, 9])).tolist() == [0, 1, 0]
