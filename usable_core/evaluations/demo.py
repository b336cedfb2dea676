"""The tour: fine-tune two bundled backbones on the digits, measure both, explain some images.

Records, one row per run that the tour made: run (id), task, model, title.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from usable_core.catalog import lookup
from usable_core.catalog.models import BUNDLED
from usable_core.evaluations.specs import MOST_SEED, asked, require_range
from usable_core.records import to_json

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class DemoConfig:
    """What the tour does.

    Attributes:
        backbones: Bundled backbones, repeatable, or with commas.
        epochs: Epochs of fine-tuning.
        robustness_examples: Test images that are attacked.
        explained_examples: Test images that are explained.
        seed: Seed of everything.
    """

    backbones: tuple[str, ...] = field(
        default=("resnet", "vgg"), metadata=asked(choices=BUNDLED.keys)
    )
    epochs: int = 3
    robustness_examples: int = 100
    explained_examples: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.backbones:
            lookup(BUNDLED, "bundled model", name)
        require_range(self, "epochs", 1, 100_000)
        require_range(self, "robustness_examples", 1)
        require_range(self, "explained_examples", 1)
        require_range(self, "seed", 0, MOST_SEED)


@dataclass(frozen=True)
class DemoResult:
    """The runs that the tour left in the store."""

    config: DemoConfig
    records: "pd.DataFrame"

    @property
    def run_ids(self) -> tuple[str, ...]:
        """Return the ids of the runs, in the order in which they were made."""
        return tuple(str(run) for run in self.records["run"])

    def to_frame(self) -> "pd.DataFrame":
        """Return the records, one row per run."""
        return self.records.copy()

    def summary(self) -> dict[str, Any]:
        """Return the runs as JSON."""
        return {"runs": to_json(self.records.to_dict("records"))}
