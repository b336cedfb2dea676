"""Public weights on real images reach the accuracies that were measured elsewhere.

The counts are of torchvision, timm and torch.export alone, on the first images of each sample.
"""

import pytest
import torch

from usable_core.datasets import load_dataset
from usable_core.datasets.pixels import batches
from usable_core.models import load_model


@torch.inference_mode()
def right_of_the_first(count, model, dataset, to_model):
    part = dataset.take(range(count))
    batched = batches(part, model.preprocessing, 25)
    return sum(int((model(x).argmax(1) == to_model[y]).sum()) for x, y, _ in batched)


def test_squeezenet_is_right_on_imagenet_as_often_as_published(shared_data):
    folder = shared_data / "imagenet"
    dataset = load_dataset(str(folder / "dev.parquet"))
    model = load_model("torchvision/squeezenet1_1", weights=folder / "squeezenet1_1.safetensors")

    to_model = torch.tensor(model.labels.mapping_from(dataset.labels))

    assert right_of_the_first(50, model, dataset, to_model) == 34


@pytest.mark.parametrize(("options", "right"), [({"pad_type": "same"}, 46), ({}, 41)])
def test_mobilenet_needs_the_padding_that_it_was_trained_with(shared_data, options, right):
    folder = shared_data / "imagenet"
    dataset = load_dataset(str(folder / "dev.parquet"))
    weights = folder / "mobilenetv2_100_same.safetensors"
    model = load_model("timm/mobilenetv2_100", weights=weights, arch_options=options)

    to_model = torch.tensor(model.labels.mapping_from(dataset.labels))

    assert right_of_the_first(50, model, dataset, to_model) == right


def test_an_exported_program_is_right_on_cifar10_as_often_as_published(shared_data):
    folder = shared_data / "cifar10"
    dataset = load_dataset(str(folder / "dev.parquet"))
    model = load_model(f"file/{folder / 'resnet20.pt2'}", trust=True)

    assert right_of_the_first(200, model, dataset, torch.arange(10)) == 153
