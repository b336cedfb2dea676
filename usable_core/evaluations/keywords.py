"""What may be said to Python's functions beside model and data: the fields of their configs.

Each is a plain keyword, `evaluate_robustness(model, data, steps=50)`, known to type checkers and to
completion; a test holds these tables to the dataclasses, whose docstrings say what each means.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypedDict

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Norm, Precision, Report
from usable_core.evaluations.training import Method
from usable_core.evaluations.trainings import Measures

if TYPE_CHECKING:
    from usable_core.datasets.dataset import Dataset
    from usable_core.models.model import Model


class AccuracySettings(TypedDict, total=False):
    """Fields of `AccuracyConfig`."""

    precision: Precision
    batch_size: int | None


class AttackSettings(TypedDict, total=False):
    """The fields of `RobustnessConfig` that say how one image is attacked."""

    preset: str | None
    attack: str
    norm: Norm
    steps: int
    restarts: int
    step_size: float | None
    loss: str
    momentum: float
    targets: int
    seed: int


class RobustnessSettings(AttackSettings, total=False):
    """Fields of `RobustnessConfig`."""

    epsilons: "Sequence[float] | float | str"
    draws: int
    surrogate: "Model | ModelSpec | str | None"
    walked: int | None
    judge: "Model | ModelSpec | str | None"
    gallery: int
    batch_size: int | None


class CorruptionSettings(TypedDict, total=False):
    """Fields of `CorruptionConfig`."""

    corruptions: Sequence[str]
    severities: Sequence[int]
    seed: int
    batch_size: int | None


class ExplanationSettings(TypedDict, total=False):
    """Fields of `ExplanationConfig`."""

    methods: Sequence[str]
    target: str
    options: ExplainerOptions
    evidence: Literal["none", "curves", "all"]


class CostSettings(TypedDict, total=False):
    """Fields of `CostConfig`."""

    batch_sizes: Sequence[int]
    timings: int


class MapSettings(TypedDict, total=False):
    """How one image is explained.

    Attributes:
        target: Name of the class explained; None or `top` is the predicted one.
        options: How the map is made.
        evidence: Measure how far to trust the map as well, some 500 evaluations and two more maps.
        drift: Make the map along the image's own adversarial path as well: nine more maps.
        report: Told the progress.
    """

    target: str | None
    options: ExplainerOptions | None
    evidence: bool
    drift: bool
    report: Report


class FineTuningSettings(TypedDict, total=False):
    """Fields of `FineTuningConfig`."""

    method: Method
    prompt: str
    schedule: Schedule
    source: "Dataset | DatasetSpec | str | None"
    proxy: Literal["none", "distillation", "distance"]
    task_weight: float
    from_scratch: bool
    backbone_rate: float
    layer_decay: float
    last_blocks: int | None
    recipe: str | None
    train_size: int | None


class RateSettings(FineTuningSettings, total=False):
    """Fields of `RateConfig`."""

    steps: int
    lowest: float
    highest: float


class SweepSettings(TypedDict, total=False):
    """Fields of `SweepConfig`."""

    schedule: Schedule
    source: "Dataset | DatasetSpec | str | None"
    proxy: Literal["none", "distillation", "distance"]
    lambdas: Sequence[float]
    seeds: Sequence[int]
    measured_on: Literal["test", "validation"]
    measures: Measures
    front: Sequence[str]


class LearningCurveSettings(TypedDict, total=False):
    """Fields of `LearningCurveConfig`."""

    train_sizes: Sequence[int] | str
    counted: Literal["in_all", "per_class"]
    seeds: Sequence[int]
    method: Literal["full", "linear_probe"]
    schedule: Schedule
    from_scratch: bool
    measured_on: Literal["test", "validation"]
    measures: Measures
