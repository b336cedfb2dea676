"""What is trained on: pixels of the training and validation splits, held as bytes in memory."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import load_pixels
from usable_core.datasets.splits import described
from usable_core.evaluations.specs import Report
from usable_core.models.preprocessing import Preprocessing
from usable_core.training.loop import Validation

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


def load_material(
    dataset: Dataset, preprocessing: Preprocessing, device: torch.device, report: Report
) -> Material:
    """Return a split decoded once, with the model's geometry."""
    pixels = load_pixels(dataset, preprocessing, report)
    return Material(pixels.to(device), torch.from_numpy(np.array(dataset.targets)).to(device))


def inference(network: nn.Module, preprocessing: Preprocessing) -> Callable[[Tensor], Tensor]:
    """Return images (N, 3, H, W) -> logits of a network that is put into evaluation mode."""

    def logits(x: Tensor) -> Tensor:
        network.eval()
        x = x.contiguous(memory_format=torch.channels_last)
        found: Tensor = network(preprocessing.normalise(x))
        return found

    return logits


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
