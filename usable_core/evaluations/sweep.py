"""The question "what does λ trade?": a training and a measurement for each λ and seed.

The answer is `evaluations.sweep_result`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from usable_core.evaluations.epsilon import number
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import (
    MOST_SEED,
    DatasetSpec,
    ModelSpec,
    asked,
    is_between,
    is_number,
    require,
    require_choices,
)
from usable_core.evaluations.training import FineTuningConfig

UNMOVED = 1e-3  # up to this λ the backbone stays as it was, see `training.joint`
PLAIN = 1e3  # from this λ on it is plain fine-tuning
MOST = 500  # trainings of one sweep

MeasuredOn = Literal["test", "validation"]


def _each(read: Callable[[str], object]) -> Callable[[str], object]:
    """Return a reader of values with commas between them; the config sees each as it was said."""
    return lambda text: tuple(read(word.strip()) for word in text.split(",") if word.strip())


def numbers(text: str) -> tuple[float, ...]:
    """Return the λ that `0, 0.1, 1` means.

    Raises:
        ConfigError: a part of it is no number.
    """
    found: Any = _each(lambda word: number(word, "lambda"))(text)
    return tuple(found)


def seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that `0, 1, 2` means.

    Raises:
        ConfigError: a part of it is no whole number.
    """

    def one(word: str) -> int:
        require(word.isdecimal(), "seeds", "whole numbers such as 0,1,2", text)
        return int(word)

    found: Any = _each(one)(text)
    return tuple(found)


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

    def __post_init__(self) -> None:
        require_choices(self)
        _require_each(self.lambdas, "lambda", "numbers, 0 or more, such as 0,0.1,1,10", _is_weight)
        _require_each(self.seeds, "seeds", "whole numbers such as 0,1,2", _is_seed)
        # Sorted, so that one question has one form; 0 and 0.0 are one λ in a stored question too.
        object.__setattr__(self, "lambdas", tuple(sorted(map(float, self.lambdas))))
        object.__setattr__(self, "seeds", tuple(sorted(self.seeds)))
        count = len(self.lambdas) * len(self.seeds)
        require(count <= MOST, "lambdas and seeds", f"of at most {MOST} trainings", count)
        require(
            self.source is not None or self.proxy != "none",
            "source",
            "given, for λ weighs the task against L_pre: name source data (--source) or a stand-in "
            "(--proxy distillation, --proxy distance)",
            self.source,
        )
        is_apart = self.dataset.split in ("auto", "train")
        expected = "auto or train for a sweep, which measures on examples that no training saw"
        require(is_apart, "split", expected, self.dataset.split)
        self.training(self.lambdas[0], self.seeds[0])  # which checks the rest

    @property
    def trainings(self) -> tuple[tuple[float, int], ...]:
        """Return every λ and seed, in the order in which they are trained."""
        return tuple((weight, seed) for weight in self.lambdas for seed in self.seeds)

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

    @property
    def measured_part(self) -> DatasetSpec:
        """Return the part of the task that is measured: of a trained model `auto` is its test."""
        return replace(self.dataset, split="auto" if self.measured_on == "test" else "validation")


def _require_each(
    values: object, name: str, expected: str, is_good: Callable[[object], bool]
) -> None:
    several = values if isinstance(values, (tuple, list)) else ()
    require(bool(several) and all(map(is_good, several)), name, expected, values)
    require(len(set(several)) == len(several), name, "each named once", values)


def _is_weight(value: Any) -> bool:  # noqa: ANN401 - whatever was said
    return is_number(value) and is_between(value, 0, math.inf)


def _is_seed(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_SEED
