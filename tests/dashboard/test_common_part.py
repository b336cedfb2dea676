"""Models of which some were trained on the data are measured on one part of it."""

import pytest

from dashboard.components.shared.data_picker import part_of
from usable_core import load_dataset, load_model
from usable_core.datasets.dataset import select
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.measuring.provenance import evaluated_part

TRAINED, OTHER = ModelSpec("bundled/vgg_digits"), ModelSpec("bundled/vgg")


@pytest.mark.parametrize(
    ("data", "models", "part"),
    [
        ("digits", (TRAINED, OTHER), "test"),
        ("digits", (TRAINED, ModelSpec("bundled/resnet_digits")), "auto"),
        ("digits", (OTHER,), "auto"),
        ("cifar10", (TRAINED, OTHER), "auto"),  # it has a part for testing
        ("/some/folder", (TRAINED, OTHER), "auto"),
    ],
)
def test_only_a_mixture_asks_for_the_part_that_training_held_out(data, models, part):
    assert part_of(data, models) == part


def test_that_part_is_the_same_for_who_was_trained_on_the_data_and_who_was_not():
    data, spec = load_dataset("digits"), DatasetSpec("digits", "test", limit=60)

    own = evaluated_part(load_model(TRAINED), data, spec)

    assert own.ids == select(data, spec).ids
    auto = evaluated_part(load_model(TRAINED), data, DatasetSpec("digits", limit=60))
    assert own.ids == auto.ids
