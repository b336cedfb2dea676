"""What is trained on: pixels of the training and validation splits, held as bytes in memory."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import load_pixels
from usable_core.datasets.splits import described
from usable_core.evaluations.specs import Report
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing
from usable_core.training.meter import Validation

VALIDATION_BATCH = 256


@dataclass(frozen=True)
class Material:
    """One split, decoded: pixels (N, 3, H, W) uint8 and labels (N,) on the training device."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, rows: Tensor | slice) -> Tensor:
        """Return the images (B, 3, H, W) at `rows` (indices or slice), float32 in [0, 1]."""
        rows = rows if isinstance(rows, slice) else rows.to(self.pixels.device)
        return self.pixels[rows].float() / 255


def load_material(
    dataset: Dataset, preprocessing: Preprocessing, device: torch.device, report: Report
) -> Material:
    """Return a split decoded once, with the model's geometry; unreadable pictures are left out."""
    pixels, places = load_pixels(dataset, preprocessing, report)
    return Material(pixels.to(device), torch.from_numpy(dataset.targets)[places].to(device))


def validate(model: Model, material: Material) -> Validation:
    """Return mean cross-entropy (nats) and accuracy of a model on a split."""
    loss = correct = 0.0
    with Oracle(model, fixed_size=VALIDATION_BATCH) as oracle:
        for part, logits in oracle.stream(len(material), material.images):
            labels = material.labels[part]
            loss += float(F.cross_entropy(logits, labels, reduction="sum"))
            correct += float(logits.argmax(1).eq(labels).sum())
    return Validation(loss / len(material), correct / len(material))


@dataclass(frozen=True)
class Answers:
    """What a network says to images that were held out.

    Attributes:
        logits: Float64 (N, classes).
        labels: True classes (N,).
        data: Which images, in words.
    """

    logits: NDArray[np.float64]
    labels: NDArray[np.int64]
    data: str


def answers_to(model: Model, material: Material, dataset: Dataset) -> Answers:
    """Return what a model says to a held-out data set, whose pixels are at hand as `material`."""
    with Oracle(model, fixed_size=VALIDATION_BATCH) as oracle:
        answered = oracle.stream(len(material), material.images)
        logits = np.concatenate([part.double().cpu().numpy() for _, part in answered])
    return Answers(logits, material.labels.cpu().numpy(), described(dataset))
