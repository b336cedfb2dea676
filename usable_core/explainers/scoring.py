"""`Scorer`: what an explanation asks a model for, in the fastest batches, counted and reported."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.asking.batch_size import BatchSize, batch_size, in_batches, remember
from usable_core.asking.precision import faster_precision
from usable_core.errors import ExplanationError
from usable_core.evaluations.specs import Precision, Report, silent
from usable_core.explainers.attribution import Unit
from usable_core.models.model import Model

Part = TypeVar("Part")
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")
# Largest difference of any class's probability: below what LIME's maps are read to.
AGREEMENT = 0.01
# By model and device, so that all maps of a process are computed alike.
_chosen: dict[tuple[str, str], Precision] = {}


class Scorer:
    """Images to logits and their gradients.

    Attributes:
        model: Pixels to logits.
        device: Where images should be.
        evaluations: Images evaluated so far, those whose answers were known already included.
        precision: Number format of the passes without gradients.
    """

    def __init__(
        self,
        model: Model,
        planned: int,
        report: Report = silent,
        precision: Literal["float32", "auto"] = "float32",
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            model: Pixels to logits.
            planned: Evaluations until the end, for the progress.
            report: Told the progress; raises `Cancelled`.
            precision: `auto` computes logits without gradients in bfloat16 where the device gains
                from it and the first batch's probabilities agree with float32's.
        """
        self.model, self.device = model, model.device
        self.evaluations = 0
        self._planned, self._report = planned, report
        self._key = (model.fingerprint, str(self.device))
        is_free = precision == "auto"
        self.precision: Precision = _chosen.get(self._key, "float32") if is_free else "float32"
        self._may_round = is_free and self._key not in _chosen
        self._sizes: dict[tuple[bool, Precision], BatchSize] = {}

    def each(
        self, count: int, function: Callable[[slice], Part], *, needs_gradient: bool = False
    ) -> Iterator[tuple[slice, Part]]:
        """Yield (part, function(part)) over `count` images, in parts of the fastest size.

        Args:
            count: Images.
            function: Evaluates one part; what it returns must be ready.
            needs_gradient: Whether it goes back to the pixels as well.

        Raises:
            ExplanationError: a single image does not fit into memory.
            Cancelled: through the report.
        """
        precision: Precision = "float32" if needs_gradient else self.precision
        key = (needs_gradient, precision)
        if key not in self._sizes:
            self._sizes[key] = batch_size(
                self.model, needs_gradient=needs_gradient, precision=precision
            )
        size = self._sizes[key]
        for part, result in in_batches(size, count, function):
            self.count(part.stop - part.start)
            yield part, result
        remember(self.model, size, needs_gradient=needs_gradient, precision=precision)

    def logits(
        self, count: int, images: Callable[[slice], Tensor]
    ) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """Yield (part, logits (n, classes)) of `count` images.

        Args:
            count: Images.
            images: A part of them (n, 3, H, W) in [0, 1], on the model's device.

        Raises:
            ExplanationError: a logit is not finite, or a single image does not fit into memory.
            Cancelled: through the report.
        """

        def answered(part: slice) -> NDArray[np.float32]:
            with torch.inference_mode():
                x = images(part).contiguous(memory_format=torch.channels_last)
                if self._may_round:
                    self._choose_precision(x)
                return finite(self._in_precision(x, self.precision))

        return self.each(count, answered)

    def gradients(
        self, count: int, images: Callable[[slice], Tensor], targets: Sequence[int]
    ) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """Yield (part, logits (n, T), gradients (T, n, 3, H, W)) of `count` images.

        The targets share the pass forward. Gradients are zero where an output does not depend on
        the image.

        Args:
            count: Images.
            images: A part of them (n, 3, H, W) in [0, 1], on the model's device.
            targets: Classes whose logits are differentiated (T,).

        Raises:
            ExplanationError: a logit is not finite, or a single image does not fit into memory.
            Cancelled: through the report.
        """

        def differentiated(part: slice) -> tuple[Tensor, Tensor]:
            x = images(part).detach().contiguous(memory_format=torch.channels_last)
            with torch.enable_grad():
                logits = self.model(x.requires_grad_())[:, list(targets)].float()
                found = [
                    _gradient(logits[:, k], x, k + 1 < len(targets)) for k in range(len(targets))
                ]
            finite(logits.detach().cpu().numpy())
            return logits.detach(), torch.stack(found)

        for part, (logits, found) in self.each(count, differentiated, needs_gradient=True):
            yield part, logits, found

    def count(self, images: int) -> None:
        """Take note of images that are answered."""
        self.evaluations += images
        self._report(min(self.evaluations, self._planned), self._planned, "Explaining")

    def _in_precision(self, x: Tensor, precision: Precision) -> NDArray[np.float32]:
        with torch.autocast(x.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            found: NDArray[np.float32] = self.model(x).float().cpu().numpy()
        return found

    def _choose_precision(self, x: Tensor) -> None:
        """Go on in bfloat16 if it gives these images (N, 3, H, W) the same probabilities."""
        self._may_round = False
        exact, rounded = (_probabilities(self._in_precision(x, p)) for p in PRECISIONS)
        is_faster = faster_precision(lambda: self.model(x), self.device) == "bfloat16"
        if is_faster and np.abs(exact - rounded).max() <= AGREEMENT:
            self.precision = "bfloat16"
        _chosen[self._key] = self.precision


def of_class(logits: NDArray[np.float32], target: int, unit: Unit) -> NDArray[np.float64]:
    """Return a class's logit or softmax probability (N,) from logits (N, classes)."""
    found = logits.astype(np.float64) if unit == "logit" else _probabilities(logits)
    return np.asarray(found[:, target])


def finite(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the outputs as they are.

    Raises:
        ExplanationError: one is not a finite number.
    """
    if not np.isfinite(outputs).all():
        raise ExplanationError(
            "The model should answer with finite numbers, but gives NaN or infinity on parts of "
            "this image. Check the model's weights, or choose another model."
        )
    return outputs


def _probabilities(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = logits.astype(np.float64)
    shares = np.exp(exact - exact.max(1, keepdims=True))
    return np.asarray(shares / shares.sum(1, keepdims=True))


def _gradient(outputs: Tensor, x: Tensor, is_asked_again: bool) -> Tensor:
    if not outputs.requires_grad:
        return torch.zeros_like(x).detach()
    (found,) = torch.autograd.grad(outputs.sum(), x, allow_unused=True, retain_graph=is_asked_again)
    return torch.zeros_like(x).detach() if found is None else found
