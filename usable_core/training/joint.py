"""L_pre: what holds a network to what it knew while it learns a task, and how both are weighed.

θ* = argmin L_pre(θ) / L_pre⁰ + λ·L_fine(θ) / L_fine⁰, both losses in units of their start, so that
λ weighs like with like. Divided by 1 / L_pre⁰ + λ / L_fine⁰ it is a mean of the two losses, so that
no step's size depends on λ, and λ → ∞ is plain fine-tuning at the same learning rate.

The pretrained weights θ⁰ are where L_pre is least: that is what pre-training means. On the few
images at hand its gradient at θ⁰ is not zero, and λ → 0 would train on instead of leaving θ⁰ where
it is: 3.3 times as far as plain fine-tuning in `benchmarks.joint_objective`'s first case. So the
gradient that L_pre has at θ⁰, by the logits, is subtracted. What is descended is then the Bregman
divergence of the cross-entropy, the Kullback-Leibler divergence from the answers of θ⁰ to the same
images. The statistics of source batches are kept apart from those of the task.
"""

import copy
import math
from collections.abc import Callable, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import LARGEST_BATCH
from usable_core.evaluations.training import Start
from usable_core.inputs.input import Input
from usable_core.models.heads import features, head, with_biases
from usable_core.randomness import generator
from usable_core.training.augmentation import augment
from usable_core.training.language_modelling import Asked, LanguageModelling, trunk_of
from usable_core.training.material import Material
from usable_core.training.micro_batches import Batch, SourceParts
from usable_core.training.objective import Weights

# The path of the weights is chaotic: a millionth of the gradient ends a twentieth of the way from
# where it would, a thousandth a third. So beyond 1 : 1000 the limit itself is the answer.
LIMIT = 1e3
LEAST_SHARE = 0.01  # of ln(classes), the loss of guessing: a start below is no unit to measure in

Keep = Callable[[Tensor, int], Tensor]  # normalised task images of a step, its number -> L_pre


class Joint:
    """The network in training beside its start θ⁰, and the pretrained head, trained along.

    Attributes:
        network: What is trained, with the new head.
        head: The pretrained head; it shares the network's backbone.
        statistics: Of batches of the source; those of the task's are the network's own.
    """

    def __init__(
        self, network: nn.Module, start: nn.Module, resting: Set[str] = frozenset()
    ) -> None:
        """Prepare.

        Args:
            network: What will be trained: so far θ⁰ but for its head.
            start: θ⁰ itself, on the same device; it is never changed.
            resting: Names of the modules that rest, with their statistics.
        """
        self.network, self._start, self._resting = network, start, resting
        self.head = copy.deepcopy(head(start)).requires_grad_(True)
        self._discarded = {name: buffer.clone() for name, buffer in start.named_buffers()}
        self.statistics, self._buffers = nn.Module(), {}
        for name, buffer in start.named_buffers():
            self._buffers[name] = buffer.clone()
            self.statistics.register_buffer(name.replace(".", "/"), self._buffers[name])

    def retained(self) -> nn.Module:
        """Return the pretrained head on the backbone as it is now, with the source's statistics."""
        found = copy.deepcopy(self._start).requires_grad_(False)
        with torch.no_grad():
            for ours, theirs in self._pairs(found):
                theirs.copy_(ours)
        found.load_state_dict(self._buffers, strict=False)
        return with_biases(found).requires_grad_(False)

    def labels(self, source: Material, takes: Input, schedule: Schedule) -> SourceParts:
        """Return L_pre as the cross-entropy of the pretrained head on batches of source images.

        Args:
            source: Its images, with labels among the pretrained head's classes.
            takes: Of the model.
            schedule: Says the batch size, the augmentation and the seed.
        """

        def kept(part: Batch) -> Tensor:
            logits = self._answers(part.x)
            return F.cross_entropy(logits, part.y) - self._noise(part.x, part.y, logits)

        def parts(step: int, most: int) -> Iterator[tuple[float, Callable[[], Tensor]]]:
            rows = _rows(len(source), schedule, step)
            drawn = generator(schedule.seed, "source", step)
            x = source.images(rows)
            source.expect(_rows(len(source), schedule, step + 1))
            x = augment(x, schedule.augmentation or "none", drawn)
            x = takes.normalise(x.contiguous(memory_format=torch.channels_last))
            y = source.labels[rows.to(source.labels.device)]
            for part in Batch(x, y, y).parts(most):
                yield len(part.y) / len(y), partial(kept, part)

        return parts

    def guesses(
        self, source: Material, modelling: LanguageModelling, schedule: Schedule
    ) -> SourceParts:
        """Return L_pre as the loss of a language model on batches of source texts.

        Args:
            source: The texts; their labels are not looked at.
            modelling: How the network in training guesses.
            schedule: Says the batch size and the seed.
        """
        at_start = replace(modelling, trunk=trunk_of(self._start))

        def kept(asked: Asked) -> Tensor:
            with _exchanged(self.network, self._buffers, self._resting):
                logits = modelling.logits(asked)
            with torch.no_grad(), _exchanged(self._start, self._discarded, self._resting):
                gradient = at_start.logits(asked).softmax(1)
            rows = torch.arange(len(gradient), device=gradient.device)
            gradient[rows, asked.truth] -= 1
            linear = (gradient * logits).sum(1).mean()  # as `_noise`
            return F.cross_entropy(logits, asked.truth) - (linear - linear.detach())

        def parts(step: int, most: int) -> Iterator[tuple[float, Callable[[], Tensor]]]:
            texts = source.images(_rows(len(source), schedule, step))
            asked = modelling.asked(texts, generator(schedule.seed, "source", step))
            for share, part in asked.parts(most):
                if share:
                    yield share, partial(kept, part)

        return parts

    def distillation(self) -> Keep:
        """Return a proxy of L_pre: cross-entropy to θ⁰'s answers to the task's images.

        Reference: Li & Hoiem 2016, arXiv:1606.09282.
        """

        def keep(x: Tensor, _step: int) -> Tensor:
            with torch.no_grad():
                expected = self._answers_at_start(x).softmax(1)
            return F.cross_entropy(self._answers(x), expected)

        return keep

    def distance(self) -> Keep:
        """Return a proxy of L_pre: the squared way from θ⁰, in units of the length of θ⁰.

        Reference: Li, Grandvalet & Davoine 2018, arXiv:1802.01483 (L2-SP).
        """
        pairs = [(p, p0.detach()) for p, p0 in self._pairs(self._start)]
        length = sum(float(p0.square().sum()) for _, p0 in pairs)

        def keep(_task: Tensor, _step: int) -> Tensor:
            return torch.stack([(p - p0).square().sum() for p, p0 in pairs]).sum() / length

        return keep

    def _answers(self, x: Tensor) -> Tensor:
        """Return logits of the pretrained head for normalised images."""
        # Each pass rounds the weights for itself, so that their gradients meet in float32.
        torch.clear_autocast_cache()
        with _exchanged(self.network, self._buffers, self._resting):
            logits: Tensor = self.head(features(self.network, x)).float()
        return logits

    def _answers_at_start(self, x: Tensor) -> Tensor:
        with _exchanged(self._start, self._discarded, self._resting):
            logits: Tensor = head(self._start)(features(self._start, x)).float()
        return logits

    def _noise(self, x: Tensor, y: Tensor, logits: Tensor) -> Tensor:
        """Return a term of value 0 whose gradient by the logits is that of L_pre at θ⁰."""
        with torch.no_grad():
            gradient = self._answers_at_start(x).softmax(1) - F.one_hot(y, logits.shape[1])
        linear = (gradient * logits).sum(1).mean()
        return linear - linear.detach()

    def _pairs(self, other: nn.Module) -> list[tuple[nn.Parameter, nn.Parameter]]:
        """Return each trained parameter that L_pre knows, with its like in a network as θ⁰ is."""
        theirs, own = head(other), head(self.network)
        new = {id(parameter) for parameter in own.parameters()}
        likes = dict(other.named_parameters())
        backbone = [
            (p, likes[name]) for name, p in self.network.named_parameters() if id(p) not in new
        ]
        return [*backbone, *zip(self.head.parameters(), theirs.parameters(), strict=True)]


