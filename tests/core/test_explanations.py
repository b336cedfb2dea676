"""Superpixels, backgrounds, LIME's fit, explaining a data set and answering about one image."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from explained import attributed, lime_masks
from PIL import Image
from torch import nn
from toy_models import digits_dataset, images, linear_model, model_of

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.errors import (
    Cancelled,
    ExplanationError,
    ImageRefused,
    IncompatibleLabels,
    UnknownName,
)
from usable_core.evaluations.explained import Explanation
from usable_core.evaluations.explanation import ExplainerOptions, ExplanationConfig
from usable_core.evaluations.interactive import Answer, ImageRequest
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.explainers import lime_surrogate
from usable_core.explainers.attribution import Attribution
from usable_core.games import segments
from usable_core.games.backgrounds import hiding
from usable_core.games.segments import shared_superpixels, superpixels
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.measuring import shards
from usable_core.measuring.explanation import measure
from usable_core.measuring.instances import instance, target_index
from usable_core.measuring.interactive import ModelCache, answer
from usable_core.measuring.refinement import explain
from usable_core.records import from_json, to_json

ONE_PART = np.zeros((32, 32), np.int32)
DIGITS = tuple(str(i) for i in range(10))


def photo(width=96, height=64):
    ramp = np.linspace(0, 255, width * height * 3).reshape(height, width, 3)
    noise = np.random.default_rng(0).integers(0, 60, ramp.shape)
    return Image.fromarray(((ramp + noise) % 256).astype(np.uint8))


def ten_class_model(size=8):
    return replace_names(linear_model(size, classes=10))


def replace_names(model):
    model.labels = replace(model.labels, names=DIGITS)
    return model


@pytest.mark.parametrize("size", [8, 32, 64])
def test_superpixels_are_numbered_from_zero_without_holes_and_about_as_many_as_asked(size):
    x = images(1, size, low=0, high=1)[0]

    found = superpixels(x, 20)

    assert found.shape == (size, size)
    assert found.dtype == np.int32
    assert np.array_equal(np.unique(found), np.arange(found.max() + 1))
    assert 8 <= found.max() + 1 <= 40


def test_a_flat_picture_still_has_superpixels():
    assert superpixels(torch.full((3, 32, 32), 0.5), 16).max() + 1 >= 8


def test_models_of_different_input_sizes_see_the_same_superpixels():
    whole = {"resize": 64, "crop": (64, 64)}
    picture = photo(64, 64)

    large = shared_superpixels(picture, Preprocessing(**whole), 12)[0]
    small = shared_superpixels(picture, Preprocessing(resize=32, crop=(32, 32)), 12)[0]
    bicubic = shared_superpixels(picture, Preprocessing(**whole, interpolation="bicubic"), 12)[0]

    assert large.shape == (64, 64)
    assert small.shape == (32, 32)
    assert np.array_equal(large, bicubic)
    agree = max(np.mean(large[i::2, j::2] == small) for i in (0, 1) for j in (0, 1))
    assert agree > 0.9


def test_superpixels_of_a_picture_are_found_once_for_all_models(monkeypatch):
    asked = []
    find = segments.superpixels

    def counted(x, count):
        asked.append((x, count))
        return find(x, count)

    monkeypatch.setattr(segments, "superpixels", counted)
    segments._of_pixels.cache_clear()
    small, large = Preprocessing(28, (24, 24)), Preprocessing(resize=64, crop=(64, 64))

    first = shared_superpixels(photo(64, 64), small, 12)[0]
    shared_superpixels(photo(64, 64), large, 12)
    first[:] = 0  # what one model does with them is not what the next is given
    again = shared_superpixels(photo(64, 64), small, 12)[0]
    assert len(asked) == 1
    turned = shared_superpixels(photo(64, 64).transpose(Image.Transpose.ROTATE_90), small, 12)[0]
    finer = shared_superpixels(photo(64, 64), small, 30)[0]

    assert len(asked) == 3
    assert again.max() > 3
    assert not np.array_equal(again, turned)
    assert finer.max() > again.max()


@pytest.mark.parametrize(("width", "height"), [(96, 64), (64, 96), (300, 20)])
def test_superpixels_of_a_picture_fit_the_crop_whatever_its_shape(width, height):
    found = shared_superpixels(photo(width, height), Preprocessing(28, (24, 24)), 12)[0]

    assert found.shape == (24, 24)
    assert found.max() >= 3


def boxed(width, height, box):
    """Return a dark noisy picture with one bright box (left, top, right, bottom), and its mask."""
    pixels = np.random.default_rng(0).integers(40, 90, (height, width, 3)).astype(np.uint8)
    left, top, right, bottom = box
    inside = np.zeros((height, width), bool)
    inside[top:bottom, left:right] = True
    pixels[inside] = 230
    return Image.fromarray(pixels), inside


@pytest.mark.parametrize(
    ("width", "height", "box"), [(128, 64, (104, 32, 124, 56)), (64, 160, (8, 6, 30, 24))]
)
def test_superpixels_beside_the_central_square_are_as_sharp_as_in_it(width, height, box):
    picture, inside = boxed(width, height, box)

    found, numbers = shared_superpixels(picture, Preprocessing(None, (height, width)), 50)

    shares = np.bincount(found.ravel(), inside.ravel()) / np.bincount(found.ravel())
    assert len(numbers) == found.max() + 1 <= 100
    assert (shares * np.bincount(found.ravel(), inside.ravel())).sum() / inside.sum() > 0.7


def test_models_that_see_the_square_and_the_whole_share_the_square_s_superpixels():
    picture, _ = boxed(128, 64, (104, 32, 124, 56))

    whole, of_whole = shared_superpixels(picture, Preprocessing(None, (64, 128)), 20)
    square, of_square = shared_superpixels(picture, Preprocessing(None, (64, 64)), 20)

    assert np.array_equal(of_whole[whole][:, 32:96], of_square[square])
    assert not set(of_whole[whole][:, [0, 127]].ravel()) & set(of_square)


def test_a_panorama_has_at_most_twice_the_superpixels():
    squashed = Preprocessing((64, 640), (64, 640))

    found = shared_superpixels(photo(1500, 60), squashed, 16)[0]

    assert 24 <= found.max() + 1 <= 40  # SLIC gives about as many as asked


def test_backgrounds_are_what_they_are_called():
    x = images(1, 32)[0]

    assert (hiding(x, "black", ONE_PART).hidden == 0).all()
    assert (hiding(x, "grey", ONE_PART).hidden == 0.5).all()
    assert torch.allclose(hiding(x, "mean", ONE_PART).hidden[:, 3, 5], x.mean((1, 2)))
    blurred = hiding(x, "blur", ONE_PART).hidden
    assert blurred.shape == x.shape
    assert blurred.std() < 0.3 * x.std()
    assert torch.allclose(blurred.mean(), x.mean(), atol=0.01)
    with pytest.raises(UnknownName):
        hiding(x, "pink", ONE_PART)


def test_lime_finds_the_weights_of_an_additive_model():
    masks = lime_masks(4000, 6, seed=0)
    truth = np.array([0.5, -0.3, 0.0, 0.2, 0.1, 0.0])

    weights, r2 = lime_surrogate.fit(masks, 0.1 + masks @ truth)

    assert masks[0].all()
    assert np.allclose(weights, truth, atol=2e-3)  # the ridge penalty shrinks a little
    assert r2 > 0.999


def test_limes_r2_of_a_model_that_never_changes_is_not_a_number():
    masks = lime_masks(50, 6, seed=0)

    weights, r2 = lime_surrogate.fit(masks, np.full(50, 0.25))

    assert np.allclose(weights, 0)
    assert np.isnan(r2)


def test_lime_hides_superpixels_behind_the_background_and_shows_no_mask_twice():
    x, seen = images(1, 8)[0], []

    class Spy(nn.Module):
        def forward(self, batch):
            seen.append(batch.clone())
            return batch.sum((1, 2, 3))[:, None] * torch.tensor([1.0, -1.0])

    segments = np.repeat(np.arange(2, dtype=np.int32), 32).reshape(8, 8)
    options = ExplainerOptions(evaluations=16, background="black")
    attributed("lime", model_of(Spy(), classes=2), x, 0, options, segments=segments)

    masks = [np.array(mask) for mask in ((1, 1), (1, 0), (0, 1), (0, 0))]
    possible = [x * torch.from_numpy(mask[segments]).float() for mask in masks]
    shown = [[torch.equal(row, one) for one in possible].index(True) for row in torch.cat(seen)]
    assert sorted(shown) == [0, 1, 2, 3]  # each once, though 16 are drawn


def test_gradient_shap_is_exact_for_a_linear_model_and_its_gap_falls_with_samples_otherwise():
    x = images(1, 8)[0]

    class Curved(nn.Module):
        def forward(self, batch):
            return torch.stack([(batch**3).sum((1, 2, 3)), batch.sum((1, 2, 3))], 1)

    def gap(target, evaluations):
        options = ExplainerOptions(evaluations=evaluations, background="black")
        model = model_of(Curved(), classes=2)
        return attributed("gradient_shap", model, x, target, options).additivity_gap

    assert gap(1, 16) < 1e-4
    assert gap(0, 16) > 10 * gap(0, 1600)


def test_gradient_shap_refuses_a_model_that_passes_no_gradient():
    class Steps(nn.Module):
        def forward(self, batch):
            return (batch.detach().sum((1, 2, 3))[:, None]) * torch.tensor([1.0, -1.0])

    model, options = model_of(Steps(), classes=2), ExplainerOptions(16, 4, "black")
    with pytest.raises(ExplanationError, match="no gradient"):
        attributed("gradient_shap", model, images(1, 8)[0], 0, options)


def test_a_map_with_nan_is_refused_and_a_map_of_zeros_is_an_answer():
    zeros = np.zeros((4, 4), np.float32)
    Attribution(zeros, 0.5)

    with pytest.raises(ExplanationError, match="finite"):
        Attribution(zeros * np.nan, 0.5)


def test_the_target_is_the_prediction_the_truth_or_a_name():
    model = linear_model(8, classes=3)
    model.labels = replace(model.labels, names=("cat", "sea_lion", "dog"))

    assert target_index(model, None, 2) == 2
    assert target_index(model, "predicted", 2, label=1) == 2
    assert target_index(model, "true", 2, label=1) == 1
    assert target_index(model, "Sea lion", 2) == 1
    with pytest.raises(UnknownName, match="dog"):
        target_index(model, "doge", 2)
    with pytest.raises(UnknownName):
        target_index(model, "true", 2)


def test_explaining_a_data_set_gives_a_row_and_a_map_per_example_and_method(tmp_path):
    config = ExplanationConfig(
        ModelSpec("toy"),
        DatasetSpec("digits", limit=3),
        ("lime", "gradient_shap"),
        target="true",
        options=ExplainerOptions(evaluations=32, segments=8),
    )
    told = []

    result = measure(
        model=ten_class_model(),
        dataset=digits_dataset(),
        config=config,
        folder=tmp_path,
        report=lambda done, total, message, **_: told.append((done, total)),
    )

    rows = result.records
    assert rows[["index", "method"]].to_numpy().tolist() == [
        [i, m] for i in range(3) for m in config.methods
    ]
    assert (rows["target"] == rows["label"]).all()
    assert rows["r2"].notna().tolist() == [True, False] * 3
    assert rows["additivity_gap"].notna().tolist() == [False, True] * 3
    with np.load(tmp_path / "maps.npz") as maps:
        assert sorted(maps) == sorted(f"{i}_{m}" for i in range(3) for m in config.methods)
        assert maps["2_lime"].shape == (8, 8)
        assert maps["2_lime"].dtype == np.float32
    assert {p.name for p in tmp_path.iterdir()} - {"shards"} == {"images", "maps.npz"}
    assert Image.open(tmp_path / "images" / "0.png").size == (8, 8)
    assert told == sorted(told)
    assert told[-1] == (6 * 32, 6 * 32)
    assert result.n == 3
    assert result.provenance.batch_size > 0
    json.dumps(to_json(result.summary()))
    assert "target_name" in result.to_frame()


class WithoutGradient(nn.Module):
    """Ten logits of 8 x 8 pixels that no gradient passes."""

    def forward(self, batch):
        return batch.detach().flatten(1)[:, :10]


def without_gradient(*methods):
    model = model_of(WithoutGradient(), classes=10)
    model.preprocessing = replace(model.preprocessing, resize=8)
    config = ExplanationConfig(
        ModelSpec("toy"),
        DatasetSpec("digits", limit=2),
        methods,
        options=ExplainerOptions(evaluations=32, segments=8),
    )
    return measure(model=model, dataset=digits_dataset(), config=config)


def test_a_method_that_refuses_a_model_leaves_the_others_maps():
    result = without_gradient("gradient_shap", "lime")

    assert result.records["method"].tolist() == ["lime"] * 2
    assert result.per_method["method"].tolist() == ["lime"]
    (warning,) = [w for w in result.provenance.warnings if "no map" in w]
    assert warning.startswith("Gradient SHAP gave no map of 2 of 2 images: ")
    assert "gradient" in warning.split(": ")[1]


def test_a_model_that_every_method_refuses_is_refused():
    with pytest.raises(ExplanationError, match="no gradient"):
        without_gradient("gradient_shap")


def test_a_cancelled_explanation_of_a_data_set_leaves_no_half_file(tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "PART_SECONDS", 0.0)

    def cancel(done, total, message, **_):
        if done > 40:
            raise Cancelled

    config = ExplanationConfig(
        ModelSpec("toy"),
        DatasetSpec("digits", limit=3),
        ("gradient_shap",),
        options=ExplainerOptions(evaluations=32),
    )
    with pytest.raises(Cancelled):
        measure(
            model=ten_class_model(),
            dataset=digits_dataset(),
            config=config,
            folder=tmp_path,
            report=cancel,
        )

    assert [p.name for p in tmp_path.iterdir()] == ["shards"]
    kinds = {p.suffix for p in (tmp_path / "shards").iterdir()}
    assert kinds == {"", ".json", ".npz", ".parquet"}
    assert all(Image.open(p).size == (8, 8) for p in (tmp_path / "shards/images").iterdir())


def asked(tmp_path, request, model):
    told: list[Answer] = []
    cache = ModelCache(load=lambda spec: model)
    answer(request, cache, photo(), tmp_path, told.append)
    return told


def eight_pixel_model():
    model = ten_class_model()
    model.preprocessing = replace(model.preprocessing, resize=8)
    return model


def test_a_prediction_names_the_five_most_probable_classes(tmp_path):
    told = asked(tmp_path, ImageRequest("predict", ModelSpec("toy"), "x"), eight_pixel_model())

    last = told[-1]
    assert last.state == "done"
    predictions = last.explanation.predictions
    probabilities = [p.probability for p in predictions]
    assert len(probabilities) == 5
    assert probabilities == sorted(probabilities, reverse=True)
    assert predictions[0].name == DIGITS[predictions[0].index]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["explanation.json", "input.png"]


def test_an_explanation_is_coarse_first_and_then_full(tmp_path):
    maps = {}
    request = ImageRequest(
        "explain",
        ModelSpec("toy"),
        "x",
        "lime",
        "3",
        ExplainerOptions(evaluations=200, segments=8),
    )
    told = []

    def publish(found):
        told.append(found)
        if found.state in ("coarse", "done"):
            maps[found.explanation.evaluations] = Explanation.load(tmp_path).values

    answer(request, ModelCache(load=lambda spec: eight_pixel_model()), photo(), tmp_path, publish)

    states = [found.state for found in told]
    assert states == sorted(states, key=["working", "coarse", "done"].index)
    assert list(maps) == [64, 200]
    assert not np.array_equal(maps[64], maps[200])
    last = told[-1].explanation
    assert (told[-1].state, last.target, last.unit) == ("done", "3", "probability")
    assert last.r2 is not None
    assert last.predictions
    segments = Explanation.load(tmp_path).segments
    assert segments.shape == maps[200].shape == (8, 8)
    for number in np.unique(segments):
        assert np.ptp(maps[200][segments == number]) == 0
    assert from_json(Answer, json.loads(json.dumps(to_json(told[-1])))) == told[-1]
    assert Explanation.load(tmp_path) == last


class Counting(nn.Module):
    """Notes how many images its network is shown."""

    def __init__(self, network):
        super().__init__()
        self.network, self.seen = network, 0

    def forward(self, x):
        self.seen += len(x)
        return self.network(x)


def counting_model():
    model = eight_pixel_model()
    model.network = Counting(model.network)
    _ = model.examination  # asked once, when a model is loaded
    model.network.seen = 0
    return model


def two_step_request(method):
    options = ExplainerOptions(evaluations=200, segments=30)
    return ImageRequest("explain", ModelSpec("toy"), "x", method, "3", options)


@pytest.mark.parametrize("method", ["lime", "partition_shap"])
def test_the_full_map_goes_on_from_the_coarse_one(tmp_path, method):
    model, request = counting_model(), two_step_request(method)
    seen = instance(model, photo(), request.options.segments)
    at_once = explain(seen, method, 3, request.options)
    alone, model.network.seen = model.network.seen, 0

    last = asked(tmp_path, request, model)[-1].explanation

    assert np.allclose(np.load(tmp_path / "map.npy"), at_once.values, atol=1e-6)
    assert last.evaluations == at_once.evaluations
    assert model.network.seen == alone  # the prediction among them


@pytest.mark.parametrize(
    "method",
    [m for m, row in EXPLAINERS.items() if not m.endswith("_cam") and not row.needs_attention],
)
def test_a_refinement_put_off_does_not_make_its_coarse_map_again(tmp_path, method):
    model, told = counting_model(), []
    models = ModelCache(load=lambda spec: model)
    request = two_step_request(method)

    def give_way(found):
        if found.state == "coarse":
            raise Cancelled

    with pytest.raises(Cancelled):
        answer(request, models, photo(), tmp_path, give_way)
    model.network.seen = 0
    answer(request, models, photo(), tmp_path, lambda a: told.append((a.state, model.network.seen)))

    assert next(seen for state, seen in told if state == "coarse") == 1  # the prediction's
    assert told[-1][0] == "done"
    assert model.network.seen <= (201 if method == "gradient_shap" else 141)
    assert not models.sessions


def test_superpixels_are_found_once_for_all_methods_and_models(tmp_path, monkeypatch):
    counts = []

    def find(image, preprocessing, count):
        counts.append(count)
        return shared_superpixels(image, preprocessing, count)

    monkeypatch.setattr("usable_core.measuring.memory.shared_superpixels", find)
    models = ModelCache(load=lambda spec: eight_pixel_model())
    for model, method, image, count in (
        ("a", "lime", "x", 9),
        ("a", "gradient_shap", "x", 9),
        ("b", "lime", "x", 9),
        ("a", "lime", "x", 12),
        ("a", "lime", "y", 9),
    ):
        options = ExplainerOptions(evaluations=16, segments=count)
        request = ImageRequest("explain", ModelSpec(model), image, method, None, options)
        answer(request, models, photo(), tmp_path, lambda _: None)

    assert counts == [9, 12, 9]


def test_a_coarse_map_has_no_r2_for_few_samples_flatter_the_fit(tmp_path):
    told = asked(tmp_path, two_step_request("lime"), eight_pixel_model())

    assert all(found.explanation.r2 is None for found in told[:-1])
    assert told[-1].explanation.r2 is not None


def test_a_models_own_answer_is_explained_where_it_does_not_know_the_classes():
    model = ten_class_model()
    model.labels = replace(model.labels, names=tuple("abcdefghij"))
    config = ExplanationConfig(
        ModelSpec("toy"),
        DatasetSpec("digits", limit=2),
        ("lime",),
        options=ExplainerOptions(evaluations=16, segments=4),
    )

    result = measure(model=model, dataset=digits_dataset(), config=config)

    frame = result.to_frame()
    assert frame["label_name"].isna().all()
    assert set(frame["target_name"]) <= set("abcdefghij")
    assert "does not know" in " ".join(result.provenance.warnings)
    with pytest.raises(IncompatibleLabels):
        measure(model=model, dataset=digits_dataset(), config=replace(config, target="true"))


def test_a_class_that_the_model_lacks_is_refused_with_the_nearest(tmp_path):
    request = ImageRequest("explain", ModelSpec("toy"), "x", "lime", "33")

    with pytest.raises(UnknownName, match="3"):
        asked(tmp_path, request, eight_pixel_model())


def test_a_cancel_while_publishing_stops_the_answer(tmp_path):
    def publish(found):
        if found.state == "coarse":
            raise Cancelled

    request = ImageRequest("explain", ModelSpec("toy"), "x", "gradient_shap")
    with pytest.raises(Cancelled):
        answer(request, ModelCache(load=lambda s: eight_pixel_model()), photo(), tmp_path, publish)


def test_the_cache_keeps_the_models_used_last():
    loaded = []

    def load(spec):
        loaded.append(spec.reference)
        return linear_model()

    cache = ModelCache(2, load)
    for name in ("a", "b", "a", "c", "a", "b"):
        cache.get(ModelSpec(name))

    assert loaded == ["a", "b", "c", "b"]
    assert len(cache) == 2


def test_a_weights_file_that_was_replaced_is_another_model(tmp_path):
    weights = tmp_path / "w.safetensors"
    loaded = []

    def load(spec):
        loaded.append(spec)
        return eight_pixel_model()

    cache = ModelCache(2, load)
    spec = ModelSpec("torchvision/resnet18", weights=str(weights))
    for content in (b"one", b"one", b"other"):
        if not weights.exists() or weights.read_bytes() != content:
            weights.write_bytes(content)
        cache.get(spec)

    assert len(loaded) == 2


def test_a_normalised_image_is_not_explained():
    with pytest.raises(ImageRefused, match=r"must be in \[0, 1\]"):
        attributed("lime", eight_pixel_model(), torch.full((3, 8, 8), 2.0), 0, ExplainerOptions())
