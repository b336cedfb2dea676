"""The question "how does accuracy grow with labels?": a training for each size and seed.

The answer is `evaluations.learning_curve_result`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import (
    MOST_COUNT,
    DatasetSpec,
    ModelSpec,
    asked,
    require,
    require_choices,
)
from usable_core.evaluations.training import FineTuningConfig
from usable_core.evaluations.trainings import (
    PRETRAINED,
    RANDOM,
    MeasuredOn,
    Measures,
    each,
    measured_part,
    require_each,
    require_trainings,
    seeds,
)

ALL = MOST_COUNT  # more than any data set has: all that there are
USUAL_SIZES = (20, 50, 100, 200, 500, 1000, ALL)
# Of few examples a pass is a step or two, which teach nothing: what is told would be of the steps.
LEAST_STEPS = 200
EPOCHS, BATCH = 10, 64  # as `training.usual_rates` takes where a schedule says nothing


def sizes(text: str) -> tuple[int, ...]:
    """Return the numbers of examples that `20, 100, all` means.

    Raises:
        ConfigError: a part of it is neither a whole number nor `all`.
    """

    def one(word: str) -> int:
        is_good = word == "all" or word.isdecimal()
        require(is_good, "train_sizes", "whole numbers and all, such as 20,100,all", text)
        return ALL if word == "all" else int(word)

    return each(one)(text)


@dataclass(frozen=True)
class LearningCurveConfig:
    """How accuracy grows with the labelled examples that are trained on: each size, several seeds.

    The examples of a smaller size are among those of a larger one. Each training makes the epochs
    of its schedule, and of few examples as many as make 200 steps.

    Attributes:
        models: Backbone that is fine-tuned; repeatable, for several side by side.
        dataset: The task; its train split is what the examples are drawn from, and its test split
            is the same for all.
        train_sizes: How many examples are trained on, at least 2 in all; `all` for all there are.
        counted: Of what they are numbers: examples `in_all`, or `per_class`, as a mean where
            classes are not equally frequent, for each is drawn by its share.
        seeds: Seeds of the trainings: which examples, initial head, order and augmentation.
        method: `full` moves every weight; `linear_probe` only the new head, on cached features.
        schedule: How; its seed is each of `seeds`.
        from_scratch: Train each from random weights too: the control that fine-tuning must beat.
        measured_on: Part of the task that the accuracy is of.
        measures: What else is measured of each training.
    """

    models: tuple[ModelSpec, ...] = field(metadata=asked("--model"))
    dataset: DatasetSpec
    train_sizes: tuple[int, ...] = field(default=USUAL_SIZES, metadata=asked(read=sizes))
    seeds: tuple[int, ...] = field(default=(0, 1, 2), metadata=asked(read=seeds))
    method: Literal["full", "linear_probe"] = "full"
    schedule: Schedule = Schedule()
    from_scratch: bool = False
    measured_on: MeasuredOn = "test"
    measures: Measures = Measures()
    counted: Literal["in_all", "per_class"] = "in_all"

    def __post_init__(self) -> None:
        require_choices(self)
        least = 1 if self.counted == "per_class" else 2
        expected = f"whole numbers from {least}, and all, such as 20,100,all"
        require_each(self.train_sizes, "train_sizes", expected, partial(_is_size, least))
        is_model = isinstance(self.models, tuple) and bool(self.models)
        require(is_model, "models", "at least one", self.models)
        require_each(tuple(map(called, self.models)), "models", "several names", bool)
        count = len(self.models) * len(self.starts) * len(self.train_sizes)
        require_trainings(self.dataset, self.seeds, count)
        object.__setattr__(self, "train_sizes", tuple(sorted(self.train_sizes)))
        object.__setattr__(self, "seeds", tuple(sorted(self.seeds)))
        self.trainings(self.models[0], 2, 2)  # which checks the rest

    @property
    def starts(self) -> tuple[str, ...]:
        """Return what the weights start as."""
        return (PRETRAINED, RANDOM) if self.from_scratch else (PRETRAINED,)

    def trainings(
        self, model: ModelSpec, total: int, classes: int = 1
    ) -> tuple[FineTuningConfig, ...]:
        """Return the question of every training of a backbone.

        Args:
            model: The backbone.
            total: Examples that can be trained on; what is more than these is these.
            classes: Of the task.
        """
        of_each = classes if self.counted == "per_class" else 1
        return tuple(
            FineTuningConfig(
                model,
                self.dataset,
                self.method,
                replace(self.schedule, seed=seed, epochs=self._epochs(size)),
                from_scratch=start == RANDOM,
                train_size=size,
            )
            for start in self.starts
            for size in sorted({min(size * of_each, total) for size in self.train_sizes})
            for seed in self.seeds
        )

    def place(self, training: FineTuningConfig) -> Mapping[str, Any]:
        """Return what tells a training from the others."""
        return {
            "model": called(training.model),
            "start": RANDOM if training.from_scratch else PRETRAINED,
            "size": training.train_size,
            "seed": training.schedule.seed,
        }

    @property
    def measured_part(self) -> DatasetSpec:
        """Return the part of the task that is measured."""
        return measured_part(self.dataset, self.measured_on)

    def _epochs(self, size: int) -> int | None:
        """Return the epochs of a training on so many examples; None for the usual ones."""
        least = math.ceil(LEAST_STEPS / math.ceil(size / (self.schedule.batch_size or BATCH)))
        asked = self.schedule.epochs
        return asked if (asked or EPOCHS) >= least else least


def called(model: ModelSpec) -> str:
    """Return what a backbone is called: its reference, and the file of its weights."""
    return f"{model.reference} ({Path(model.weights).name})" if model.weights else model.reference


def size_said(size: int) -> str:
    """Return a size as people type it: `500`, `all`."""
    return "all" if size >= ALL else str(size)


def _is_size(least: int, value: object) -> bool:
    return type(value) is int and least <= value <= ALL
