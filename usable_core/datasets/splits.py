"""Which images of a data set are trained on, and which images a part of it holds, in words."""

from pathlib import Path

import numpy as np

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.unlabelled import require_labels
from usable_core.errors import DatasetRefused, UsableError, quoted
from usable_core.evaluations.specs import DatasetSpec, require
from usable_core.evaluations.training import FineTuningConfig

VALIDATION_SHARE = 0.04  # of a data set that is given whole to training


def training_splits(
    dataset: Dataset, spec: DatasetSpec, *, by_position: bool = False
) -> tuple[Dataset, Dataset]:
    """Return the training and the validation split; test images are in neither.

    `split="all"` gives the whole data set to training but for 4 % of each class, for data whose
    test images are elsewhere. `by_position` is explained at `Dataset.split`.

    Raises:
        ConfigError: a split that training does not use is asked for.
        UsableError: the training split holds a single image, or the validation split none.
    """
    require(
        spec.split in ("auto", "train", "all"),
        "split",
        "auto, train or all for training, which selects on the validation split and is never on "
        "the test split",
        spec.split,
    )
    if spec.split == "all":
        fractions = {"train": 1 - VALIDATION_SHARE, "validation": VALIDATION_SHARE}
        everything = np.arange(len(dataset))
        parts = dataset.drawn(everything, fractions, spec.seed, by_position=by_position)
        train, validation = (dataset.take(parts[p], p) for p in ("train", "validation"))
    else:
        train, validation = (
            dataset.split(p, seed=spec.seed, by_position=by_position)
            for p in ("train", "validation")
        )
    train = train.sample(spec.limit, seed=spec.seed)
    if len(train) < 2:
        raise UsableError(
            f"Training needs at least 2 {train.examples}, but {train.name} gives {len(train)}. "
            f"Raise the limit, or give more {train.examples}."
        )
    if not len(validation):
        raise UsableError(
            f"{dataset.name} leaves no {train.examples} for validation. Give at least 2 of each "
            "class."
        )
    return train, validation.sample(spec.limit, seed=spec.seed)


def parts_of(
    dataset: Dataset, config: FineTuningConfig, *, by_position: bool = False
) -> tuple[Dataset, Dataset]:
    """Return what a fine-tuning trains on, and what it is validated by; see `training_splits`."""
    train, validation = (
        part.nested(config.train_size, seed=config.schedule.seed)
        for part in training_splits(dataset, config.dataset, by_position=by_position)
    )
    return train, validation


def require_classes(dataset: Dataset) -> None:
    """Check that there is something to tell apart.

    Raises:
        DatasetRefused: the data set has no labels, or one class alone.
    """
    require_labels(dataset)
    if len(dataset.labels) < 2:
        raise DatasetRefused(
            f"All {dataset.examples} of {dataset.name} are of one class, "
            f"{quoted(dataset.labels.names[0])}, so there is nothing to tell apart. Give "
            f"{dataset.examples} of at least 2 classes."
        )


def described(part: Dataset) -> str:
    """Return which images a part of a data set holds, in words."""
    return f"{len(part)} {part.examples} of {Path(part.name).name} ({part.split_name})"
