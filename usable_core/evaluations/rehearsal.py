"""What a training will take, from a few of its own steps; what its network will see; its errors.

The first two are asked before it is started, and all of the lane (`evaluations.interactive`).
"""

from dataclasses import dataclass, fields, replace
from math import ceil

from usable_core.evaluations.robustness_cost import START_SECONDS, spoken
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.training import FineTuningConfig

STEPS = 10
PICTURES = 8
FOLDER = "augmented"  # of the answer's folder: `{k}.png`
# A validation only goes forward, which takes about a third of a step's time for each example.
FORWARD_SHARE = 1 / 3
# Settings on which neither the time of a step depends, nor what is seen.
_IRRELEVANT = (
    "epochs",
    "learning_rate",
    "warmup",
    "decay",
    "weight_decay",
    "momentum",
    "momentum_form",
    "clip",
    "label_smoothing",
)
_OF_PICTURES = ("augmentation", "mixup", "cutmix", "sampling", "seed", "batch_size")


@dataclass(frozen=True)
class Rehearsal:
    """How a training began that was stopped after a few steps.

    Attributes:
        examples: That are trained on.
        validated: That are held out.
        batch_size: Examples of a step.
        epochs: Passes over the examples that are usual for it.
        steps: That were timed; 0 where nothing is moved.
        rehearsed: Examples that were read for it.
        seconds_per_step: Their time.
        opening_seconds: Time until the model and the data could be read from.
        reading_seconds: Time for reading these examples, and for features of a linear probe.
        starting_seconds: Time from there to the first step.
    """

    examples: int
    validated: int
    batch_size: int
    epochs: int
    steps: int
    rehearsed: int
    seconds_per_step: float
    opening_seconds: float
    reading_seconds: float
    starting_seconds: float

    def seconds(self, epochs: int | None = None) -> tuple[float, float]:
        """Return from how long to how long the whole training will take on this machine.

        Reading few examples tells little of reading many: the least says that it takes as long for
        all as it did for these, the most that it takes so long for each.
        """
        of_each = self.seconds_per_step / self.batch_size
        of_epoch = ceil(self.examples / self.batch_size) * self.seconds_per_step
        of_epoch += self.validated * of_each * FORWARD_SHARE
        steps = (epochs or self.epochs) * of_epoch if self.steps else 0.0
        share = max(1.0, (self.examples + self.validated) / max(self.rehearsed, 1))
        others = self.opening_seconds + self.starting_seconds + steps
        least, most = (others + part * self.reading_seconds for part in (1, share))
        return START_SECONDS[0] + least, START_SECONDS[1] + most

    def sentence(self, epochs: int | None = None) -> str:
        """Return what to expect, for people."""
        whole = f"Estimate: {spoken(self.seconds(epochs))}"
        if not self.steps:
            return f"{whole}. No step is taken, for nothing is moved."
        count = epochs or self.epochs
        throughput = self.batch_size / self.seconds_per_step
        digits = 0 if throughput >= 10 else 1
        return (
            f"{whole} for {count:,} epoch{'s' * (count != 1)} of {self.examples:,} examples, from "
            f"{self.steps} timed step{'s' * (self.steps != 1)} of {self.batch_size} "
            f"({throughput:,.{digits}f} examples a second)."
        )


@dataclass(frozen=True)
class Seen:
    """What goes into the network of one example.

    Attributes:
        classes: Names of the classes that it counts as, the larger share first.
        shares: How much of each, in [0, 1].
    """

    classes: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Worst:
    """A validation example with a large loss.

    Attributes:
        id: Its identity in the data set.
        true: Name of its class.
        prediction: Name of the class that is predicted.
        confidence: Probability of the latter.
        loss: Cross-entropy (nats).
        text: Its text; empty of a picture.
    """

    id: str
    true: str
    prediction: str
    confidence: float
    loss: float
    text: str = ""


def timed_by(config: FineTuningConfig) -> FineTuningConfig:
    """Return the question without what its time does not depend on, so that it is timed once."""
    return replace(config, schedule=_only(config.schedule, _relevant()), recipe=None)


def seen_by(config: FineTuningConfig) -> FineTuningConfig:
    """Return the question with what decides what its network sees alone."""
    schedule = _only(config.schedule, _OF_PICTURES)
    size = config.train_size
    return FineTuningConfig(config.model, config.dataset, schedule=schedule, train_size=size)


def _relevant() -> tuple[str, ...]:
    return tuple(f.name for f in fields(Schedule) if f.name not in _IRRELEVANT)


def _only(schedule: Schedule, names: tuple[str, ...]) -> Schedule:
    return replace(Schedule(), **{name: getattr(schedule, name) for name in names})
