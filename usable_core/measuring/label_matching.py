"""Which of the model's classes each class of a data set is: by name, else as its numbers say.

A number is believed to be the index of a logit where nothing else can be meant. Where a model names
no classes, data sets whose classes are names are matched by position, which is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.unlabelled import require_labels
from usable_core.errors import IncompatibleLabels
from usable_core.labels import LabelSpace
from usable_core.models.model import Model

_SHOWN = 4  # classes in a sentence
_DIGITS = 10  # 0 to 9 are names of digits at least as often as indices
NAMES = "--labels FILE, the names of the model's classes in the order of its logits"


@dataclass(frozen=True)
class Matching:
    """How a data set's classes were matched with a model's.

    Attributes:
        indices: The model's index of each of the data set's classes (C,).
        warnings: Sentences that a reader of the numbers must know.
    """

    indices: tuple[int, ...]
    warnings: tuple[str, ...] = ()


def target_indices(model: Model, dataset: Dataset) -> np.ndarray:
    """Return the model's index of each of the data set's classes (C,) int64.

    Raises:
        DatasetRefused: the data set has no labels.
        IncompatibleLabels: a class is unknown to the model, ambiguous, two classes are one, or the
            numbers that stand for classes can be read in two ways.
    """
    model.require_classes()
    require_labels(dataset)
    return np.array(matching(model.labels, dataset.labels).indices, dtype=np.int64)


def label_warnings(model: Model, dataset: Dataset) -> tuple[str, ...]:
    """Return sentences about the matching that a reader of the numbers must know."""
    try:
        return matching(model.labels, dataset.labels).warnings
    except IncompatibleLabels:  # of maps, which need no true class
        return ()


def matching(ours: LabelSpace, theirs: LabelSpace) -> Matching:
    """Return how the classes of a data set (theirs) are a model's (ours); see `target_indices`."""
    if ours.is_named and theirs.is_named:
        found = _by_name(ours, theirs)
    elif ours.is_named:
        found = _as_indices(ours, _ids(theirs))
    elif theirs.ids is not None or not theirs.is_named:
        found = _ids_as_places(ours, theirs)
    elif (numbers := _numbers(theirs.names)) is not None:
        found = _folders_as_places(ours, theirs, numbers)
    else:
        found = _by_position(ours, theirs)
    if len(theirs) < len(ours):
        some = (
            f"The data set has {len(theirs)} of the model's {len(ours)} classes; an answer outside "
            "them counts as wrong."
        )
        return Matching(found.indices, (*found.warnings, some))
    return found


def _by_name(ours: LabelSpace, theirs: LabelSpace) -> Matching:
    try:
        indices = ours.mapping_from(theirs)
    except IncompatibleLabels:
        numbers, own = _numbers(theirs.names), _numbers(ours.names)
        if numbers is None or (own is not None and not set(numbers) <= set(own)):
            raise
        if own is None and max(numbers) < _DIGITS:
            raise
        if own is None:
            return _as_indices(ours, numbers)
        indices = tuple(own.index(number) for number in numbers)  # '07' is '7'
    if len(set(indices)) < len(indices):
        twice = next(i for i in indices if indices.count(i) > 1)
        same = [repr(n) for n, i in zip(theirs.names, indices, strict=True) if i == twice]
        raise IncompatibleLabels(
            f"The data set's classes {', '.join(same)} are all the model's class "
            f"{ours.names[twice]!r}. Merge or rename them."
        )
    doubtful = ours.doubtful(theirs, indices)
    if not doubtful:
        return Matching(indices)
    said = [
        f"{name!r} was taken for class {index}, {ours.names[index]!r}, but may mean class {other}, "
        f"{ours.names[other]!r}"
        for name, index, other in doubtful[:_SHOWN]
    ]
    more = f"; and {len(doubtful) - _SHOWN} more" if len(doubtful) > _SHOWN else ""
    return Matching(
        indices,
        (
            f"The model has two classes for a name of the data set: {'; '.join(said)}{more}. Where "
            "the other is meant, these numbers are wrong: give the class the model's own name.",
        ),
    )


def _ids(space: LabelSpace) -> list[int]:
    return list(range(len(space)) if space.ids is None else space.ids)


def _numbers(names: Sequence[str]) -> list[int] | None:
    """Return the numbers that names are; None where they are no plain ones, all different."""
    if not all(name.isdecimal() and name.isascii() for name in names):
        return None
    width, numbers = _width(names), [int(name) for name in names]
    is_plain = all(f"{n:0{width}}" == name for n, name in zip(numbers, names, strict=True))
    return numbers if is_plain and len(set(numbers)) == len(numbers) else None


