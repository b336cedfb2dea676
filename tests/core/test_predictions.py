"""`Model.predict`: what it takes, what it refuses, and that it says what the network says."""

import numpy as np
import pytest
import torch
from made_pictures import encoded, photo, png
from PIL import Image
from torch import nn
from toy_models import linear_model, model_of

from usable_core.errors import ConfigError, ImageRefused, OutputsRefused
from usable_core.evaluations.calibration import Calibration
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.pictures import picture_of
from usable_core.runs import calibrations


@pytest.fixture
def model():
    model = linear_model(size=8, classes=3)
    model.preprocessing = Preprocessing(resize=(8, 8), crop=(8, 8))
    return model


def shares(predictions):
    return {p.name: p.probability for p in predictions}


def test_the_same_picture_in_every_form_has_the_same_predictions(model, tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    array = np.asarray(photo())

    forms = [photo(), png(), tmp_path / "a.png", str(tmp_path / "a.png"), array, array / 255]
    found = [model.predict(form) for form in forms]

    logits = model(model.preprocessing.geometry(photo())[None]).double()[0]
    order = logits.argsort(descending=True).tolist()
    assert [p.index for p in found[0][0]] == order
    assert found[0][0][0].probability == pytest.approx(float(logits.softmax(0).max()))
    assert all(one == found[0] for one in found[1:])


def test_tensors_are_taken_as_they_are_and_lists_are_answered_in_order(model):
    x = model.preprocessing.geometry(photo())

    (whole,) = model.predict(x)
    both = model.predict(torch.stack([x, 1 - x]))
    mixed = model.predict([photo(), 1 - x], top=1)

    assert shares(both[0]) == pytest.approx(shares(whole), abs=1e-6)
    assert shares(both[1]) != pytest.approx(shares(whole), abs=1e-2)
    for one, of_both in zip(mixed, both, strict=True):
        assert shares(one) == pytest.approx(shares(of_both[:1]), abs=1e-6)
    assert model.predict([]) == []
    assert model.predict(np.zeros((2, 5, 7, 3), np.uint8), top=2)[1][0].name


def test_grey_and_transparent_pictures_are_read_as_files_are(model):
    grey = np.asarray(photo().convert("L"))
    clear = Image.new("RGBA", (8, 8), (255, 0, 0, 0))

    assert picture_of(grey).tobytes() == photo().convert("L").convert("RGB").tobytes()
    assert picture_of(grey[..., None]).tobytes() == picture_of(grey).tobytes()
    assert picture_of(clear).tobytes() == picture_of(encoded(clear, "PNG")).tobytes()


@pytest.mark.parametrize(
    ("images", "sentence"),
    [
        (torch.zeros(3, 9, 8), "8 × 8 pixels, but this one has 9 × 8"),
        (torch.zeros(8, 8), "shape"),
        (torch.zeros(3, 8, 8, dtype=torch.uint8), "Divide bytes by 255"),
        (torch.full((3, 8, 8), -2.0), "not normalised"),
        (np.zeros((3, 8, 8), np.uint8), "Move the channels"),
        (np.zeros((8, 8, 3)) + 2.0, r"in \[0, 1\]"),
        (np.full((8, 8, 3), np.nan), r"in \[0, 1\]"),
        (np.zeros((8, 8, 3), np.int64), "int64"),
        (np.zeros((0, 8, 3), np.uint8), "shape"),
        ([photo(), 3], "type int"),
        ("gone.png", "cannot be read"),
        (b"", "empty"),
        (None, "type NoneType"),
    ],
)
def test_what_is_no_image_is_refused_in_a_sentence(model, images, sentence):
    with pytest.raises(ImageRefused, match=sentence):
        model.predict(images)


def test_the_number_of_classes_must_be_one(model):
    with pytest.raises(ConfigError, match="top"):
        model.predict(photo(), top=0)


def test_a_network_that_answers_nan_is_refused():
    broken = model_of(nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), classes=3)
    broken.network[1].bias.data[:] = torch.nan

    with pytest.raises(OutputsRefused):
        broken.predict(torch.zeros(3, 8, 8))


def test_a_calibrated_model_gives_calibrated_probabilities(model):
    calibrations.keep(
        Calibration(
            temperature=2.0,
            energy_threshold=0.0,
            nll=1.0,
            nll_calibrated=1.0,
            n=20,
            data="toy",
            dataset_fingerprint="",
            model_fingerprint=model.fingerprint,
        )
    )

    (found,) = model.predict(photo())

    assert 1 / 3 < found[0].calibrated < found[0].probability
