"""`Statistics`: buffers of networks, such as those of batch normalisation, over a step in parts."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from usable_core.training import processes


class Statistics:
    """Buffers that every part of a step moves from where the step began.

    They end where the mean of the parts' moves leads, each with its share of the examples. So it is
    the same whoever takes which part, and one step of a momentum however many parts there are.
    """

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        """Take the modules that are trained; a yes or no in a buffer is left alone."""
        buffers = (buffer for module in modules for buffer in module.buffers())
        self._buffers = [buffer for buffer in buffers if buffer.dtype != torch.bool]
        self.begin()

    def begin(self) -> None:
        """Begin a step here."""
        self._start = [buffer.clone() for buffer in self._buffers]
        self._moved: list[Tensor] = []

    def put_back(self) -> None:
        """Be where the step began."""
        for buffer, start in zip(self._buffers, self._start, strict=True):
            buffer.copy_(start)

    @torch.no_grad()
    def take(self, share: float) -> None:
        """Count a part of such a share of the step's examples; the next one begins anew."""
        self._moved = self._moved or self._none()
        pairs = zip(self._buffers, self._start, strict=True)
        for moved, (buffer, start) in zip(self._moved, pairs, strict=True):
            way = torch.where(buffer == start, 0, buffer - start)  # both may be infinite
            moved.add_(way, alpha=share)
        self.put_back()

    @torch.no_grad()
    def settle(self) -> None:
        """Be where all parts lead, those of other processes too."""
        if processes.count() == 1 and not self._moved:
            return
        self._moved = self._moved or self._none()
        processes.add_up(self._moved)
        pairs = zip(self._buffers, self._start, strict=True)
        for moved, (buffer, start) in zip(self._moved, pairs, strict=True):
            moved = moved if buffer.is_floating_point() else moved.round()
            buffer.copy_(start + moved.to(buffer.dtype))

    def _none(self) -> list[Tensor]:
        return [torch.zeros_like(buffer, dtype=torch.float32) for buffer in self._buffers]
