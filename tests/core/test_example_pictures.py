"""Pictures of examples that a page asks for are those of the records, or are missed openly."""

import numpy as np
import pytest
import torch
from made_pictures import png
from torch import nn
from toy_models import LinearNetwork, linear_model, model_of

from usable_core import images
from usable_core.asking.oracle import Oracle
from usable_core.datasets import load_dataset
from usable_core.errors import DatasetRefused, UnknownName
from usable_core.evaluations.corruption import CorruptionConfig
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.interactive import ImageRequest
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring.corruption import measure
from usable_core.measuring.example_pictures import save_asked, save_examples
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


def asked(data, ids, **how):
    return ImageRequest(
        "examples", ModelSpec("bundled/toy"), dataset=str(data), examples=tuple(ids), **how
    )


def test_a_corrupted_picture_is_the_one_that_the_run_saw(data, tmp_path):
    """What the saved picture is called is what the records of the corruption say."""
    (folder := tmp_path / "answer").mkdir()
    dataset = load_dataset(data)
    weight = torch.randn(2, 192, generator=torch.Generator().manual_seed(0)) / 8
    model = model_of(LinearNetwork(weight, -weight.sum(1) / 2), names=dataset.labels.names)
    config = CorruptionConfig(model.spec, DatasetSpec(str(data)), ("gaussian_noise",), (5,), seed=3)
    measured = measure(model=model, dataset=dataset, config=config)
    records = measured.records.set_index("id")
    options = ExplainerOptions(seed=3)
    request = asked(data, dataset.ids, corruption="gaussian_noise", severity=5, options=options)

    save_asked(request, lambda spec: model, folder)

    for identity in dataset.ids:
        shown = np.asarray(images.decode((folder / f"{identity}.png").read_bytes(), "picture"))
        x = torch.from_numpy(shown.copy()).permute(2, 0, 1)[None] / 255
        probabilities = torch.softmax(Oracle(model).logits(x), 1)[0]
        assert float(probabilities.max()) == pytest.approx(
            float(records.loc[identity, "confidence"]), abs=5e-3
        )
    with pytest.raises(UnknownName, match="corruption"):
        asked(data, dataset.ids, corruption="fogg")


def test_maps_are_by_the_method_asked_for_or_say_by_which_other(data, tmp_path):
    (folder := tmp_path / "answer").mkdir()
    dataset = load_dataset(data)
    request = asked(data, [dataset.ids[1], "gone", dataset.ids[4]], method="grad_cam")

    used = save_asked(request, lambda spec: linear_model(8, 2), folder)

    assert used == "saliency", "a linear model has no grid of activations"
    for place in (1, 4):
        values = np.load(folder / f"{dataset.ids[place]}.npy")
        assert values.shape == (8, 8)
        assert (folder / f"{dataset.ids[place]}.png").is_file()
    assert len(list(folder.iterdir())) == 4
    body = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2))
    network = nn.Sequential(body, nn.Flatten(), nn.Linear(16, 2))
    assert save_asked(request, lambda spec: model_of(network, classes=2), folder) == "grad_cam"
    assert (
        save_asked(
            asked(data, ["gone"], method="grad_cam"), lambda spec: linear_model(8, 2), folder
        )
        is None
    )


def test_data_that_are_gone_are_a_sentence(tmp_path):
    with pytest.raises(DatasetRefused, match="no file or folder"):
        save_examples(f"{tmp_path}/nothing", ["a"], tmp_path)
