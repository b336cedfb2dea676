"""What a reader of a number must know of the data behind it: one sentence of each kind."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from usable_core.datasets import contents
from usable_core.datasets.contents import Contents
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.splits import training_splits
from usable_core.evaluations.specs import DatasetSpec

Places = NDArray[np.int64]  # positions in the whole data set

UNEVEN = 10  # times as many pictures of one class as of another
MAJORITY = 0.8  # of the pictures in one class: what always answering it is worth
NEAR_INSIDE = 0.01  # of a part, from which nearly equal pictures within it are told
# What examples are, how they are equal, and by what nearly equal ones differ.
_WORDS = {
    "picture": ("pictures", "pixel for pixel", "saved anew, cropped, mirrored or brightened"),
    "text": ("texts", "word for word", "with other case, spaces or punctuation"),
}
EACH = 5  # pictures a class, on average, from which a class without one is no chance


@dataclass(frozen=True)
class DataDoubts:
    """What is to be said of an evaluated part.

    Attributes:
        sentences: One of each kind.
        leaked: Ids of its pictures that are also, or nearly, among the training pictures.
    """

    sentences: tuple[str, ...]
    leaked: tuple[str, ...] = ()


def data_doubts(part: Dataset, others: Mapping[str, Places]) -> DataDoubts:
    """Return what is to be said of a part of a data set.

    Args:
        part: What is evaluated.
        others: The other parts of the whole, by name; `train` is what models learn from.
    """
    examples = _Examples(part)
    sentences, leaked = [], np.zeros(len(part), dtype=bool)
    for name in sorted(others, key=("train", "validation", "test").index):
        said, is_known = examples.also_in(name, others[name])
        sentences += said
        leaked |= is_known & (name == "train")
    sentences += [
        *examples.contradictions(),
        *_classes(part),
        *examples.repeated(),
        *examples.not_looked_for(),
    ]
    return DataDoubts(tuple(sentences), tuple(np.array(part.ids, dtype=object)[leaked]))


def training_doubts(train: Dataset, spec: DatasetSpec) -> tuple[str, ...]:
    """Return what is to be said of a training: which held-out pictures are among its own."""
    whole = train.whole or train
    held_out = [training_splits(whole, spec)[1]]
    if spec.split != "all":
        held_out.append(whole.split("test", seed=spec.seed))
    learnt = {"train": places_of(train)}
    overlaps = [
        s for part in held_out for s in _Examples(part).also_in("train", learnt["train"])[0]
    ]
    return (*overlaps, *_Examples(train).contradictions(), *_classes(train))


def places_of(part: Dataset) -> Places:
    """Return which pictures of the whole a part holds."""
    return np.arange(len(part)) if part.positions is None else part.positions


class _Examples:
    """The examples of a part beside those of the whole that it is from."""

    def __init__(self, part: Dataset) -> None:
        self.part, self.whole = part, part.whole or part
        self.what, self.equally, self.nearly = _WORDS[part.kind]
        self.name = "evaluated" if part.split_name == "all" else part.split_name
        self.places = places_of(part)
        self.contents: Contents = part.contents()
        self.codes = np.unique(self.contents.hashes, return_inverse=True)[1]
        near = self.contents.near
        near = np.zeros((0, 2), dtype=np.int64) if near is None else near
        self.near = near[self.codes[near[:, 0]] != self.codes[near[:, 1]]]

    def also_in(self, name: str, others: Places) -> tuple[list[str], NDArray[np.bool_]]:
        """Return what is said of pictures that another part has, too, and which these are (n,)."""
        others = np.setdiff1d(others, self.places)
        is_equal = np.isin(self.codes[self.places], self.codes[others])
        there = np.isin(np.arange(len(self.whole)), others)
        pairs = np.concatenate([self.near, self.near[:, ::-1]])
        pairs = pairs[there[pairs[:, 1]]]
        is_near = np.isin(self.places, pairs[:, 0]) & ~is_equal
        said = []
        if is_equal.any():
            first = self.places[is_equal][0]
            twin = others[self.codes[others] == self.codes[first]][0]
            said.append(
                f"{is_equal.sum()} of {len(self.part)} {self.name} {self.what} are also in {name}, "
                f"{self.equally}, such as {self._named(first)} = {self._named(twin)}."
            )
        if is_near.any():
            first = self.places[is_near][0]
            twin = pairs[pairs[:, 0] == first][0, 1]
            said.append(
                f"{is_near.sum()} of {len(self.part)} {self.name} {self.what} are nearly equal to "
                f"{self.what} of {name} ({self.nearly}), such as "
                f"{self._named(first)} and {self._named(twin)}."
            )
        return said, is_equal | is_near

    def contradictions(self) -> list[str]:
        """Return what is said of equal pictures of the whole with different labels."""
        targets, count = self.whole.targets, self.codes.max(initial=-1) + 1
        low, high = np.full(count, len(self.whole.labels)), np.full(count, -1)
        np.minimum.at(low, self.codes, targets)
        np.maximum.at(high, self.codes, targets)
        contradicts = (low < high)[self.codes]
        near = self.near[targets[self.near[:, 0]] != targets[self.near[:, 1]]]
        said = []
        if contradicts.any():
            first = np.flatnonzero(contradicts)[0]
            same = (self.codes == self.codes[first]) & (targets != targets[first])
            said.append(
                f"{contradicts.sum()} {self.what} of the data set occur with different labels, "
                f"such as {self._labelled(first)} and {self._labelled(np.flatnonzero(same)[0])}: "
                "no model can be right on all of them."
            )
        if len(near):
            said.append(
                f"{len(near)} pairs of nearly equal {self.what} have different labels, such as "
                f"{self._labelled(near[0, 0])} and {self._labelled(near[0, 1])}."
            )
        return said

    def repeated(self) -> list[str]:
        """Return what is said of pictures that the part itself has more than once."""
        codes = self.codes[self.places]
        first_of = np.unique(codes, return_index=True)[1]
        again = np.setdiff1d(np.arange(len(codes)), first_of)
        here = np.isin(np.arange(len(self.whole)), self.places)
        near = self.near[here[self.near].all(axis=1)]
        said = []
        if len(again):
            twin = self.places[codes == codes[again[0]]][0]
            said.append(
                f"{len(again)} of {len(codes)} {self.name} {self.what} repeat another of them, "
                f"{self.equally}, such as {self._named(twin)} = "
                f"{self._named(self.places[again[0]])}: each counts."
            )
        if len(np.unique(near)) > NEAR_INSIDE * len(codes):
            said.append(
                f"{len(np.unique(near))} of {len(codes)} {self.name} {self.what} are nearly equal "
                f"to another of them, such as {self._named(near[0, 0])} and "
                f"{self._named(near[0, 1])}: the interval is wider than it seems."
            )
        return said

    def not_looked_for(self) -> list[str]:
        """Return what is said of a data set that is too large, or too alike, to be looked at."""
        if self.contents.near is not None:
            return []
        if len(self.whole) <= contents.MOST:
            return [
                f"Very many pairs of {self.what} of the data set are nearly equal, as frames of a "
                "film are: which of them are in several parts was not looked for."
            ]
        return [
            f"The data set has more than {contents.MOST:,} {self.what}: they were compared by the "
            "bytes of their files, and nearly equal ones were not looked for."
        ]

    def _named(self, place: np.int64) -> str:
        return self.whole.place(int(place))

    def _labelled(self, place: np.int64) -> str:
        label = self.whole.labels.names[int(self.whole.targets[place])]
        return f"{self._named(place)} ({label})"


def _classes(part: Dataset) -> list[str]:
    """Return what is said of classes that are much larger than others, or have no picture."""
    counts = np.bincount(part.targets, minlength=len(part.labels))
    names, total = part.labels.names, len(part)
    said, lacking = [], np.flatnonzero(counts == 0)
    is_told = part.split_name in ((part.whole or part).own_split or {})  # by those who read it
    if len(lacking) and total >= EACH * len(names) and not is_told:
        shown = ", ".join(repr(names[i]) for i in lacking[:3]) + ", …" * (len(lacking) > 3)
        said.append(
            f"{len(lacking)} of {len(names)} classes have no {part.kind} in this part ({shown}): "
            "the numbers say nothing of them."
        )
    largest, smallest = int(counts.argmax()), int(np.where(counts, counts, total + 1).argmin())
    is_uneven = total >= EACH * len(names) and counts[largest] >= UNEVEN * counts[smallest]
    if counts[largest] < total and (is_uneven or counts[largest] >= MAJORITY * total):
        said.append(
            f"The classes are uneven: {names[largest]!r} has {counts[largest]} of {total} "
            f"{part.kind}s and {names[smallest]!r} {counts[smallest]}, so always answering "
            f"{names[largest]!r} is right in {100 * counts[largest] / total:.1f} %. Look at the "
            "balanced accuracy."
        )
    return said
