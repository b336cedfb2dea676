"""The question "train an architecture from random weights, with these settings"."""

from dataclasses import dataclass, field
from typing import Literal

from usable_core.catalog import lookup
from usable_core.catalog.architectures import ARCHITECTURES
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import (
    DatasetSpec,
    asked,
    require,
    require_choices,
    require_range,
)

ADVERSARY_STEPS = {"fast": 1, "pgd": 7, "trades": 10}  # of the papers, on CIFAR-10


@dataclass(frozen=True)
class PretrainingConfig:
    """Train an architecture from random weights.

    Networks of pictures learn the data's classes, or without labels to tell pictures apart.
    Networks of texts learn pieces for the words and guess hidden ones (`bert`) or each next one
    (`gpt`), whatever the labels. What comes of it without labels is a start for fine-tuning; the
    rate of such is 0.001 where none is given.

    Attributes:
        architecture: What is trained.
        dataset: What it is trained on (its train and validation splits).
        schedule: How.
        epsilon: Linf budget of adversarial training; 0 trains on clean images.
        adversarial: How, with an epsilon: `fast` takes one step from a random start (Wong et al.
            2020), `pgd` several (Madry et al. 2018); `trades` adds to the loss on clean images 6
            times how far the answer can be moved (Zhang et al. 2019).
        attack_steps: Of `pgd`, 7 when not given, and of `trades`, 10, as in their papers; more are
            shorter, so that together they reach as far.
        objective: Of pictures: `supervised` learns their classes. `contrastive` needs no labels:
            of two random views of each picture one is to be told by the other among those of the
            whole batch (SimCLR, Chen et al. 2020). Larger batches are harder and teach more.
    """

    architecture: str = field(metadata=asked(choices=ARCHITECTURES.keys))
    dataset: DatasetSpec
    schedule: Schedule = Schedule()
    epsilon: float = 0.0
    adversarial: Literal["fast", "pgd", "trades"] = "fast"
    attack_steps: int | None = None
    objective: Literal["supervised", "contrastive"] = "supervised"

    def __post_init__(self) -> None:
        lookup(ARCHITECTURES, "architecture", self.architecture)
        require_choices(self)
        require_range(self, "epsilon", 0, 1)
        require_range(self, "attack_steps", 1, 1000)
        is_good = self.adversarial == "fast" or self.epsilon > 0
        require(is_good, "epsilon", f"above 0 for {self.adversarial}, such as 8/255", self.epsilon)
        is_good = self.attack_steps is None or self.adversarial != "fast"
        expected = "left out where there is one step or none; or choose --adversarial pgd or trades"
        require(is_good, "attack_steps", expected, self.attack_steps)
        if self.objective == "contrastive":
            self._require_no_labels()

    @property
    def counted(self) -> str:
        """Return what the share of right answers is called."""
        if ARCHITECTURES[self.architecture].kind == "text":
            return "Pieces guessed"
        return "Accuracy" if self.needs_labels else "Views found"

    @property
    def needs_labels(self) -> bool:
        """Tell whether the data must say what each example is."""
        return self.objective == "supervised"

    @property
    def adversary_steps(self) -> int:
        """Return how many steps the adversary of the training takes."""
        return self.attack_steps or ADVERSARY_STEPS[self.adversarial]

    def _require_no_labels(self) -> None:
        """Check that what is asked has a meaning where classes are not learned."""
        schedule = self.schedule
        expected = "0 where there are no labels that an attack could be told by"
        require(self.epsilon == 0, "epsilon", expected, self.epsilon)
        for name in ("mixup", "cutmix", "label_smoothing"):
            value = getattr(schedule, name)
            require(value == 0, name, "0 where there are no labels to mix or to smooth", value)
        expected = "left out where the pictures of a batch are compared with one another"
        for name in ("micro_batch", "processes"):
            value = getattr(schedule, name)
            require(value is None, name, expected, value)
        is_good = schedule.sampling == "uniform"
        require(is_good, "sampling", "uniform where there are no labels", schedule.sampling)
        expected = "shift, shift_flip or rand_augment where two views of a picture are compared"
        is_good = schedule.augmentation != "none"
        require(is_good, "augmentation", expected, schedule.augmentation)
