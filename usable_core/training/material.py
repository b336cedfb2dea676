"""What is trained on: the training and validation splits, read once.

They are held in memory, or where that is short in a file; see `PixelCache`.
"""

import math
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
from usable_core.datasets.pixel_cache import PixelCache
from usable_core.datasets.pixels import load_pixels, unreadable
from usable_core.datasets.splits import described
from usable_core.errors import DatasetRefused
from usable_core.evaluations.specs import Report
from usable_core.files import size_said
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.machine import free_memory
from usable_core.models.model import Model
from usable_core.training.meter import Validation

VALIDATION_BATCH = 256
MEMORY_SHARE = 0.25  # of what is free: larger splits of pictures are kept in a file,
MOST_MEMORY = 0.75  # but up to this share still in memory where the disk has no room
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

    def expect(self, rows: Tensor) -> None:
        """Read the examples at `rows` meanwhile, where reading takes time: they are next."""

    def labelled(self, labels: Tensor) -> "Material":
        """Return the same examples with other labels."""


@dataclass(frozen=True)
class Pictures:
    """Pictures, decoded: pixels (N, 3, H, W) uint8, and labels (N,) on the training device.

    Pixels are there too where it has room for them.
    """

    pixels: Tensor | PixelCache
    labels: Tensor
    lengths: None = None

    def __len__(self) -> int:
        return len(self.labels)

    def images(self, rows: Tensor | slice) -> Tensor:
        """Return the images (B, 3, H, W) at `rows` (indices or slice), float32 in [0, 1]."""
        rows = rows if isinstance(rows, slice) else rows.to(self.pixels.device)
        return self.pixels[rows].to(self.labels.device).float().div_(255)

    def expect(self, rows: Tensor) -> None:
        """Begin to read the pictures at `rows`, where they are in a file."""
        if isinstance(self.pixels, PixelCache):
            self.pixels.expect(rows)

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

    def expect(self, rows: Tensor) -> None:
        """Do nothing: they are in memory."""

    def labelled(self, labels: Tensor) -> "Texts":
        """Return the same texts with other labels."""
        return replace(self, labels=labels)


def load_material(dataset: Dataset, takes: Input, device: torch.device, report: Report) -> Material:
    """Return a split read once, as a model takes it; what cannot be read is left out."""
    targets = torch.from_numpy(dataset.targets)
    if not isinstance(takes, Preprocessing):
        pieces, places = _read_texts(dataset, takes, report)
        return Texts(pieces, targets[places].to(device), takes)
    pixels, places = _read_pictures(dataset, takes, report)
    if isinstance(pixels, Tensor) and _has_room(device, pixels.nbytes):
        pixels = pixels.to(device)
    return Pictures(pixels, targets[places].to(device))


def _read_pictures(
    dataset: Dataset, takes: Preprocessing, report: Report
) -> tuple[Tensor | PixelCache, Tensor]:
    """Return the pictures that can be read, and which they are, from memory or else from a file.

    Raises:
        DatasetRefused: neither holds them.
    """
    size, free = len(dataset) * 3 * math.prod(takes.crop), free_memory()
    if free is None or size <= MEMORY_SHARE * free:
        return load_pixels(dataset, takes, report)
    cache = PixelCache(dataset, takes)
    if cache.needed <= cache.room:
        return cache, cache.fill(report)
    if size <= MOST_MEMORY * free:
        return load_pixels(dataset, takes, report)
    height, width = takes.crop
    room = max(0, int(cache.room))
    raise DatasetRefused(
        f"The {len(dataset):,} pictures of {dataset.name} take {size_said(size)} at {height} × "
        f"{width} pixels. Of memory {size_said(free)} are free; of the disk of "
        f"{cache.path.parent} {size_said(room)} may be taken, half of what is free, and they need "
        f"{size_said(cache.needed)}. Use fewer of them (--limit), make room, or name a folder on "
        "another disk by USABLE_HOME."
    )


def _has_room(device: torch.device, size: int) -> bool:
    """Tell whether pictures of so many bytes leave a device enough memory to train in."""
    return device.type != "cuda" or size <= MEMORY_SHARE * torch.cuda.mem_get_info(device)[0]


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
