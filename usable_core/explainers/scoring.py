"""`Scorer`: the one number that an explanation asks a model for, counted, checked and reported."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.errors import ExplanationError
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.attribution import Unit
from usable_core.models.model import Model

# Pixels of one forward pass: on CPUs small enough that progress shows about every second and
# activations stay near the cores, on accelerators enough to fill them.
_PIXELS = {"cpu": 2**19, "cuda": 2**23, "mps": 2**21}
_MOST = {"cpu": 128, "cuda": 1024, "mps": 256}


class Scorer:
    """Images to the target's output, in batches bounded by memory.

    Attributes:
        evaluations: Images evaluated so far, those whose answers were known already included.
        batch_size: Images per pass; halved when memory ends.
        device: Where images should be.
    """

    def __init__(
        self, model: Model, target: int, unit: Unit, planned: int, report: Report = silent
    ) -> None:
        self._model, self._target, self._unit = model, target, unit
        self._planned, self._report = planned, report
        self.evaluations = 0
        self.device = model.device
        self.batch_size = images_per_pass(model)

    def __call__(self, x: Tensor) -> NDArray[np.float64]:
        """Return the outputs (N,) of images x (N, 3, H, W) in [0, 1].

        Raises:
            ExplanationError: an output is not finite, or a single image does not fit into memory.
            Cancelled: through the report.
        """
        parts, start = [], 0
        while start < len(x):
            part = x[start : start + self.batch_size]
            try:
                with torch.inference_mode():
                    parts.append(self._outputs(part).cpu().numpy())
            except RuntimeError as error:
                self._halve(error)
                continue
            start += len(part)
            self.count(len(part))
        return finite(np.concatenate(parts))

    def gradients(self, x: Tensor) -> Tensor:
        """Return the outputs' derivatives (N, 3, H, W) at images x (N, 3, H, W) in [0, 1].

        Zero where the output does not depend on the image.

        Raises:
            ExplanationError: a single image does not fit into memory.
            Cancelled: through the report.
        """
        parts, start = [], 0
        while start < len(x):
            part = x[start : start + max(1, self.batch_size // 2)].detach().clone()
            try:
                with torch.enable_grad():
                    total = self._outputs(part.requires_grad_()).sum()
                    gradient = None
                    if total.requires_grad:
                        (gradient,) = torch.autograd.grad(total, part, allow_unused=True)
                parts.append(torch.zeros_like(part).detach() if gradient is None else gradient)
            except RuntimeError as error:
                self._halve(error)
                continue
            start += len(part)
            self.count(len(part))
        return torch.cat(parts)

    def _outputs(self, x: Tensor) -> Tensor:
        x = x.to(self.device, memory_format=torch.channels_last)  # in which CPU and CUDA are faster
        logits = self._model(x).double()
        if self._unit == "probability":
            logits = logits.softmax(1)
        return logits[:, self._target]

    def count(self, images: int) -> None:
        """Take note of images that are answered."""
        self.evaluations += images
        self._report(min(self.evaluations, self._planned), self._planned, "Explaining")

    def _halve(self, error: RuntimeError) -> None:
        text = str(error)
        is_memory = isinstance(error, torch.OutOfMemoryError) or (
            "can't allocate memory" in text or "not enough memory" in text
        )
        if not is_memory:
            raise error
        if self.batch_size == 1:
            raise ExplanationError(
                "Memory ran out on a single image. Choose a smaller model, or a machine with more "
                "memory."
            ) from error
        self.batch_size //= 2


def images_per_pass(model: Model) -> int:
    """Return how many images an explanation shows a model at once, where memory allows it."""
    height, width = model.input_size
    kind = model.device.type
    fitting = _PIXELS.get(kind, _PIXELS["cpu"]) // (height * width)
    return max(1, min(fitting, _MOST.get(kind, _MOST["cpu"])))


def finite(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
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