@dataclass(frozen=True)
class Balance:
    """How L_pre and L_fine are weighed against each other.

    Attributes:
        task_weight: λ.
        classes: Classes of the pretrained head.
        unit: What L_pre is measured in where that is not its start: a distance starts at 0.
    """

    task_weight: float
    classes: int
    unit: float | None = None

    def weights(self, start: Start) -> Weights:
        """Return the multiples of the losses, which sum to 1."""
        if self.task_weight >= LIMIT:
            return Weights()
        source, task = 1 / self.source_unit(start), self.task_weight / start.task
        return Weights(task / (source + task), source / (source + task))

    @property
    def is_unmoved(self) -> bool:
        """Tell whether the start itself is the answer."""
        return self.task_weight <= 1 / LIMIT

    def source_unit(self, start: Start) -> float:
        """Return what L_pre is divided by."""
        return self.unit or max(start.source, self.least_unit)

    @property
    def least_unit(self) -> float:
        """Return the smallest starting loss of the source that is taken as its unit."""
        return LEAST_SHARE * math.log(max(2, self.classes))


def at_once(parts: SourceParts) -> Keep:
    """Return L_pre of all source examples of a step together."""
    return lambda _task, step: next(parts(step, LARGEST_BATCH))[1]()


@contextmanager
def _exchanged(network: nn.Module, others: dict[str, Tensor], resting: Set[str]) -> Iterator[None]:
    """Give a network other buffers for a pass in which batch normalisation alone is in training.

    That of modules at rest is not.

    Buffers are exchanged, not overwritten: passes before still need theirs on the way back.
    """
    own = dict(network.named_buffers())
    _exchange(network, {name: others[name] for name in own if name in others})
    modes = {module: module.training for module in network.modules()}
    for name, module in network.named_modules():
        module.training = isinstance(module, _BatchNorm) and name not in resting
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode
        _exchange(network, own)


def _exchange(network: nn.Module, buffers: dict[str, Tensor]) -> None:
    for name, buffer in buffers.items():
        module, _, key = name.rpartition(".")
        network.get_submodule(module)._buffers[key] = buffer


def _rows(examples: int, schedule: Schedule, step: int) -> Tensor:
    """Return which source examples a step takes, at least two, in a new order at every pass."""
    _, size = schedule.numbers
    batches = examples // size + (examples % size > 1)
    passes, place = divmod(step, batches)
    return _order(examples, schedule.seed, passes)[place * size : (place + 1) * size]


@lru_cache(maxsize=2)
def _order(examples: int, seed: int, passes: int) -> Tensor:
    return torch.randperm(examples, generator=generator(seed, "source order", passes))
