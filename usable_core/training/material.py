"""What is trained on: pixels of the training and validation splits, held as bytes in memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from usable_core.datasets.dataset import Dataset, stratified_parts
from usable_core.datasets.pixels import load_pixels
from usable_core.errors import UsableError
from usable_core.evaluations.specs import DatasetSpec, Report, require
from usable_core.measuring.calibration import described
from usable_core.models.preprocessing import Preprocessing
from usable_core.training.loop import Validation

VALIDATION_SHARE = 0.04  # of a data set that is given whole to training
VALIDATION_BATCH = 256


@dataclass(frozen=True)
class Material:
    """One split, decoded: pixels (N, 3, H, W) uint8 and labels (N,) on the training device."""

    pixels: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, indices: Tensor) -> Tensor:
        """Return the images (B, 3, H, W) at `indices`, float32 in [0, 1]."""
        return self.pixels[indices.to(self.pixels.device)].float() / 255


def training_splits(dataset: Dataset, spec: DatasetSpec) -> tuple[Dataset, Dataset]:
    """Return the training and the validation split; test images are in neither.

    `split="all"` gives the whole data set to training but for 4 % of each class, for data whose
    test images are elsewhere.

    Raises:
        ConfigError: a split that training does not use is asked for.
        UsableError: the training split holds a single image.
    """
    require(
        spec.split in ("auto", "train", "all"),
        "split",
        "auto, train or all for training, which selects on the validation split and is never on "
        "the test split",
        spec.split,
    )
    if spec.split == "all":
        parts = stratified_parts(
            dataset.targets,
            {"train": 1 - VALIDATION_SHARE, "validation": VALIDATION_SHARE},
            spec.seed,
        )
        train, validation = (dataset.take(parts[p], p) for p in ("train", "validation"))
    else:
        train, validation = (dataset.split(p, seed=spec.seed) for p in ("train", "validation"))
    train = train.sample(spec.limit, seed=spec.seed)
    if len(train) < 2:
        raise UsableError(
            f"Training needs at least 2 images, but {train.name} gives {len(train)}. Raise the "
            "limit, or give more images."
        )
    return train, validation.sample(spec.limit, seed=spec.seed)


def load_material(
    dataset: Dataset, preprocessing: Preprocessing, device: torch.device, report: Report
) -> Material:
    """Return a split decoded once, with the model's geometry."""
    pixels = load_pixels(dataset, preprocessing, report)
    return Material(pixels.to(device), torch.from_numpy(np.array(dataset.targets)).to(device))


@torch.inference_mode()
def validate(logits: Callable[[Tensor], Tensor], material: Material) -> Validation:
    """Return mean cross-entropy (nats) and accuracy of images -> logits."""
    loss = correct = 0.0
    for indices in torch.split(torch.arange(len(material)), VALIDATION_BATCH):
        labels = material.labels[indices.to(material.labels.device)]
        scores = logits(material.images(indices)).float()
        loss += float(F.cross_entropy(scores, labels, reduction="sum"))
        correct += float(scores.argmax(1).eq(labels).sum())
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


@torch.inference_mode()
def answers_to(logits: Callable[[Tensor], Tensor], material: Material, dataset: Dataset) -> Answers:
    """Return what a network, as images -> logits, says to a held-out data set and its material."""
    found = [
        logits(material.images(indices)).double().cpu()
        for indices in torch.split(torch.arange(len(material)), VALIDATION_BATCH)
    ]
    return Answers(torch.cat(found).numpy(), material.labels.cpu().numpy(), described(dataset))
