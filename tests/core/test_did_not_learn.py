"""A training that learned nothing says so; the usual learning rate fits the network's layers."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import timm
import torch
import torchvision
from made_texts import save_classifier
from PIL import Image, ImageDraw
from torch import nn

import usable_core as usable
from usable_core.datasets.arrays import dataset_from_arrays
from usable_core.datasets.texts import from_texts
from usable_core.errors import ConfigError
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig, Start
from usable_core.labels import LabelSpace
from usable_core.models.architectures import small_resnet, small_vgg, small_vit
from usable_core.tasks import check_names
from usable_core.training.material import Answers
from usable_core.training.remarks import on_fitting, on_learning, on_statistics
from usable_core.training.usual_rates import resolved

LABELS = LabelSpace(("cat", "dog"))


def answers(right, labels):
    """Answers to images of which the first `right` are right."""
    labels = np.array(labels)
    said = np.where(np.arange(len(labels)) < right, labels, 1 - labels)
    return Answers(np.eye(2)[said], labels, "images")


def test_what_plainly_learned_needs_no_word():
    assert on_learning(Start(0.7), 0.1, answers(38, [0, 1] * 20), LABELS) == ()


@pytest.mark.parametrize(
    ("right", "labels", "says"),
    [
        (20, [0, 1] * 20, "This did not learn: a validation accuracy of 50.0 %"),
        (3, [0, 1, 0], "It is not shown that this learned"),
        (10, [1] * 10, "All 10 validation images are of the class dog"),
    ],
)
def test_no_better_than_the_most_frequent_class_is_told(right, labels, says):
    (found,) = on_learning(Start(0.7), 0.1, answers(right, labels), LABELS)

    assert says in found


def test_a_training_loss_that_did_not_fall_is_told():
    (found,) = on_learning(Start(0.7), 0.71, answers(38, [0, 1] * 20), LABELS)

    assert "0.700 before the first step and 0.710" in found


@pytest.mark.parametrize(
    ("shares", "is_told"),
    [
        ([0.1, 0.12, 0.1], True),
        ([0.1, 0.4, 0.1], False),  # it moved, and was lost again
        ([0.1, 0.95], False),  # learnt by heart: another fault
        ([math.nan], False),
    ],
)
def test_a_training_that_never_told_its_own_examples_apart_says_so(shares, is_told):
    records = pd.DataFrame({"train_accuracy": shares})

    found = on_fitting(records, np.arange(200) % 10, "images")

    assert bool(found) is is_told
    if is_told:
        assert "no epoch was right for more than 12.0 % of the 200 images" in found[0]


def normalised():
    """A network of batch normalisation, as it is drawn."""
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(16, 3))


def test_batch_normalisation_that_has_never_seen_data_is_told():
    new, seen, folded = normalised(), normalised(), normalised()
    seen(torch.rand(8, 3, 4, 4))
    folded[1].running_var.fill_(1 - 1e-5)  # as converters leave it

    assert "The 1 layers" in on_statistics(new)[0]
    assert "--method linear_probe" in on_statistics(folded)[0]
    assert on_statistics(seen) == on_statistics(nn.Linear(2, 2)) == ()


def test_a_recipe_for_pictures_is_refused_for_texts_by_its_name(tmp_path):
    save_classifier(tmp_path, "bert")
    data = from_texts("texts", ["a day", "rain"] * 20, np.arange(40) % 2, LABELS)
    asked = FineTuningConfig(ModelSpec(str(tmp_path)), DatasetSpec("texts"), recipe="seed-recipe")

    for recipe in ("augmented", "seed-recipe", "tutorial-mended"):
        with pytest.raises(ConfigError, match=f"The recipe {recipe} sets how pictures"):
            usable.fine_tune(usable.load_model(str(tmp_path)), data, recipe=recipe)
    with pytest.raises(ConfigError, match="The recipe seed-recipe sets how pictures"):
        check_names(replace(asked, dataset=DatasetSpec("languages")))


def test_random_labels_are_not_learned():
    generator = np.random.default_rng(0)
    data = dataset_from_arrays(
        generator.integers(0, 255, (90, 32, 32, 3), dtype=np.uint8), np.arange(90) % 3
    )

    _, result = usable.fine_tune("bundled/vgg", data, schedule=Schedule(epochs=1))

    assert "learn" in " ".join(result.provenance.warnings)
    assert "learn" in " ".join(result.summary()["warnings"])


BUILDERS = {
    "small_resnet": (lambda: small_resnet(3), 0.05),
    "small_vgg": (lambda: small_vgg(3), 0.05),
    "small_vit": (lambda: small_vit(3), 0.01),
    "mobilenet_v2": (torchvision.models.mobilenet_v2, 0.05),
    "squeezenet1_1": (torchvision.models.squeezenet1_1, 0.01),
    "swin_t": (torchvision.models.swin_t, 0.01),
    "timm convnext": (lambda: timm.create_model("convnext_atto"), 0.01),
    "timm vit": (lambda: timm.create_model("vit_tiny_patch16_224"), 0.01),
    "timm resnet": (lambda: timm.create_model("resnet10t"), 0.05),
}


@pytest.mark.parametrize("name", BUILDERS)
def test_the_usual_rate_goes_by_the_layers_of_a_network(name):
    build, expected = BUILDERS[name]
    network = build()

    assert resolved(Schedule(), network).learning_rate == expected
    assert resolved(Schedule(), network, "linear_probe").learning_rate == 0.05
    assert resolved(Schedule(optimizer="adamw"), network).learning_rate == 0.001
    assert resolved(Schedule(learning_rate=0.3), network).learning_rate == 0.3


def test_the_readme_s_own_line_trains_the_vit():
    """180 easy pictures of three shapes: 72 % with a rate of 0.05."""
    generator = np.random.default_rng(0)
    pictures = []
    for i in range(180):
        picture = Image.new("RGB", (32, 32), tuple(generator.integers(0, 100, 3).tolist()))
        corners = ((8, 8), (24, 24))
        colour = tuple(generator.integers(150, 255, 3).tolist())
        draw = ImageDraw.Draw(picture)
        (draw.ellipse, draw.rectangle, draw.line)[i % 3](corners, fill=colour)
        pictures.append(np.asarray(picture))
    data = dataset_from_arrays(np.stack(pictures), np.arange(180) % 3)

    _, result = usable.fine_tune("bundled/vit", data, schedule=Schedule(epochs=10))

    assert result.last_validation_accuracy == 1
    assert result.summary()["schedule"]["learning_rate"] == 0.01
    assert not [w for w in result.provenance.warnings if "learn" in w]
