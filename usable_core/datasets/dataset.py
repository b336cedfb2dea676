"""`Dataset`: a sized sequence of labelled pictures with names, fixed splits and a fingerprint."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image

from usable_core.errors import DatasetRefused
from usable_core.evaluations.specs import DatasetSpec, Refused
from usable_core.labels import LabelSpace

FRACTIONS = {"train": 0.7, "validation": 0.1, "test": 0.2}


@dataclass(frozen=True)
class Dataset:
    """Labelled pictures, decoded one at a time.

    Attributes:
        name: The reference it was loaded by.
        labels: Class names; `targets` index into them.
        targets: Label of each example (N,) int64.
        ids: Hash of each example's picture (N,), the identity that paired comparisons use.
        open: Decodes example i to an upright RGB picture.
        fingerprint: Hash of the whole data set (before any split), 16 hex digits.
        refused: Examples left out and why.
        own_split: Name to indices, where the data set brings its own split (such as CIFAR-10's
            test images); None where `split` draws one.
        split_name: The split that this is; `all` for the whole.
    """

    name: str
    labels: LabelSpace
    targets: np.ndarray
    ids: tuple[str, ...]
    open: Callable[[int], Image.Image]
    fingerprint: str
    refused: tuple[Refused, ...] = ()
    own_split: dict[str, np.ndarray] | None = None
    split_name: str = "all"
    positions: np.ndarray | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Image.Image, int]:
        """Return the picture (RGB) and the label of example `index`."""
        position = index if self.positions is None else int(self.positions[index])
        return self.open(position), int(self.targets[index])

    def take(self, indices: Sequence[int] | np.ndarray, split_name: str | None = None) -> "Dataset":
        """Return the examples at `indices`, in that order, as a data set."""
        indices = np.asarray(indices, dtype=np.int64)
        positions = indices if self.positions is None else self.positions[indices]
        return replace(
            self,
            targets=self.targets[indices],
            ids=tuple(self.ids[i] for i in indices),
            positions=positions,
            own_split=None,
            split_name=split_name or self.split_name,
        )

    def split(self, name: str, *, seed: int = 0) -> "Dataset":
        """Return the split `name`, the same for the same seed; `all` returns everything.

        A data set with its own test images keeps them: validation is then drawn from its training
        images. Otherwise 70 % / 10 % / 20 % of each class.

        Raises:
            DatasetRefused: a class has too few examples to be in every split, or an own split
                lacks that part.
        """
        if name == "all":
            return self
        parts = stratified_parts(self.targets, FRACTIONS, seed)
        if self.own_split is not None:
            held_in = self.own_split.get("train", np.array([], dtype=np.int64))
            inner = stratified_parts(self.targets[held_in], {"train": 0.9, "validation": 0.1}, seed)
            parts = {part: held_in[indices] for part, indices in inner.items()}
            parts["test"] = self.own_split["test"]
        if len(parts[name]) == 0:
            raise DatasetRefused(
                f"The {name} split of {self.name} is empty: {len(self)} examples in "
                f"{len(self.labels)} classes are too few. Give at least 5 images per class."
            )
        return self.take(parts[name], name)

    def sample(self, limit: int | None, *, seed: int = 0) -> "Dataset":
        """Return at most `limit` examples, drawn stratified by class, in their original order."""
        if limit is None or limit >= len(self):
            return self
        share = stratified_parts(self.targets, {"in": limit / len(self)}, seed, exact=limit)["in"]
        return self.take(np.sort(share))


def stratified_parts(
    targets: np.ndarray, fractions: dict[str, float], seed: int, *, exact: int | None = None
) -> dict[str, np.ndarray]:
    """Return disjoint indices (sorted) per part, each class divided by `fractions`.

    Rounding keeps each class's leftover in the first part; `exact` then trims or fills a single
    part to that many examples.
    """
    generator = np.random.default_rng(seed)
    parts: dict[str, list[int]] = {name: [] for name in fractions}
    rest: list[int] = []
    for label in np.unique(targets):
        members = generator.permutation(np.flatnonzero(targets == label))
        ends = np.floor(np.cumsum(list(reversed(fractions.values()))) * len(members) + 1e-9)
        start = 0
        for name, end in zip(reversed(fractions), ends.astype(int), strict=True):
            parts[name].extend(members[start:end])
            start = int(end)
        rest.extend(members[start:])
    if exact is not None:
        (name,) = fractions
        missing = exact - len(parts[name])
        parts[name].extend(generator.permutation(np.array(rest, dtype=np.int64))[: max(missing, 0)])
    return {name: np.sort(np.array(p, dtype=np.int64)) for name, p in parts.items()}


def hash_bytes(data: bytes) -> str:
    """Return the identity of a picture's bytes: 16 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def hash_all(parts: Sequence[str]) -> str:
    """Return one fingerprint of many, order included."""
    return hash_bytes("\n".join(parts).encode())


def select(dataset: Dataset, spec: DatasetSpec, *, trained_on: str | None = None) -> Dataset:
    """Return the part of a data set that `spec` asks for.

    Args:
        dataset: The whole data set.
        spec: Split, limit and seed; `auto` is explained there.
        trained_on: Fingerprint of the data set that the evaluated model was trained on.
    """
    name = spec.split
    if name == "auto":
        seen = dataset.own_split is not None or trained_on == dataset.fingerprint
        name = "test" if seen else "all"
    return dataset.split(name, seed=spec.seed).sample(spec.limit, seed=spec.seed)
