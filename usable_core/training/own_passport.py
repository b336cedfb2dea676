"""What a network of ours takes whose training begins: pictures as those of its training split."""

from dataclasses import replace

import torch
from torch import Tensor

from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.specs import Report
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.training.material import Material, load_material

SIDE = 32  # the input size of our architectures


def measure_passport(
    train: Dataset, device: torch.device, report: Report
) -> tuple[Preprocessing, Material]:
    """Return the preprocessing with the training split's own mean and std, and its pixels."""
    geometry = Preprocessing(resize=SIDE, crop=(SIDE, SIDE))
    material = load_material(train, geometry, device, report)
    sample = material.images(torch.arange(min(len(material), 10_000)))
    mean, std = sample.mean((0, 2, 3)), sample.std((0, 2, 3))
    measured = "measured on the training split"
    design = "input size of the architecture"
    passport = replace(
        geometry,
        mean=_channels(mean),
        std=_channels(std),
        sources={
            "resize": design,
            "crop": design,
            "interpolation": "choice of this project",
            "mean": measured,
            "std": measured,
        },
    )
    return passport, material


def _channels(values: Tensor) -> tuple[float, float, float]:
    red, green, blue = (round(float(value), 4) for value in values)
    return red, green, blue
