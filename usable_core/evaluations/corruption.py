"""The question "does the model stay right when the picture gets worse?" and its answer.

Records, one row per (example, corruption, severity):
    index, id, label, corruption, severity (1 to 5), clean_prediction, clean_confidence, prediction,
    confidence (of the prediction), nll (nats), height and width (pixels when corrupted); of texts
    height is 1, width the pieces that the model read, and text the text (its first 1,000 characters
    before it was corrupted).
Corruptions are no worst case, so examples can be gained as well as lost.
Reference: Hendrycks & Dietterich 2019, arXiv:1903.12261.
"""

from dataclasses import dataclass, field
from typing import ClassVar

from usable_core.catalog import lookup
from usable_core.catalog.corruptions import COMMON
from usable_core.catalog.text_corruptions import KNOWN, corruptions_named, kind_of
from usable_core.evaluations.specs import (
    LARGEST_BATCH,
    MOST_SEED,
    DatasetSpec,
    ModelSpec,
    asked,
    require,
    require_range,
)

SEVERITIES = (1, 2, 3, 4, 5)
_COLUMNS = (
    "index id label corruption severity clean_prediction clean_confidence prediction confidence "
    "nll height width"
)
CORRUPTION_COLUMNS = tuple(_COLUMNS.split())


@dataclass(frozen=True)
class CorruptionConfig:
    """What to measure: one model, one data set, corruptions at several severities.

    Attributes:
        model: The model.
        dataset: The data set.
        corruptions: Keys of `catalog.corruptions.CORRUPTIONS`, each once; or, for models of texts,
            of `catalog.text_corruptions.TEXT_CORRUPTIONS`.
        severities: Of 1 to 5, increasing, such as 1,3.
        seed: Seed of the random numbers, per example.
        batch_size: Examples per forward pass; the fastest that fits when not given.
    """

    model: ModelSpec
    dataset: DatasetSpec
    corruptions: tuple[str, ...] = field(
        default=COMMON,
        metadata=asked(
            "--corruption",
            read=corruptions_named,
            choices=KNOWN.keys,
            help="Such as fog,snow; common are the usual 15, all these and four more; texts are "
            "those of texts.",
        ),
    )
    severities: tuple[int, ...] = field(default=SEVERITIES, metadata=asked("--severity"))
    seed: int = 0
    batch_size: int | None = None
    same: ClassVar[tuple[str, ...]] = ("corruptions", "severities", "seed")

    def __post_init__(self) -> None:
        require(len(self.corruptions) > 0, "corruptions", "at least one", self.corruptions)
        for name in self.corruptions:
            lookup(KNOWN, "corruption", name)
        kinds = {kind_of(name) for name in self.corruptions}
        require(len(kinds) == 1, "corruptions", "all of pictures or all of texts", self.corruptions)
        is_once = len(set(self.corruptions)) == len(self.corruptions)
        require(is_once, "corruptions", "named once each", self.corruptions)
        wanted = tuple(sorted(set(self.severities) & set(SEVERITIES)))
        is_good = len(wanted) > 0 and wanted == self.severities
        require(
            is_good,
            "severities",
            "whole numbers from 1 to 5, increasing, each once",
            self.severities,
        )
        require_range(self, "seed", 0, MOST_SEED)
        require_range(self, "batch_size", 1, LARGEST_BATCH)
