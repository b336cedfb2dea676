"""`Oracle`: all that may be asked of a frozen model: logits, and gradients of a loss."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor

from usable_core.asking.batch_size import (
    BatchSize,
    batch_size,
    best_batch_size,
    in_batches,
    remember,
)
from usable_core.asking.manner import precisions
from usable_core.asking.outputs import check_logits
from usable_core.asking.precision import autocast, faster_precision
from usable_core.evaluations.specs import Precision
from usable_core.models.model import Model
from usable_core.models.modes import channels_last, frozen

Part = TypeVar("Part")
Loss = Callable[[Tensor, slice], Tensor]  # logits of a part of the images, and which -> losses

_INSTEAD = "Ask for what needs answers alone: the attack `square`, maps by LIME."
AGREEMENT = 0.01  # of any class's probabilities at most: below what LIME's maps are read to


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


class Oracle(AbstractContextManager["Oracle"]):
    """A frozen model that answers in float32, in the fastest batches, and is counted.

    Within `with oracle:` the network is frozen in evaluation mode with its weights laid out for
    convolutions; questions from outside do the same for themselves, at a small cost each.

    Attributes:
        model: Pixels to logits.
        device: Where images should be.
        draws: Forward passes whose mean is the answer (expectation over transformations, Athalye
            et al. 2018, arXiv:1707.07397); 1 for a deterministic model.
        passes: What was asked so far.
        precision: Number format of the passes without gradients.
        on_pass: Told how many images each pass has answered.
    """

    def __init__(
        self,
        model: Model,
        *,
        fixed_size: int | tuple[int, int] | None = None,
        precision: Precision | Literal["auto"] = "float32",
        draws: int = 1,
        on_pass: Callable[[int], None] = lambda images: None,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            model: Pixels to logits.
            fixed_size: Images per pass, or per pass without and with gradients; None finds the
                fastest that fits.
            precision: Of passes without gradients; `auto` is bfloat16 where that is faster and
                the first images' probabilities agree with float32's.
            draws: Passes per answer.
            on_pass: Told how many images each pass has answered; may raise `Cancelled`.
        """
        self.model, self.device, self.draws = model, model.device, draws
        self.passes = Passes()
        self._fixed_size, self.on_pass = fixed_size, on_pass
        self._key = (model.fingerprint, str(self.device))
        chosen = precisions.get(self._key) if precision == "auto" else precision
        self.precision: Precision = chosen or "float32"
        self._must_choose = chosen is None
        self._sizes: dict[tuple[bool, Precision], BatchSize] = {}
        self._depth, self._modes = 0, ExitStack()

    def __enter__(self) -> "Oracle":
        if self._depth == 0:
            self._modes.enter_context(frozen(self.model.network))
            self._modes.enter_context(channels_last(self.model.network))
        self._depth += 1
        return self

    def __exit__(self, *_: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._modes.close()
            for (needs_gradient, precision), size in self._sizes.items():
                if self._fixed_size is None:
                    remember(self.model, size, needs_gradient=needs_gradient, precision=precision)

    def size(self, *, needs_gradient: bool = False) -> BatchSize:
        """Return the number of images per pass, as far as it is known."""
        key = (needs_gradient, "float32" if needs_gradient else self.precision)
        if key not in self._sizes:
            fixed = self._fixed_size
            self._sizes[key] = batch_size(
                self.model,
                fixed=fixed[needs_gradient] if isinstance(fixed, tuple) else fixed,
                needs_gradient=key[0],
                precision=key[1],
            )
        return self._sizes[key]

    @property
    def halvings(self) -> tuple[str, ...]:
        """Return sentences on how often memory ran out."""
        sentences = [sentence for size in self._sizes.values() for sentence in size.halvings]
        return tuple(dict.fromkeys(sentences))

    def settle(self, images: Tensor, at_most: int) -> None:
        """Find the fastest sizes now, with and without gradients.

        Args:
            images: Some (N, 3, H, W), to time with.
            at_most: How many there ever are at once.
        """
        for needs_gradient in (False, True):
            if not self.size(needs_gradient=needs_gradient).is_settled:
                self._sizes[needs_gradient, "float32"] = best_batch_size(
                    self.model, needs_gradient=needs_gradient, images=images, at_most=at_most
                )

    def logits(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, 3, H, W), without gradients.

        Raises:
            OutputsRefused: the outputs are not those of a classifier.
            UsableError: a single image does not fit into memory.
            Cancelled: through `on_pass`.
        """
        if len(x) == 0:
            return x.new_zeros(0, len(self.model.labels))
        return torch.cat([logits for _, logits in self.stream(len(x), x.__getitem__)])

    def stream(
        self, count: int, images: Callable[[slice], Tensor]
    ) -> Iterator[tuple[slice, Tensor]]:
        """Yield (part, logits (n, classes)) of `count` images, without gradients.

        Args:
            count: Images.
            images: A part of them (n, 3, H, W) in [0, 1], made on the model's device when asked.

        Raises:
            OutputsRefused, UsableError, Cancelled: as `logits`.
        """

        def answered(part: slice) -> Tensor:
            with torch.inference_mode():
                x = self.model.laid_out(images(part))
                if self._must_choose:
                    self._choose_precision(x)
                with autocast(self.device, self.precision):
                    return self._mean(x)

        yield from self.each(count, answered)

    def gradient(self, x: Tensor, loss: Loss) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits (N, classes), losses (N,) and gradients (N, 3, H, W) at images x.

        Gradients are zero where there are none or where they are no numbers: the attack is blind
        there, which the checks beside every curve measure and say.

        Args:
            x: Images (N, 3, H, W).
            loss: Logits of a part of x, and which part, to losses.

        Raises:
            NoGradients: the model has none.
            OutputsRefused, UsableError, Cancelled: as `logits`.
        """

        def differentiated(part: slice) -> tuple[Tensor, ...]:
            with torch.inference_mode(False), torch.enable_grad():
                images = _differentiable(x[part])
                logits = self._mean(images)
                losses = loss(logits, part)
                return logits.detach(), losses.detach(), _pixel_gradient(losses, images)

        parts = [found for _, found in self.each(len(x), differentiated, needs_gradient=True)]
        if len(parts) == 1:
            return parts[0][0], parts[0][1], parts[0][2]
        logits, losses, gradients = (torch.cat(column) for column in zip(*parts, strict=True))
        return logits, losses, gradients

    def gradients(
        self, count: int, images: Callable[[slice], Tensor], targets: Sequence[int]
    ) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Yield (part, logits (n, T), gradients (T, n, 3, H, W)) of `count` images.

        The targets share the pass forward. Gradients are zero where an output does not depend on
        the image.

        Args:
            count: Images.
            images: A part of them (n, 3, H, W) in [0, 1], made on the model's device when asked.
            targets: Classes whose logits are differentiated (T,).

        Raises:
            NoGradients: the model has none.
            OutputsRefused, UsableError, Cancelled: as `logits`.
        """

        def differentiated(part: slice) -> tuple[Tensor, Tensor]:
            with torch.inference_mode(False), torch.enable_grad():
                x = _differentiable(images(part).contiguous(memory_format=torch.channels_last))
                logits = self._mean(x)[:, list(targets)]
                found = [
                    _exact_gradient(logits[:, k], x, is_asked_again=k + 1 < len(targets))
                    for k in range(len(targets))
                ]
                return logits.detach(), torch.stack(found)

        for part, (logits, found) in self.each(count, differentiated, needs_gradient=True):
            yield part, logits, found

    def each(
        self, count: int, function: Callable[[slice], Part], *, needs_gradient: bool = False
    ) -> Iterator[tuple[slice, Part]]:
        """Yield (part, function(part)) over `count` images, in parts of the fastest size.

        Args:
            count: Images.
            function: Sends one part through the network; what it returns must be ready.
            needs_gradient: Whether it goes back to the pixels as well.

        Raises:
            UsableError, Cancelled: as `logits`.
        """
        if needs_gradient:
            self.model.require_gradients("This", _INSTEAD)
        with self:
            size = self.size(needs_gradient=needs_gradient)
            for part, result in in_batches(size, count, function):
                images = self.draws * (part.stop - part.start)
                self.passes.forward += images
                self.passes.backward += images if needs_gradient else 0
                self.on_pass(images)
                yield part, result

    def _mean(self, x: Tensor) -> Tensor:
        logits = self.model(x)
        for _ in range(self.draws - 1):
            logits = logits + self.model(x)
        check_logits(logits)
        return logits.float() / self.draws if self.draws > 1 else logits.float()

    def _choose_precision(self, x: Tensor) -> None:
        """Go on in bfloat16 if it answers these images sooner, and with the same probabilities."""
        self._must_choose = False
        self.precision = faster_precision(lambda: self.model(x), self.device)
        if self.precision == "bfloat16":
            exact = self.model(x).double().softmax(1)
            with autocast(self.device, "bfloat16"):
                rounded = self.model(x).double().softmax(1)
            if not (exact - rounded).abs().max() <= AGREEMENT:
                self.precision = "float32"
        precisions[self._key] = self.precision


def _differentiable(x: Tensor) -> Tensor:
    """Return images that gradients go back to; those made in inference mode only as a copy."""
    return (x.clone() if x.is_inference() else x.detach()).requires_grad_()


def _pixel_gradient(losses: Tensor, x: Tensor) -> Tensor:
    """Return the gradient of the summed losses with respect to the pixels alone."""
    if not losses.requires_grad:
        return torch.zeros_like(x)
    (gradient,) = torch.autograd.grad(losses.sum(), x)
    # One sum instead of a pass that makes a mask: it is finite only where all of it is.
    if not torch.isfinite(gradient.sum()):
        gradient = gradient.nan_to_num(0.0, 0.0, 0.0)
    return gradient


def _exact_gradient(outputs: Tensor, x: Tensor, *, is_asked_again: bool) -> Tensor:
    """Return the gradient of summed outputs (n,); zero where there is none, NaN where it is so."""
    if not outputs.requires_grad:
        return torch.zeros_like(x).detach()
    (found,) = torch.autograd.grad(outputs.sum(), x, allow_unused=True, retain_graph=is_asked_again)
    return torch.zeros_like(x).detach() if found is None else found
