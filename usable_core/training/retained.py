"""What a tuned backbone still knows: the pretrained head on source images, before and after."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import training_splits
from usable_core.errors import UsableError
from usable_core.evaluations.specs import DatasetSpec, Report
from usable_core.evaluations.training import Retained
from usable_core.measuring.label_matching import label_warnings, target_indices
from usable_core.metrics.intervals import paired_difference, wilson
from usable_core.models.model import Model
from usable_core.training.material import Material, answers_to, load_material
from usable_core.training.trainee import Trainee


@dataclass(frozen=True)
class Kept:
    """The source model that is left after a training.

    Attributes:
        network: The pretrained head, trained along, on the tuned backbone.
        model: The model that it was.
        retained: How often it is right now and was before.
        warnings: Sentences that a reader of these numbers must know.
    """

    network: nn.Module
    model: Model
    retained: Retained
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class SourceData:
    """The images of L_pre, and others of the source that tell what is retained.

    Attributes:
        material: Trained on; labels are among the pretrained model's classes.
        model: The pretrained model.
        rest: Images of the source that no loss sees.
        held_out: Their pixels and labels; None where there are none.
        is_right: Whether the pretrained model was right about each.
        warnings: About the matching of the classes, and what is missing.
    """

    material: Material
    model: Model
    rest: Dataset
    held_out: Material | None
    is_right: NDArray[np.bool_]
    warnings: tuple[str, ...]

    def measured(self, network: nn.Module) -> Kept:
        """Return the source model of a network, with what it retained."""
        now = _right(network, self.model, self.rest, self.held_out)
        n, before, after = len(now), int(self.is_right.sum()), int(now.sum())
        lost, gained = int((self.is_right & ~now).sum()), int((now & ~self.is_right).sum())
        retained = Retained(
            self.rest.name,
            wilson(before, n),
            wilson(after, n),
            paired_difference(lost, gained, n),
        )
        return Kept(network, self.model, retained, self.warnings)


@dataclass(frozen=True)
class Source:
    """Which images of a data set L_pre is made of.

    Attributes:
        dataset: The whole data set.
        spec: Which part of it.
        trained: Identities of the task's training images.
        validated: Identities of the task's validation images.
    """

    dataset: Dataset
    spec: DatasetSpec
    trained: Collection[str]
    validated: Collection[str]


def load_source(source: Source, model: Model, start: nn.Module, report: Report) -> SourceData:
    """Return the data of L_pre.

    A picture that is in the task too, by its bytes, is not trained on here where the task
    validates by it, and measures nothing where the task trains on it.

    Args:
        source: Which images.
        model: The pretrained model, whose preprocessing and classes count.
        start: Its network, on the device of the training.
        report: Told the progress.

    Raises:
        IncompatibleLabels: the source holds classes that the model does not know.
        UsableError: fewer than two images of the source are left to train on.
    """
    device = next(start.parameters()).device
    to_model = torch.from_numpy(target_indices(model, source.dataset)).to(device)
    train, rest = training_splits(source.dataset, source.spec)
    train, rest = _without(train, source.validated), _without(rest, source.trained)
    if len(train) < 2:  # batch normalisation needs two
        raise UsableError(
            f"The source {source.dataset.name} gives {len(train)} images that the task is not "
            "validated by as well, but at least 2 are needed. Give more source data."
        )

    def loaded(part: Dataset) -> Material:
        found = load_material(part, model.input, device, report)
        return found.labelled(to_model[found.labels])

    held_out = loaded(rest) if len(rest) else None
    is_right = _right(start, model, rest, held_out)
    warnings = _warnings(model, source.dataset, rest)
    return SourceData(loaded(train), model, rest, held_out, is_right, warnings)


def _without(dataset: Dataset, ids: Collection[str]) -> Dataset:
    known = set(ids)
    others = [i for i, name in enumerate(dataset.ids) if name not in known]
    return dataset if len(others) == len(dataset) else dataset.take(others)


def _right(
    network: nn.Module, model: Model, part: Dataset, material: Material | None
) -> NDArray[np.bool_]:
    """Return whether a network with the model's head is right about each image (N,)."""
    if material is None:
        return np.zeros(0, dtype=bool)
    trainee = Trainee(network, model.input, model.labels)
    answers = answers_to(trainee, material, part)
    found: NDArray[np.bool_] = answers.logits.argmax(1) == answers.labels
    return found


def _warnings(model: Model, source: Dataset, rest: Dataset) -> tuple[str, ...]:
    about = tuple(f"Source: {sentence}" for sentence in label_warnings(model, source))
    if len(rest):
        return about
    return (*about, "No source image is left to measure what was retained. Give more of them.")
