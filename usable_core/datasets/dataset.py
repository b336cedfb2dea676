"""`Dataset`: a sized sequence of labelled examples with names, fixed splits and a fingerprint."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from usable_core.datasets.columns import Column
from usable_core.datasets.contents import Contents, Examples, contents_of
from usable_core.datasets.draws import nested_order, stratified_parts, stratified_sample, together
from usable_core.errors import DatasetRefused, ExampleRefused, UnknownName
from usable_core.evaluations.specs import DatasetSpec, InputKind, Refused, Report, silent
from usable_core.labels import LabelSpace

Used = TypeVar("Used")

DRAWN_BY = "content"  # what a model's card says of the draw of its parts, see `Dataset.split`
FRACTIONS = {"train": 0.7, "validation": 0.1, "test": 0.2}


@dataclass(frozen=True, repr=False)
class Dataset:
    """Labelled pictures, or texts, decoded one at a time.

    Attributes:
        name: The reference it was loaded by.
        labels: Class names; `targets` index into them.
        targets: Label of each example (N,) int64.
        ids: Hash of each example's picture (N,), the identity that paired comparisons use.
        open: Decodes example i to an upright RGB picture, or a text.
        fingerprint: Hash of the whole data set (before any split), 16 hex digits.
        refused: Examples left out and why.
        own_split: Part (`train`, `validation`, `test`) to indices, where the data set brings its
            own (such as CIFAR-10's test images); None where `split` draws them all.
        split_name: The split that this is; `all` for the whole.
        positions: Which pictures of the whole these are; None for the whole.
        spec: What `load_dataset` was asked; None for a part that was taken by hand.
        notes: Sentences on how it was read that a reader of numbers on it must know.
        unreadable: Why pictures that passed the check at reading could not be decoded later, by
            their positions in the whole; all parts share it.
        whole: The data set that this is a part of; None for the whole.
        place: Tells where picture i of the whole lies, in words.
        columns: What is known of each picture of the whole beside its class, by name, such as the
            camera: numbers, or texts; None where it is missing (`datasets.columns`).
        kind: What its examples are.
    """

    name: str
    labels: LabelSpace
    targets: np.ndarray
    ids: tuple[str, ...]
    open: Callable[[int], Any]
    fingerprint: str
    refused: tuple[Refused, ...] = ()
    own_split: dict[str, np.ndarray] | None = None
    split_name: str = "all"
    positions: np.ndarray | None = None
    spec: DatasetSpec | None = None
    notes: tuple[str, ...] = ()
    unreadable: dict[int, str] = field(default_factory=dict)
    whole: "Dataset | None" = None
    place: Callable[[int], str] = "picture {}".format
    columns: Mapping[str, Column] = field(default_factory=dict)
    kind: InputKind = "picture"

    def __len__(self) -> int:
        return len(self.targets)

    def __repr__(self) -> str:
        left_out = f", {len(self.refused)} left out" if self.refused else ""
        return (
            f"Dataset({self.name!r}, {self.split_name}: {len(self)} examples in "
            f"{len(self.labels)} classes{left_out})"
        )

    def __getitem__(self, index: int) -> tuple[Any, int]:
        """Return the picture (RGB), or the text, and the label of example `index`."""
        return self.open(self._position(index)), int(self.targets[index])

    @property
    def examples(self) -> str:
        """Return what its examples are called."""
        return "texts" if self.kind == "text" else "images"

    @property
    def left_out(self) -> tuple[Refused, ...]:
        """Return the examples that numbers on this lack: refused, or found unreadable since."""
        late = self.unreadable
        own = sorted(late) if self.positions is None else [p for p in self.positions if p in late]
        return (*self.refused, *(Refused(self.place(p), late[p]) for p in own))

    def tried(self, index: int, use: Callable[[Any], Used]) -> Used | None:
        """Return what `use` makes of an example; None, and it is left out, where it is refused."""
        position = self._position(index)
        try:
            used = use(self.open(position))
        except ExampleRefused as error:
            self.unreadable[position] = str(error)
            return None
        self.unreadable.pop(position, None)  # another model may have refused its shape
        return used

    def _position(self, index: int) -> int:
        return index if self.positions is None else int(self.positions[index])

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
            spec=None,
            whole=self.whole or self,
        )

    def contents(self, report: Report = silent) -> Contents:
        """Return which pictures of the whole are equal or nearly so; found once, which can be dear.

        Raises:
            DatasetRefused: a picture is another one at each look.
            Cancelled: through `report`.
        """
        whole = self.whole or self
        key = hash_all([whole.fingerprint, *whole.ids])
        return contents_of(Examples(key, whole.ids, whole.open, self.kind), report)

    def split(self, name: str, *, seed: int = 0, by_position: bool = False) -> "Dataset":
        """Return the split `name`, the same for the same seed; `all` returns everything.

        Parts that the data set brings itself are kept; those that it lacks are drawn from its
        training images (10 % of each class for validation, 20 % for test). A data set without own
        parts is divided 70 % / 10 % / 20 %. What is drawn depends on what the pictures show, not on
        their order, and equal pictures stay together.

        Args:
            name: `train`, `validation`, `test` or `all`.
            seed: Of the draw.
            by_position: Draw as the first versions did, by the order of the pictures.

        Raises:
            DatasetRefused: there are too few examples for that split.
            UnknownName: there is no split of that name.
        """
        if name == "all":
            return self
        if name not in FRACTIONS:
            raise UnknownName("split", name, (*FRACTIONS, "all"))
        parts = self.parts(seed, by_position=by_position)
        if len(parts[name]) == 0 and self.own_split is not None:
            raise DatasetRefused(
                f"{self.name} has the parts {', '.join(self.own_split)}, and no {self.kind} is "
                f"left for the {name} split. Choose one of those parts."
            )
        if len(parts[name]) == 0:
            raise DatasetRefused(
                f"The {name} split of {self.name} is empty: {len(self)} examples in "
                f"{len(self.labels)} classes are too few. Give at least 3 {self.examples} per "
                "class."
            )
        return self.take(parts[name], name)

    def parts(self, seed: int, *, by_position: bool = False) -> dict[str, np.ndarray]:
        """Return the indices of each part, see `split`."""
        own = self.own_split or {}
        claimed = np.concatenate([np.array([], np.int64), *own.values()])
        source = own.get("train", np.setdiff1d(np.arange(len(self)), claimed))
        drawn = {part: share for part, share in FRACTIONS.items() if part not in own}
        drawn.pop("train", None)
        if not drawn:
            return {"train": source, **own}
        fractions = {"train": 1 - sum(drawn.values()), **drawn}
        inner = self.drawn(source, fractions, seed, by_position=by_position)
        return {**own, **{part: source[indices] for part, indices in inner.items()}}

    def drawn(
        self, source: np.ndarray, fractions: dict[str, float], seed: int, *, by_position: bool
    ) -> dict[str, np.ndarray]:
        """Return disjoint positions within `source` per part, see `stratified_parts`."""
        targets = self.targets[source]
        if by_position:
            return stratified_parts(targets, fractions, seed)
        places = source if self.positions is None else self.positions[source]
        return together(targets, self.contents().hashes[places], fractions, seed)

    def sample(self, limit: int | None, *, seed: int = 0) -> "Dataset":
        """Return at most `limit` examples, drawn stratified by class, in their original order."""
        if limit is None or limit >= len(self):
            return self
        return self.take(stratified_sample(self.targets, limit, seed))

    def nested(self, size: int | None, *, seed: int = 0) -> "Dataset":
        """Return at most `size` examples, which are among those of every larger size.

        Each class has its share, up to one example, and at least one where the size allows it.
        Which ones depends on what they show and on the seed, not on their order.
        """
        if size is None or size >= len(self):
            return self
        places = np.arange(len(self)) if self.positions is None else self.positions
        first = nested_order(self.targets, self.contents().hashes[places], seed)[:size]
        return self.take(np.sort(first))


@dataclass(frozen=True)
class Draw:
    """How parts are drawn that a data set does not bring itself, see `Dataset.split`."""

    seed: int
    by_position: bool = False


def hash_bytes(data: bytes) -> str:
    """Return the identity of a picture's bytes: 16 hex digits of SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]


def hash_all(parts: Sequence[str]) -> str:
    """Return one fingerprint of many, order included."""
    return hash_bytes("\n".join(parts).encode(errors="surrogatepass"))  # JSON may hold those


def select(
    dataset: Dataset, spec: DatasetSpec, *, is_seen: bool = False, training: Draw | None = None
) -> Dataset:
    """Return the part of a data set that `spec` asks for.

    Args:
        dataset: The whole data set.
        spec: Split, limit and seed; `auto` is explained there.
        is_seen: The evaluated model was trained on this data set.
        training: How that training drew its parts; None draws by the seed of the spec.
    """
    name = spec.split if spec.split != "auto" else _unasked(dataset, is_seen=is_seen)
    draw = training or Draw(spec.seed)
    part = dataset.split(name, seed=draw.seed, by_position=draw.by_position)
    return part.sample(spec.limit, seed=spec.seed)


def _unasked(dataset: Dataset, *, is_seen: bool) -> str:
    """Return the part that is evaluated where none is asked for."""
    own = dataset.own_split
    if is_seen or (own is not None and ("test" in own or "validation" not in own)):
        return "test"
    return "all" if own is None else "validation"
