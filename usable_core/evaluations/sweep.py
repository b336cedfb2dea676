"""The question "what does λ trade?": a training and a measurement for each λ and seed.

The answer is `evaluations.sweep_result`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from usable_core.catalog import lookup
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import (
    DatasetSpec,
    ModelSpec,
    asked,
    is_between,
    is_number,
    require,
    require_choices,
)
from usable_core.evaluations.training import FineTuningConfig
from usable_core.evaluations.training_axes import AXES
from usable_core.evaluations.trainings import (
    MeasuredOn,
    Measures,
    measured_part,
    numbers,
    require_each,
    require_trainings,
    seeds,
)

PLAIN = 1e3  # from this λ on it is plain fine-tuning


@dataclass(frozen=True)
class SweepConfig:
    """What λ of θ* = argmin L_pre(θ) + λ·L_fine(θ) trades: each λ, with several seeds.

    Attributes:
        model: Where θ starts.
        dataset: The task (its train and validation splits are trained on, as by `finetune`).
        schedule: How; its seed is each of `seeds`.
        source: Data set of L_pre, with the pretrained head, of which part is left to measure what
            is retained. Of a network of texts without classes L_pre is a language model's loss.
        proxy: What stands in for L_pre where there are no source data: `distillation` keeps the
            pretrained head's answers to the task's examples, `distance` keeps the weights near.
        lambdas: Weights λ of the new task, each 0 or more.
        seeds: Seeds of the trainings: initial head, order and augmentation.
        measured_on: Part of the task that the accuracy is of. A λ that is chosen by one looks
            better on it than it is, so choose by validation and report test.
        measures: What else is measured of each training.
        front: The two axes of the Pareto front.
    """

    model: ModelSpec
    dataset: DatasetSpec
    schedule: Schedule = Schedule()
    source: DatasetSpec | None = None
    proxy: Literal["none", "distillation", "distance"] = "none"
    lambdas: tuple[float, ...] = field(
        default=(0.0, 0.1, 1.0, 10.0, 1000.0), metadata=asked("--lambda", read=numbers)
    )
    seeds: tuple[int, ...] = field(default=(0, 1, 2), metadata=asked(read=seeds))
    measured_on: MeasuredOn = "test"
    measures: Measures = Measures()
    front: tuple[str, ...] = field(
        default=("accuracy", "retained"), metadata=asked(choices=AXES.keys)
    )

    def __post_init__(self) -> None:
        require_choices(self)
        require_each(self.lambdas, "lambda", "numbers, 0 or more, such as 0,0.1,1,10", _is_weight)
        require_trainings(self.dataset, self.seeds, len(self.lambdas))
        # Sorted, so that one question has one form; 0 and 0.0 are one λ in a stored question too.
        object.__setattr__(self, "lambdas", tuple(sorted(map(float, self.lambdas))))
        object.__setattr__(self, "seeds", tuple(sorted(self.seeds)))
        require(
            self.source is not None or self.proxy != "none",
            "source",
            "given, for λ weighs the task against L_pre: name source data (--source) or a stand-in "
            "(--proxy distillation, --proxy distance)",
            self.source,
        )
        check_front(self.front)
        self.measures.require_axes(self.front)
        self.training(self.lambdas[0], self.seeds[0])  # which checks the rest

    @property
    def trainings(self) -> tuple[FineTuningConfig, ...]:
        """Return the question of every training, in the order in which they are trained."""
        return tuple(self.training(one, seed) for one in self.lambdas for seed in self.seeds)

    def training(self, task_weight: float, seed: int) -> FineTuningConfig:
        """Return the question of one training."""
        return FineTuningConfig(
            self.model,
            self.dataset,
            schedule=replace(self.schedule, seed=seed),
            source=self.source,
            proxy=self.proxy,
            task_weight=task_weight,
        )

    def place(self, training: FineTuningConfig) -> Mapping[str, Any]:
        """Return what tells a training from the others."""
        return {"lambda": training.task_weight, "seed": training.schedule.seed}

    @property
    def measured_part(self) -> DatasetSpec:
        """Return the part of the task that is measured."""
        return measured_part(self.dataset, self.measured_on)


def check_front(axes: object) -> None:
    """Check that these are two axes.

    Raises:
        UnknownName: there is no such axis.
        ConfigError: these are not two.
    """
    expected = "two of the axes, such as accuracy,retained"
    is_pair = isinstance(axes, tuple) and len(set(axes)) == len(axes) == 2
    require(is_pair, "front", expected, axes)
    for name in axes if isinstance(axes, tuple) else ():
        lookup(AXES, "axis", name)


def _is_weight(value: Any) -> bool:  # noqa: ANN401 - whatever was said
    return is_number(value) and is_between(value, 0, math.inf)
