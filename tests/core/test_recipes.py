"""Other ways of preparing pictures are tried on request, reported, and never taken."""

import json

import numpy as np
import pytest
import timm
import torch
from made_pictures import photo
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torchvision import models

import usable_core as usable
from usable_core.cli import main
from usable_core.evaluations.recipes import Recipe, verdict
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.measuring.recipes import alternatives
from usable_core.metrics.intervals import wilson
from usable_core.models import load_model


class Rule(nn.Module):
    """Class 1 where what is seen is positive on average, after a frame of `frame` pixels."""

    def __init__(self, frame=0):
        super().__init__()
        self.frame = frame
        self.linear = nn.Linear(1, 2)  # so that it has a weight
        self.linear.weight.data, self.linear.bias.data = (
            torch.tensor([[-1.0], [1.0]]),
            torch.zeros(2),
        )

    def forward(self, x):
        seen = x.clone()
        if self.frame:
            seen[:, :, self.frame : -self.frame, self.frame : -self.frame] = 0
        return self.linear(seen.mean((1, 2, 3))[:, None])


def rule(frame=0, **passport):
    preprocessing = Preprocessing(**{"resize": 20, "crop": (16, 16), **passport})
    return usable.wrap_model(Rule(frame), preprocessing=preprocessing, labels=["dark", "bright"])


def flat_pictures(values, size=20):
    """One picture per value, all of it that grey."""
    return [Image.fromarray(np.full((size, size, 3), v, dtype=np.uint8)) for v in values]


def by_title(recipes):
    return {recipe.title: recipe for recipe in recipes}


def test_the_normalisation_that_a_model_was_trained_with_is_the_most_right():
    """Dark is 120 and bright 165: below and above half grey, and all above ImageNet's mean."""
    model = rule()
    data = usable.dataset_from_arrays(
        flat_pictures([120] * 20 + [165] * 20), [0] * 20 + [1] * 20, ["dark", "bright"]
    )

    recipes = usable.probe(model, data)
    found = by_title(recipes)

    assert found["the present way"].accuracy.value == 0.5
    assert found["mean 0.5 and std 0.5"].accuracy.value == 1
    assert found["mean 0.5 and std 0.5"].words == "mean=0.5 std=0.5"
    assert found["mean 0.5 and std 0.5"].p_value == pytest.approx(2 * 0.5**20)
    assert "most right under mean 0.5 and std 0.5" in verdict(recipes)
    assert "was not taken" in verdict(recipes)
    assert model.preprocessing.mean == (0, 0, 0)


def framed(frame, centre):
    pixels = np.full((40, 40, 3), frame, dtype=np.uint8)
    pixels[6:-6, 6:-6] = centre
    return Image.fromarray(pixels)


def test_the_best_geometry_and_the_best_normalisation_are_tried_together():
    """The frame tells the class of some, which the crop hides; half grey that of the others."""
    pictures = [framed(60, 200)] * 10 + [framed(200, 60)] * 10 + [framed(100, 100)] * 12
    data = usable.dataset_from_arrays(pictures, [0] * 10 + [1] * 10 + [0] * 12, ["dark", "bright"])

    found = by_title(usable.probe(rule(frame=2, resize=24, mean=(0.3,) * 3), data))

    assert found["the present way"].accuracy.value == 0
    assert found["the whole picture squashed"].accuracy.value == pytest.approx(20 / 32)
    assert found["mean 0.5 and std 0.5"].accuracy.value == pytest.approx(12 / 32)
    assert found["the best of both together"].accuracy.value == 1


def test_a_model_that_is_right_already_is_left_as_it_is():
    model = rule(mean=(0.5,) * 3, std=(0.5,) * 3)
    data = usable.dataset_from_arrays(flat_pictures([90, 165] * 4), [0, 1] * 4)

    assert "as its pictures are prepared now" in verdict(usable.probe(model, data))


def test_ways_that_are_equally_right_are_all_named():
    present = Recipe("the present way", (), wilson(5, 10), 1.0)
    others = [Recipe(title, (("mean", "0.5"),), wilson(9, 10), 0.125) for title in ("one", "two")]

    assert "under one (equally under two)" in verdict([present, *others])


def test_a_difference_that_may_be_chance_is_said_to_be_that():
    present = Recipe("the present way", (), wilson(5, 10), 1.0)
    other = Recipe("another", (("mean", "0.5"),), wilson(7, 10), 0.5)

    assert "may be chance" in verdict([present, other])


@pytest.mark.parametrize("reference", ["torchvision/mobilenet_v2", "timm/resnet10t"])
def test_the_recipes_of_the_catalogs_other_weights_are_tried(tmp_path, reference):
    source, _, name = reference.partition("/")
    make = models.get_model if source == "torchvision" else timm.create_model
    save_file(make(name).state_dict(), tmp_path / "w.safetensors")
    model = load_model(reference, weights=tmp_path / "w.safetensors")

    found = alternatives(model)

    assert {"resize": "160x160"} not in found.values()
    if source == "torchvision":
        assert found["MobileNet_V2_Weights.IMAGENET1K_V1"]["resize"] == "256"
    assert found["mean 0.5 and std 0.5"] == {"mean": "0.5", "std": "0.5"}
    assert len({json.dumps(settings) for settings in found.values()}) == len(found)


def test_the_command_line_reports_every_way_and_names_the_best(tmp_path, capsys):
    torch.manual_seed(0)
    save_file(models.squeezenet1_1(num_classes=2).state_dict(), tmp_path / "w.safetensors")
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for k in range(3):
            photo(seed=k + 10 * (name == "b"), size=(40, 40)).save(
                tmp_path / "data" / name / f"{k}.png"
            )

    status = main(
        [
            *("models", "show", "torchvision/squeezenet1_1"),
            *("--weights", str(tmp_path / "w.safetensors"), "--arch-option", "num_classes=2"),
            *("--preprocessing", "resize=36 crop=32", "--probe", str(tmp_path / "data")),
            *("--limit", "4"),
        ]
    )
    out, err = capsys.readouterr()

    assert status == 0
    assert "the present way" in out
    assert "mean 0.5 and std 0.5" in out
    assert "most right" in out
    assert "a guess" in err
