"""`Oracle`: all that an attack may ask of a model, counted: logits, and gradients of a loss."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from usable_core.attacks.validation import check_logits
from usable_core.models.model import Model
from usable_core.models.modes import frozen

Parts = Iterable[tuple[slice, tuple[Tensor, ...]]]
# Divides `count` rows into parts: (needs_gradient, count, function of a part) -> parts, results
Divide = Callable[[bool, int, Callable[[slice], tuple[Tensor, ...]]], Parts]


def at_once(
    needs_gradient: bool, count: int, function: Callable[[slice], tuple[Tensor, ...]]
) -> Parts:
    """Work on all rows together."""
    yield slice(0, count), function(slice(0, count))


@dataclass
class Passes:
    """How many single images went through the network.

    Attributes:
        forward: Forward passes, those that a backward pass followed among them.
        backward: Backward passes to the pixels.
    """

    forward: int = 0
    backward: int = 0

    @property
    def total(self) -> int:
        """Return forward and backward passes together."""
        return self.forward + self.backward


class Oracle:
    """A frozen model that answers in float32 and counts what it is asked.

    Attributes:
        passes: What was asked so far.
        draws: Forward passes whose mean is the answer (expectation over transformations, Athalye
            et al. 2018, arXiv:1707.07397); 1 for a deterministic model.
    """

    def __init__(self, model: Model, *, draws: int = 1, divide: Divide = at_once) -> None:
        self._model = model
        self._divide = divide
        self.draws = draws
        self.passes = Passes()

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, 3, H, W), without gradients."""

        def one(part: slice) -> tuple[Tensor, ...]:
            with torch.no_grad():
                return (self._mean(x[part]),)

        if len(x) == 0:
            return x.new_zeros(0, 2)
        self.passes.forward += self.draws * len(x)
        return torch.cat([found[0] for _, found in self._divide(False, len(x), one)])

    def gradient(
        self, x: Tensor, loss: Callable[[Tensor, slice], Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (N, classes), losses (N,) and gradients (N, 3, H, W) at images x.

        Args:
            x: Images (N, 3, H, W).
            loss: Logits of a part of x, and which part, to losses.

        Raises:
            AttackError: the outputs are no finite numbers.
        """

        def one(part: slice) -> tuple[Tensor, ...]:
            images = x[part].detach().requires_grad_()
            logits = self._mean(images)
            losses = loss(logits, part)
            return logits.detach(), losses.detach(), _gradient(losses, images)

        self.passes.forward += self.draws * len(x)
        self.passes.backward += self.draws * len(x)
        parts = [found for _, found in self._divide(True, len(x), one)]
        if len(parts) == 1:
            return parts[0][0], parts[0][1], parts[0][2]
        logits, losses, gradients = (torch.cat(column) for column in zip(*parts, strict=True))
        return logits, losses, gradients

    def _mean(self, x: Tensor) -> Tensor:
        logits = self._model(x)
        for _ in range(self.draws - 1):
            logits = logits + self._model(x)
        check_logits(logits)
        return logits.float() / self.draws if self.draws > 1 else logits.float()


@contextmanager
def attacking(model: Model) -> Iterator[None]:
    """Freeze the model and record gradients, whatever mode the caller is in."""
    with frozen(model.network), torch.inference_mode(False), torch.enable_grad():
        yield


def _gradient(loss: Tensor, x: Tensor) -> Tensor:
    """Return the gradient of the summed loss with respect to the pixels alone.

    Zero where there is none or it is no number: the attack is blind there, which the checks beside
    every curve measure and say.
    """
    if not loss.requires_grad:
        return torch.zeros_like(x)
    (gradient,) = torch.autograd.grad(loss.sum(), x)
    # One sum instead of a pass that makes a mask: it is finite only where all of it is.
    if not torch.isfinite(gradient.sum()):
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
    return gradient
