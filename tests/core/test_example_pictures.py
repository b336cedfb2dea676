"""Pictures of examples that a page asks for are those of the records, or are missed openly."""

import numpy as np
import pytest
from made_pictures import png

from usable_core import images
from usable_core.datasets import load_dataset
from usable_core.errors import DatasetRefused
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import ModelSpec
from usable_core.measuring.example_pictures import save_examples
from usable_core.measuring.interactive import ModelCache, answer


@pytest.fixture
def data(tmp_path):
    """Two classes of three pictures."""
    for place in range(6):
        path = tmp_path / "data" / ("cat" if place < 3 else "dog") / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(place, size=(8, 8)))
    return tmp_path / "data"


def test_each_example_is_the_picture_of_its_identity(data, tmp_path):
    dataset = load_dataset(data)
    (folder := tmp_path / "answer").mkdir()

    save_examples(str(data), [dataset.ids[4], dataset.ids[1], "gone"], folder)

    assert sorted(path.stem for path in folder.iterdir()) == sorted(
        [dataset.ids[4], dataset.ids[1]]
    )
    for place in (4, 1):
        shown = images.decode((folder / f"{dataset.ids[place]}.png").read_bytes(), "picture")
        np.testing.assert_array_equal(np.asarray(shown), np.asarray(dataset[place][0]))


def test_a_picture_that_came_later_is_found_too(data, tmp_path):
    (folder := tmp_path / "answer").mkdir()
    before = load_dataset(data).ids
    save_examples(str(data), before[:1], folder)
    (data / "cat" / "new.png").write_bytes(png(99, size=(8, 8)))
    (identity,) = set(load_dataset(data).ids) - set(before)

    save_examples(str(data), [identity], folder)

    assert (folder / f"{identity}.png").is_file()


def test_the_lane_answers_without_loading_the_model(data, tmp_path):
    (folder := tmp_path / "answer").mkdir()
    identity = load_dataset(data).ids[0]
    request = ImageRequest(
        "examples", ModelSpec("bundled/nothing"), dataset=str(data), examples=(identity,)
    )
    told = []

    answer(request, ModelCache(), None, folder, told.append)

    assert not request.has_image
    assert told[-1].state == "done"
    assert (folder / f"{identity}.png").is_file()


def test_data_that_are_gone_are_a_sentence(tmp_path):
    with pytest.raises(DatasetRefused, match="no file or folder"):
        save_examples(f"{tmp_path}/nothing", ["a"], tmp_path)
