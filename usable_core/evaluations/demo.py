"""The tour: fine-tune two bundled backbones on the digits, measure both, explain some images.

Records, one row per run that the tour made: run (id), task, model, title.
"""

from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class DemoConfig:
    """What the tour does.

    Attributes:
        backbones: Keys of `catalog.models.BUNDLED`.
        epochs: Of fine-tuning.
        robustness_examples: Test images that are attacked.
        explained_examples: Test images that are explained.
        seed: Seed of everything.
    """

    backbones: tuple[str, ...] = ("resnet", "vgg")
    epochs: int = 6
    robustness_examples: int = 100
    explained_examples: int = 4
    seed: int = 0


@dataclass(frozen=True)
class DemoResult:
    """The runs that the tour left in the store."""

    config: DemoConfig
    records: pd.DataFrame
