"""What is trained on: the training and validation splits, read once and held in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import load_pixels, unreadable
from usable_core.datasets.splits import described
from usable_core.evaluations.specs import Report
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.models.model import Model
from usable_core.training.meter import Validation

VALIDATION_BATCH = 256
_CHUNK = 256  # texts that are read between two reports


class Material(Protocol):
    """One split: what goes into the network, and labels (N,) on the training device."""

    @property
    def labels(self) -> Tensor:
        """Return the labels (N,)."""

    @property
    def lengths(self) -> Tensor | None:
        """Return how long each example is (N,); None where all are of one size."""

    def __len__(self) -> int: ...

    def images(self, rows: Tensor | slice) -> Tensor:
        """Return the examples (B, …) at `rows` (indices or slice) as a model takes them."""

    def labelled(self, labels: Tensor) -> "Material":
        """Return the same examples with other labels."""


@dataclass(frozen=True)
class Pictures:
    """Pictures, decoded: pixels (N, 3, H, W) uint8 and labels (N,) on the training device."""

    pixels: Tensor
    labels: Tensor
    lengths: None = None

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, rows: Tensor | slice) -> Tensor:
        """Return the images (B, 3, H, W) at `rows` (indices or slice), float32 in [0, 1]."""
        rows = rows if isinstance(rows, slice) else rows.to(self.pixels.device)
        return self.pixels[rows].float() / 255

    def labelled(self, labels: Tensor) -> "Pictures":
        """Return the same pictures with other labels."""
        return replace(self, labels=labels)


@dataclass(frozen=True)
class Texts:
    """Texts as numbers of pieces, the shortest first, and labels (N,) on the training device.

    Attributes:
        pieces: Of each text (1, 1, L), on the processor.
        labels: Theirs.
        takes: Makes one batch of several.
    """

    pieces: Sequence[Tensor]
    labels: Tensor
    takes: Input

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def lengths(self) -> Tensor:
        """Return how many pieces each text has (N,)."""
        return torch.tensor([x.shape[-1] for x in self.pieces])

    def images(self, rows: Tensor | slice) -> Tensor:
        """Return the texts (B, 1, 1, L) at `rows`, the shorter ones filled up to the longest."""
        places = range(len(self))[rows] if isinstance(rows, slice) else rows.tolist()
        return self.takes.stack([self.pieces[i] for i in places]).to(self.labels.device)

    def labelled(self, labels: Tensor) -> "Texts":
        """Return the same texts with other labels."""
        return replace(self, labels=labels)


def load_material(dataset: Dataset, takes: Input, device: torch.device, report: Report) -> Material:
    """Return a split read once, as a model takes it; what cannot be read is left out."""
    targets = torch.from_numpy(dataset.targets)
    if not isinstance(takes, Preprocessing):
        pieces, places = _read_texts(dataset, takes, report)
        return Texts(pieces, targets[places].to(device), takes)
    pixels, places = load_pixels(dataset, takes, report)
    return Pictures(pixels.to(device), targets[places].to(device))


def _read_texts(dataset: Dataset, takes: Input, report: Report) -> tuple[list[Tensor], Tensor]:
    """Return the pieces of each text that can be read, and which texts these are, by length."""
    found: list[tuple[int, int, Tensor]] = []
    for i in range(len(dataset)):
        pieces = dataset.tried(i, takes.read)
        if pieces is not None:
            found.append((pieces.shape[-1], i, pieces))
        if not (i + 1) % _CHUNK or i + 1 == len(dataset):
            report(i + 1, len(dataset), "Reading texts")
    if len(dataset) and not found:
        raise unreadable(dataset)
    found.sort(key=lambda one: one[:2])
    return [pieces for _, _, pieces in found], torch.tensor([i for _, i, _ in found])


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
        data: Which examples, in words.
        examples: What they are called.
    """

    logits: NDArray[np.float64]
    labels: NDArray[np.int64]
    data: str
    examples: str = "images"


def answers_to(model: Model, material: Material, dataset: Dataset) -> Answers:
    """Return what a model says to a held-out data set, whose pixels are at hand as `material`."""
    with Oracle(model, fixed_size=VALIDATION_BATCH) as oracle:
        answered = oracle.stream(len(material), material.images)
        logits = np.concatenate([part.double().cpu().numpy() for _, part in answered])
    return Answers(logits, material.labels.cpu().numpy(), described(dataset), dataset.examples)
