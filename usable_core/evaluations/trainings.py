"""Several trainings as one question: what tells them apart, and what is measured of each.

`evaluations.sweep` and `evaluations.learning_curve` are such questions, `jobs.trainings` works on
them, and the records of their answers have the columns of `evaluations.training_axes`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.text_attacks import KNOWN_PRESETS, kind_of
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.epsilon import grid, number
from usable_core.evaluations.explanation import ExplanationConfig
from usable_core.evaluations.result import Evaluation
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.specs import (
    MOST_SEED,
    DatasetSpec,
    InputKind,
    ModelSpec,
    asked,
    require,
    require_range,
)
from usable_core.evaluations.training import FineTuningConfig

MOST = 500  # trainings of one question
USUAL_PRESETS: Mapping[InputKind, str] = {"picture": "glance", "text": "typo"}

MeasuredOn = Literal["test", "validation"]


@dataclass(frozen=True)
class Measures:
    """What is measured of each training beside its accuracy and calibration: nothing by itself.

    Attributes:
        epsilon: Attack each with this budget, such as 4/255; of texts a share of the words, such
            as 10%.
        preset: With which attacks; when not given, glance on pictures and typo on texts.
        attacked: Examples that are attacked, at most.
        explanation: Method whose maps of each are measured: how far they are faithful.
        explained: Examples that are explained, at most.
    """

    epsilon: float | None = field(default=None, metadata=asked("--robustness"))
    preset: str | None = field(default=None, metadata=asked(choices=KNOWN_PRESETS.keys))
    attacked: int = 100
    explanation: str | None = field(default=None, metadata=asked(choices=EXPLAINERS.keys))
    explained: int = 20

    def __post_init__(self) -> None:
        require_range(self, "epsilon", 0, 1, "between 0 and 1 (1/255 is one grey level)")
        require_range(self, "attacked", 1)
        require_range(self, "explained", 1)
        if self.preset is not None:
            lookup(KNOWN_PRESETS, "preset", self.preset)
            expected = "given beside --robustness EPS, the budget that it attacks with"
            require(self.epsilon is not None, "preset", expected, self.preset)
        if self.explanation is not None:
            lookup(EXPLAINERS, "explanation method", self.explanation)

    def require_axes(self, axes: tuple[str, ...]) -> None:
        """Check that axes will be measured.

        Raises:
            ConfigError: one of them is not asked for.
        """
        asked_by = {
            "robustness": (self.epsilon, "--robustness EPS"),
            "faithfulness": (self.explanation, "--explanation METHOD"),
        }
        for name in axes:
            value, option = asked_by.get(name, (True, ""))
            require(value is not None, "front", f"axes that are measured: add {option}", name)

    def check_kind(self, kind: InputKind) -> None:
        """Check that the attacks are on what the models take.

        Raises:
            ConfigError: they are not.
        """
        if self.preset is None:
            return
        attacked = kind_of(KNOWN_PRESETS[self.preset].attacks[0].name)
        require(attacked == kind, "preset", f"one of attacks on {kind}s", self.preset)

    def questions(
        self, model: ModelSpec, part: DatasetSpec, kind: InputKind
    ) -> dict[str, Evaluation]:
        """Return what is asked of one trained model, by task."""
        found: dict[str, Evaluation] = {"accuracy": AccuracyConfig(model, part)}
        if self.epsilon is not None:
            preset = self.preset or USUAL_PRESETS[kind]
            found["robustness"] = RobustnessConfig(
                model,
                _at_most(part, self.attacked),
                attacks=KNOWN_PRESETS[preset].attacks,
                epsilons=grid([self.epsilon]),
                gallery=0,
                preset=preset,
            )
        if self.explanation is not None:
            few = _at_most(part, self.explained)
            found["explanation"] = ExplanationConfig(model, few, methods=(self.explanation,))
        return found


class Several(Protocol):
    """A question that is answered by several trainings."""

    @property
    def measures(self) -> Measures:
        """Return what is measured of each."""

    @property
    def measured_part(self) -> DatasetSpec:
        """Return the part of the task that is measured."""

    def place(self, training: FineTuningConfig) -> Mapping[str, Any]:
        """Return what tells a training from the others: columns of the records."""


PRETRAINED, RANDOM = "pretrained", "random"  # what the weights of a training start as


@dataclass(frozen=True)
class PlaceRow:
    """One column that tells trainings apart.

    Attributes:
        head: Above it.
        written: A value as people write it.
        said: The same in the middle of a sentence; empty where nothing needs to be said.
    """

    head: str
    written: Callable[[Any], str]
    said: Callable[[Any], str]


PLACES = {
    "lambda": PlaceRow("λ", "{:g}".format, "λ = {:g}".format),
    "model": PlaceRow("model", str, str),
    "start": PlaceRow("start", str, lambda start: "" if start == PRETRAINED else f"{start} start"),
    "size": PlaceRow("examples", "{:,}".format, "{:,} examples".format),
    "seed": PlaceRow("seed", str, "seed {}".format),
}


def titled(place: Mapping[str, Any]) -> str:
    """Return where a training stands, in words: `λ = 0.1, seed 2`."""
    said = (row.said(place[name]) for name, row in PLACES.items() if name in place)
    return ", ".join(filter(None, said))


def measured_part(dataset: DatasetSpec, measured_on: MeasuredOn) -> DatasetSpec:
    """Return the part of a task that is measured: of a trained model `auto` is its test."""
    return replace(dataset, split="auto" if measured_on == "test" else "validation")


def numbers(text: str) -> tuple[float, ...]:
    """Return the λ that `0, 0.1, 1` means.

    Raises:
        ConfigError: a part of it is no number.
    """
    return each(lambda word: number(word, "lambda"))(text)


def seeds(text: str) -> tuple[int, ...]:
    """Return the seeds that `0, 1, 2` means.

    Raises:
        ConfigError: a part of it is no whole number.
    """

    def one(word: str) -> int:
        require(word.isdecimal(), "seeds", "whole numbers such as 0,1,2", text)
        return int(word)

    return each(one)(text)


def require_each(values: object, name: str, expected: str, is_good: Callable[[Any], bool]) -> None:
    """Check that a setting holds several values, each good, each once.

    Raises:
        ConfigError: it does not.
    """
    several = values if isinstance(values, (tuple, list)) else ()
    wrong = next((value for value in several if not is_good(value)), values)
    require(bool(several) and all(map(is_good, several)), name, expected, wrong)
    require(len(set(several)) == len(several), name, "each named once", values)


def require_trainings(dataset: DatasetSpec, drawn: object, count: int) -> None:
    """Check what all questions of several trainings share: seeds, their number, the part.

    Args:
        dataset: The task.
        drawn: The seeds.
        count: Trainings for each seed.

    Raises:
        ConfigError: something of it is not good.
    """
    require_each(drawn, "seeds", "whole numbers such as 0,1,2", _is_seed)
    count *= len(drawn) if isinstance(drawn, tuple) else 1
    require(count <= MOST, "all settings and seeds", f"of at most {MOST} trainings", count)
    is_apart = dataset.split in ("auto", "train")
    expected = "auto or train, for what is measured are examples that no training saw"
    require(is_apart, "split", expected, dataset.split)


def each(read: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """Return a reader of values with commas between them; the config sees each as it was said."""
    return lambda text: tuple(read(word.strip()) for word in text.split(",") if word.strip())


def _is_seed(value: object) -> bool:
    return type(value) is int and 0 <= value <= MOST_SEED


def _at_most(part: DatasetSpec, count: int) -> DatasetSpec:
    return replace(part, limit=count if part.limit is None else min(count, part.limit))
