"""`Objective`: what a training minimises, in terms that its loop needs and no more."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import zip_longest

import torch
from torch import Tensor, nn

from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.training import Start
from usable_core.randomness import generator
from usable_core.training.batches import balanced, batches
from usable_core.training.meter import Figures, Validation


@dataclass(frozen=True)
class Loss:
    """What one step is judged by.

    Attributes:
        task: L_fine, a differentiable scalar.
        correct: How many task examples were right; of texts whose pieces are guessed, the share
            of right guesses times the examples.
        source: L_pre, a differentiable scalar; None without one.
        share: Of which part of a step's examples it is.
    """

    task: Tensor
    correct: Tensor
    source: Tensor | None = None
    share: float = 1.0

    def of_share(self, share: float) -> "Loss":
        """Return its part of a sum over parts, of which it is such a share of the examples."""
        source = None if self.source is None else self.source * share
        return Loss(self.task * share, self.correct, source, share)

    def gathered(self, total: Tensor) -> Tensor:
        """Return the figures of a part (5,) where they are, see `Figures.of`.

        Args:
            total: What is minimised of it.
        """
        source = torch.zeros_like(total) if self.source is None else self.source
        has_source = torch.full_like(total, self.source is not None)
        figures = (total, self.task, self.correct, source, has_source)
        return torch.stack([figure.detach().float() for figure in figures])


Part = Callable[[], Loss]  # some examples of a step, which are judged when it is called


@dataclass(frozen=True)
class Weights:
    """What the losses are multiplied by: task·L_fine + source·L_pre is minimised."""

    task: float = 1.0
    source: float = 0.0

    def total(self, loss: Loss) -> Tensor:
        """Return what is minimised, a differentiable scalar."""
        if loss.source is None or self.source == 0:
            return loss.task
        return self.source * loss.source + self.task * loss.task

    def figures(self, start: Start) -> Figures:
        """Return the losses before the first step as those of a step."""
        if math.isnan(start.source) and self.source == 0:
            return Figures(start.task, start.task, None, 0)
        total = self.source * start.source + self.task * start.task
        return Figures(total, start.task, start.source, 0)


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        parts: Modules that are trained, each with its multiple of the learning rate.
        loss: From indices (B,) of training examples and a step, from 0, to their loss; whatever it
            draws, it draws by the step alone.
        validate: Measures the validation split.
        examples: Number of training examples.
        classes: Number of the task's classes.
        device: Where the modules are.
        multiples: What the learning rates of single weights are multiplied by besides.
        weigh: How the losses are weighed, once it is known what they start from.
        labels: Class of each training example (N,), where balanced batches can be asked for.
        lengths: How long each training example is (N,), so that those of like length are in one
            batch; None where all are of one size.
        expect: Told the indices of the next batch while the one before is trained on.
        micro_batches: From indices, a step and a number of examples to parts of at most so many,
            whose losses add up to `loss`; None where they would not.
    """

    parts: Sequence[tuple[nn.Module, float]]
    loss: Callable[[Tensor, int], Loss]
    validate: Callable[[], Validation]
    examples: int
    classes: int
    device: torch.device
    multiples: Mapping[nn.Parameter, float] = field(default_factory=dict)
    weigh: Callable[[Start], Weights] = lambda start: Weights()
    labels: Tensor | None = None
    lengths: Tensor | None = None
    expect: Callable[[Tensor], None] = lambda indices: None
    micro_batches: Callable[[Tensor, int, int], Iterator[Part]] | None = None

    @property
    def modules(self) -> list[nn.Module]:
        """Return what is trained."""
        return [module for module, _ in self.parts]

    def batches(self, schedule: Schedule, epoch: int) -> Sequence[Tensor]:
        """Return the batches of an epoch, from 1: the same whatever was drawn before."""
        drawn = generator(schedule.seed, "order", epoch)
        order = torch.randperm(self.examples, generator=drawn)
        if schedule.sampling == "balanced" and self.labels is not None:
            order = balanced(self.labels.cpu(), drawn)
        return batches(order, self.lengths, schedule.numbers[1], drawn)

    def batches_from(self, schedule: Schedule, epoch: int, done: int) -> Iterator[Tensor]:
        """Yield the batches of an epoch that are left, each while the next one is expected."""
        left = self.batches(schedule, epoch)[done:]
        for indices, following in zip_longest(left, left[1:]):
            if following is not None:
                self.expect(following)
            yield indices

    def parts_of(self, indices: Tensor, step: int, most: int | None) -> Iterator[Part]:
        """Yield the parts of a step, each of at most so many examples; None is all of it."""
        if most is None or self.micro_batches is None:
            yield partial(self.loss, indices, step)
        else:
            yield from self.micro_batches(indices, step, most)

    def steps(self, schedule: Schedule) -> int:
        """Return how many steps an epoch has."""
        return math.ceil(self.examples / schedule.numbers[1])
