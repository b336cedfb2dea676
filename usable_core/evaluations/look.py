"""The question "what is in this data set, and what is wrong with it?" and its answer.

Records, one row per example that can be read:
    index, id, label (an index into the classes), part (its own; empty where it has none), equal
    (the first example that shows the same pixels; itself where it is the first), near (how many
    others are equal or nearly so), leaks (whether one of those is in another part), contradicts
    (whether one of those has another label); of texts also text (its first 1,000 characters).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from usable_core.evaluations.specs import DatasetSpec, Refused, require
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd

FOLDER = "thumbnails"  # of a run's folder: `{index}.png`
SMALL_CLASS = 10  # examples: below, the numbers of a class alone say little
UNEVEN = 10  # times as many examples in the largest class as in the smallest
_SHOWN = 100  # refused examples in a summary


@dataclass(frozen=True)
class LookConfig:
    """What to look at: one data set, all of it.

    Attributes:
        dataset: The data set.
    """

    dataset: DatasetSpec

    def __post_init__(self) -> None:
        is_whole = self.dataset.split in ("auto", "all") and self.dataset.limit is None
        expected = "left out: all of the data are looked at"
        require(is_whole, "split and limit", expected, (self.dataset.split, self.dataset.limit))


@dataclass(frozen=True)
class LookResult:
    """What is in a data set, example by example; see the module.

    Attributes:
        name: The data set.
        class_names: Its classes.
        refused: Examples that cannot be used, and why.
        notes: How it was read.
        is_compared: Whether nearly equal pictures were looked for; of very many they are not.
    """

    config: LookConfig
    records: "pd.DataFrame"
    name: str
    class_names: tuple[str, ...]
    refused: tuple[Refused, ...] = ()
    notes: tuple[str, ...] = ()
    is_compared: bool = True

    def __repr__(self) -> str:
        return f"LookResult({self.name}: {self.n} examples, {len(self.problems)} problems)"

    @property
    def n(self) -> int:
        """Return the number of examples that can be read."""
        return len(self.records)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Return the number of examples of each class, in the order of the classes."""
        found = np.bincount(self.records["label"].to_numpy(), minlength=len(self.class_names))
        return dict(zip(self.class_names, map(int, found), strict=True))

    @property
    def parts(self) -> dict[str, int]:
        """Return the number of examples of each part that the data set brings itself."""
        return {
            str(part): int(count)
            for part, count in self.records["part"].value_counts(sort=False).items()
            if part
        }

    @property
    def repeated(self) -> int:
        """Return how many examples show the pixels of an earlier one."""
        return int((self.records["equal"] != self.records["index"]).sum())

    @property
    def near(self) -> int:
        """Return how many examples are equal or nearly equal to another one."""
        return int((self.records["near"] > 0).sum())

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what is wrong, or may be, each as a sentence; the worst first."""
        found = []
        leaks, contradicts = (
            int(self.records["leaks"].sum()),
            int(self.records["contradicts"].sum()),
        )
        if leaks:
            found.append(
                f"{leaks:,} examples are (nearly) equal to one of another part: what is measured "
                "on one part may have been learnt from the other."
            )
        if contradicts:
            found.append(f"{contradicts:,} examples are (nearly) equal to one of another class.")
        if self.refused:
            found.append(f"Left out because they cannot be used: {len(self.refused):,}.")
        if self.repeated:
            what = "words" if "text" in self.records else "pixels"
            found.append(f"With the {what} of an earlier example: {self.repeated:,}.")
        elif self.near:
            found.append(f"{self.near:,} examples are nearly equal to another one.")
        return (*found, *self._of_classes())

    def _of_classes(self) -> tuple[str, ...]:
        smallest, largest = min(self.counts.values()), max(self.counts.values())
        empty = [name for name, count in self.counts.items() if not count]
        small = [name for name, count in self.counts.items() if 0 < count < SMALL_CLASS]
        found = []
        if empty:
            found.append(f"Classes without an example: {len(empty):,}, such as {empty[0]}.")
        if small:
            found.append(
                f"Classes of fewer than {SMALL_CLASS} examples: {len(small):,}, such as "
                f"{small[0]} ({self.counts[small[0]]}). Numbers of theirs alone say little."
            )
        if smallest and largest >= UNEVEN * smallest:
            found.append(
                f"The largest class has {largest / smallest:.0f} times as many examples as the "
                "smallest: read the balanced accuracy."
            )
        return tuple(found)

    def to_frame(self) -> "pd.DataFrame":
        """Return the records with the names of the classes."""
        names = np.asarray(self.class_names, dtype=object)
        return self.records.assign(label_name=names[self.records["label"].to_numpy()])

    def summary(self) -> dict[str, Any]:
        """Return what was found as JSON."""
        found: dict[str, Any] = to_json(
            {
                "dataset": self.name,
                "n": self.n,
                "classes": self.counts,
                "parts": self.parts,
                "problems": self.problems,
                "refused": self.refused[:_SHOWN],
                "refused_count": len(self.refused),
                "repeated": self.repeated,
                "near": self.near,
                "leaks": int(self.records["leaks"].sum()),
                "contradicts": int(self.records["contradicts"].sum()),
                "is_compared": self.is_compared,
                "notes": self.notes,
            }
        )
        return found
