"""Which of the model's classes each class of a data set is: by name, never by index."""

import numpy as np

from usable_core.datasets.dataset import Dataset
from usable_core.errors import IncompatibleLabels
from usable_core.models.model import Model


def target_indices(model: Model, dataset: Dataset) -> np.ndarray:
    """Return the model's index of each of the data set's classes (C,) int64.

    Where either side has only placeholder names and the counts agree, position is all there is to
    go by; `label_warnings` then says so.

    Raises:
        IncompatibleLabels: a class is unknown to the model, ambiguous, or two classes are one.
    """
    ours, theirs = model.labels, dataset.labels
    if _by_position(model, dataset):
        return np.arange(len(theirs), dtype=np.int64)
    if not (ours.is_named and theirs.is_named):
        raise IncompatibleLabels(
            f"The model tells {len(ours)} classes apart and the data set has {len(theirs)}, and "
            "one of them gives no class names, so they cannot be matched. Fine-tune the model on "
            "this data set, or give the class names."
        )
    indices = ours.mapping_from(theirs)
    if len(set(indices)) < len(indices):
        twice = next(i for i in indices if indices.count(i) > 1)
        same = [repr(n) for n, i in zip(theirs.names, indices, strict=True) if i == twice]
        raise IncompatibleLabels(
            f"The data set's classes {', '.join(same)} are all the model's class "
            f"{ours.names[twice]!r}. Merge or rename them."
        )
    return np.array(indices, dtype=np.int64)


def label_warnings(model: Model, dataset: Dataset) -> tuple[str, ...]:
    """Return sentences about the matching that a reader of the numbers must know."""
    if _by_position(model, dataset):
        who = "data set" if model.labels.is_named else "model"
        return (
            f"The {who} gives no class names, so classes were matched by their position: if its "
            "order differs, the numbers are wrong.",
        )
    if len(dataset.labels) < len(model.labels):
        return (
            f"The data set has {len(dataset.labels)} of the model's {len(model.labels)} classes; "
            "an answer outside them counts as wrong.",
        )
    return ()


def _by_position(model: Model, dataset: Dataset) -> bool:
    is_nameless = not (model.labels.is_named and dataset.labels.is_named)
    return is_nameless and len(model.labels) == len(dataset.labels)
