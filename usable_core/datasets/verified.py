"""Pictures that were looked at once: which can be used, what identifies them, how to open them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from usable_core import images
from usable_core.datasets.dataset import Dataset, hash_all, hash_bytes
from usable_core.datasets.parts import indices_of
from usable_core.depth import Reach
from usable_core.errors import DatasetRefused, ImageRefused
from usable_core.evaluations.specs import Refused
from usable_core.labels import LabelSpace

MOST_BROKEN = 2000  # files, from which they must not be ten times as many as pictures


@dataclass(frozen=True)
class Verified:
    """Pictures of a list, looked at.

    Attributes:
        kept: Which of them can be used, in order.
        ids: Hash of each of those.
        refused: The others, with reasons.
        notes: What a reader of numbers on them must know.
        open: Decodes the picture at a position of `kept`.
        place: Tells where that picture lies.
    """

    kept: list[int]
    ids: tuple[str, ...]
    refused: tuple[Refused, ...]
    notes: tuple[str, ...]
    open: Callable[[int], Image.Image]
    place: Callable[[int], str]

    def dataset(
        self,
        name: str,
        labels: LabelSpace,
        targets: Sequence[int],
        places: Sequence[str],
        parts: Sequence[str | None],
    ) -> Dataset:
        """Return them as a data set.

        Args:
            name: Its reference.
            labels: The classes.
            targets: Class of each kept picture.
            places: What the fingerprint says of each beside its bytes.
            parts: Part of each, where it has one.
        """
        found = Dataset(
            name=name,
            labels=labels,
            targets=np.array(targets, dtype=np.int64),
            ids=self.ids,
            open=self.open,
            fingerprint=hash_all([f"{i} {p}" for i, p in zip(self.ids, places, strict=True)]),
            refused=self.refused,
            own_split=indices_of(parts),
            place=self.place,
        )
        return replace(found, notes=(*_missing(found), *self.notes))


def verified(names: Sequence[str], read: Callable[[int], bytes]) -> Verified:
    """Return what can be used of pictures.

    Args:
        names: What each is called in the sentence of a refusal.
        read: Returns the bytes of one; raises `ImageRefused`, also where it has no label.

    Raises:
        DatasetRefused: of very many files, hardly one is a picture.
    """
    kept: list[int] = []
    ids, refused, reach, broken = list[str](), list[Refused](), Reach(), 0
    for row, name in enumerate(names):
        data = None
        try:
            data = read(row)
            images.verify(data, name.rpartition("/")[2], reach)
        except ImageRefused as error:
            refused.append(Refused(name, str(error)))
            broken += data is not None
            if broken > MOST_BROKEN and len(kept) * 10 < broken:
                raise DatasetRefused(
                    f"{broken:,} files of the first {row + 1:,} are no pictures that can be used, "
                    f"and {len(kept):,} are. The last one: {name}: {error} Give the folder of the "
                    "data set itself."
                ) from error
        else:
            kept.append(row)
            ids.append(hash_bytes(data))
    white = reach.white

    def open_picture(position: int) -> Image.Image:
        row = kept[position]
        data = read(row)
        if hash_bytes(data) != ids[position]:
            raise ImageRefused(
                f"{names[row]} is another file than when the data were read. Load them again."
            )
        return images.decode(data, names[row], white)

    def place(position: int) -> str:
        return names[kept[position]]

    return Verified(kept, tuple(ids), tuple(refused), reach.notes, open_picture, place)


def _missing(dataset: Dataset) -> tuple[str, ...]:
    """Return a note for each part that lacks classes."""
    notes = []
    for part, indices in (dataset.own_split or {}).items():
        count = len(dataset.labels) - len(np.unique(dataset.targets[indices]))
        if count:
            notes.append(
                f"The {part} part has no picture of {count} of the {len(dataset.labels)} classes."
            )
    return tuple(notes)