def _width(names: Sequence[str]) -> int:
    """Return how many digits each number has where they begin with zeros; else 0."""
    return len(names[0]) if any(name[0] == "0" and name != "0" for name in names) else 0


def _as_indices(ours: LabelSpace, numbers: list[int]) -> Matching:
    """Match numbers with a model that names its classes, where they can only be its indices.

    Numbers without a gap that are fewer than the classes are more likely those of another list.
    """
    is_own_list = max(numbers) - min(numbers) + 1 == len(numbers) < len(ours)
    if max(numbers) >= len(ours) or is_own_list:
        raise IncompatibleLabels(
            f"The data set calls its classes by the numbers {min(numbers)} to {max(numbers)} "
            f"alone, and the model has {len(ours)} classes, such as {ours.names[0]!r}: they cannot "
            "be told to be the same. Give the data set's classes their names."
        )
    shown = _shown(f"{n} is {ours.names[n]!r}" for n in numbers)
    return Matching(
        tuple(numbers),
        (
            "The data set gives no class names but numbers, which were taken for indices of the "
            f"model's classes: {shown}. If another numbering is meant, the numbers are wrong.",
        ),
    )


def _ids_as_places(ours: LabelSpace, theirs: LabelSpace) -> Matching:
    """Match the ids of a file with the logits of a model that names no classes."""
    ids = _ids(theirs)
    if max(ids) < len(ours):
        return Matching(tuple(ids), (_places_said(theirs, ids),))
    if theirs.is_named:
        return _by_position(ours, theirs)
    raise IncompatibleLabels(
        f"The data set's classes have the numbers {min(ids)} to {max(ids)}, but the model has "
        f"{len(ours)} logits, 0 to {len(ours) - 1}. Give {NAMES}, and the data set's classes their "
        "names."
    )


def _folders_as_places(ours: LabelSpace, theirs: LabelSpace, numbers: list[int]) -> Matching:
    """Match folders that are called by numbers with the logits of a model that names no classes.

    A number may be the logit's index, or stand for its place in the order of text, by which
    torchvision's ImageFolder numbers folders.
    """
    is_within = max(numbers) < len(ours)
    if not is_within and len(theirs) != len(ours):
        return _by_position(ours, theirs)
    width = _width(theirs.names)
    names = [f"{n:0{width}}" for n in (range(len(ours)) if is_within else numbers)]
    as_text = {name: place for place, name in enumerate(sorted(names))}
    as_numbers = {name: place for place, name in enumerate(sorted(names, key=int))}
    for name in theirs.names:
        if as_text[name] != as_numbers[name]:
            raise IncompatibleLabels(_two_orders(names, name, as_numbers, as_text))
    indices = [as_numbers[name] for name in theirs.names]
    return Matching(tuple(indices), (_places_said(theirs, indices),))


def _two_orders(
    names: list[str], name: str, as_numbers: dict[str, int], as_text: dict[str, int]
) -> str:
    orders = [", ".join(list(order)[:5]) + ", …" for order in (as_numbers, as_text)]
    return (
        "The data set's classes are called by numbers and the model does not name its "
        f"{len(names)} classes, so two orders are possible: that of numbers ({orders[0]}), where "
        f"{name!r} is logit {as_numbers[name]}, and that of text ({orders[1]}), as torchvision's "
        f"ImageFolder has it, where {name!r} is logit {as_text[name]}. Say which was the model's: "
        f"{NAMES}, one a line."
    )


def _by_position(ours: LabelSpace, theirs: LabelSpace) -> Matching:
    """Match names with as many logits that have none: position is all there is to go by."""
    if len(ours) != len(theirs):
        raise IncompatibleLabels(
            f"The model tells {len(ours)} classes apart and the data set has {len(theirs)}, and "
            "the model gives no class names, so they cannot be matched. Give "
            f"{NAMES}, or fine-tune the model on this data set."
        )
    places = range(len(ours))
    return Matching(tuple(places), (_places_said(theirs, places),))


def _places_said(theirs: LabelSpace, indices: Sequence[int]) -> str:
    pairs = zip(theirs.names, indices, strict=True)
    shown = _shown(f"{name!r} is logit {index}" for name, index in pairs)
    return (
        "The model gives no class names, so classes were matched by their position: "
        f"{shown}. If its order differs, the numbers are wrong; say it: --labels FILE."
    )


def _shown(parts: Iterable[str]) -> str:
    found = list(parts)
    return ", ".join([*found[:_SHOWN], *["…"] * (len(found) > _SHOWN)])
