import json

import numpy as np
import pytest

from usable_core.attacked_images import (
    amplified_difference,
    enlarged,
    kept_images,
    open_image,
    side_by_side,
)
from usable_core.comparison import score_card
from usable_core.images import encode_png

from made_results import accuracy_result, robustness_result  # isort: skip


def test_the_change_is_amplified_around_grey_and_cut():
    clean = np.full((1, 3, 3), 100, np.uint8)
    attacked = np.array([[[100] * 3, [104] * 3, [0] * 3]], np.uint8)

    found = amplified_difference(clean, attacked, 10)

    assert found[0, :, 0].tolist() == [128, 168, 0]


def test_small_pictures_grow_without_smoothing():
    picture = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)

    found = enlarged(picture, width=5)

    assert found.shape == (6, 6, 3)
    assert (found[:3, :3] == picture[0, 0]).all()
    assert enlarged(found, width=2) is not None
    assert enlarged(found, width=2).shape == (6, 6, 3)


def test_kept_pictures_are_listed_and_read_from_the_run_only(tmp_path):
    assert kept_images(tmp_path).empty
    folder = tmp_path / "gallery"
    folder.mkdir()
    picture = np.full((4, 4, 3), 7, np.uint8)
    (folder / "0_1.png").write_bytes(encode_png(picture))
    (tmp_path / "0_1.png").write_bytes(b"secret")
    entry = {
        "file": "../0_1.png",
        "index": 0,
        "epsilon": 0.1,
        "prediction": 1,
        "saved_prediction": 1,
    }
    (folder / "gallery.json").write_text(json.dumps([entry]))

    kept = kept_images(tmp_path)

    assert kept["epsilon"].tolist() == [0.1]
    assert np.array_equal(open_image(tmp_path, kept["file"][0]), picture)


def test_the_score_card_has_every_number_of_both_kinds():
    labels = np.array([0, 1, 2])
    robust = robustness_result(labels, labels, [labels, [0, 0, 0], [1, 0, 0]])

    table = score_card([accuracy_result(labels, labels), robust])

    at = table[table["metric"] == "Robustness score"]
    assert at["value"].tolist() == pytest.approx([0, -2 / 3, -1])
    assert at["epsilon"].tolist() == [0, 0.01, 0.03]
    assert {"Accuracy", "Brier score", "Clean accuracy", "Mean over ε"} <= set(table["metric"])
    assert set(table["n"]) == {3}


def test_pictures_in_a_row_keep_their_pixels_and_are_transparent_between():
    one, two = (np.full((2, 3, 3), value, np.uint8) for value in (10, 20))

    row = side_by_side([one, two], gap=4)

    assert row.shape == (2, 10, 4)
    assert (row[:, :3, :3] == 10).all()
    assert (row[:, 7:, :3] == 20).all()
    assert row[0, :, 3].tolist() == [255] * 3 + [0] * 4 + [255] * 3
