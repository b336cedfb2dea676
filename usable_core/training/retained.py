"""What a tuned backbone still knows: the pretrained head on source images, before and after."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import training_splits
from usable_core.errors import UsableError
from usable_core.evaluations.specs import DatasetSpec, Report
from usable_core.evaluations.training import About, Retained
from usable_core.measuring.label_matching import label_warnings, target_indices
from usable_core.metrics.intervals import paired_difference, wilson
from usable_core.models.model import Model
from usable_core.models.modes import frozen
from usable_core.training.language_modelling import LanguageModelling, trunk_of
from usable_core.training.material import Material, answers_to, load_material
from usable_core.training.trainee import Trainee

_TEXTS = 16  # that are guessed at once: of each piece there is a number for every other
_NOTHING_LEFT = "No source example is left to measure what was retained. Give more of them."


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
        right: Returns whether a network is right about each.
        is_right: Whether the pretrained network was.
        warnings: About the matching of the classes, and what is missing.
        what: What it is right about.
    """

    material: Material
    model: Model
    rest: Dataset
    right: Callable[[nn.Module], NDArray[np.bool_]]
    is_right: NDArray[np.bool_]
    warnings: tuple[str, ...]
    what: About = "classes"

    def measured(self, network: nn.Module) -> Kept:
        """Return the source model of a network, with what it retained."""
        now = self.right(network)
        n, before, after = len(now), int(self.is_right.sum()), int(now.sum())
        lost, gained = int((self.is_right & ~now).sum()), int((now & ~self.is_right).sum())
        retained = Retained(
            self.rest.name,
            wilson(before, n),
            wilson(after, n),
            paired_difference(lost, gained, n),
            self.what,
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
    train, rest = _divided(source)

    def loaded(part: Dataset) -> Material:
        found = load_material(part, model.input, device, report)
        return found.labelled(to_model[found.labels])

    held_out = loaded(rest) if len(rest) else None
    right = partial(_right, model=model, part=rest, material=held_out)
    warnings = _warnings(model, source.dataset, rest)
    return SourceData(loaded(train), model, rest, right, right(start), warnings)


def load_texts(
    source: Source, model: Model, start: nn.Module, modelling: LanguageModelling, report: Report
) -> SourceData:
    """Return the texts of L_pre where that is the loss of a language model.

    Arguments are those of `load_source`; labels of the source are not looked at.

    Args:
        source: Which texts.
        model: The pretrained model.
        start: Its network, on the device of the training.
        modelling: How a network of its form guesses.
        report: Told the progress.

    Raises:
        UsableError: fewer than two texts of the source are left to train on.
    """
    device = next(start.parameters()).device
    train, rest = _divided(source)
    loaded = load_material(train, model.input, device, report)
    held_out = load_material(rest, model.input, device, report) if len(rest) else None
    right = partial(_guessed, modelling=modelling, material=held_out)
    told = () if len(rest) else (_NOTHING_LEFT,)
    return SourceData(loaded, model, rest, right, right(start), told, "pieces")


def _divided(source: Source) -> tuple[Dataset, Dataset]:
    """Return what is trained on of a source, and what is left to measure by."""
    train, rest = training_splits(source.dataset, source.spec)
    train, rest = _without(train, source.validated), _without(rest, source.trained)
    if len(train) < 2:  # batch normalisation needs two
        raise UsableError(
            f"The source {source.dataset.name} gives {len(train)} {train.kind}s that the task is "
            "not validated by as well, but at least 2 are needed. Give more source data."
        )
    return train, rest


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


@torch.no_grad()
def _guessed(
    network: nn.Module, modelling: LanguageModelling, material: Material | None
) -> NDArray[np.bool_]:
    """Return whether a network guesses pieces of texts (guessed,), the same at every call."""
    own = replace(modelling, trunk=trunk_of(network))
    generator = torch.Generator().manual_seed(0)
    found = [np.zeros(0, dtype=bool)]
    with frozen(network):
        for start in range(0, 0 if material is None else len(material), _TEXTS):
            x = cast(Material, material).images(slice(start, start + _TEXTS))
            asked = own.asked(x, generator)
            found.append(own.logits(asked).argmax(1).eq(asked.truth).cpu().numpy())
    return np.concatenate(found)


def _warnings(model: Model, source: Dataset, rest: Dataset) -> tuple[str, ...]:
    about = tuple(f"Source: {sentence}" for sentence in label_warnings(model, source))
    if len(rest):
        return about
    return (*about, _NOTHING_LEFT)
