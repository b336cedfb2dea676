"""The weights that count: those of the newest step, or their moving average."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import require


class Newest:
    """The weights of the newest step are those that count."""

    def update(self) -> None:
        """Count a step of the optimizer, which is over."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the modules have the weights that count for a while."""
        yield

    def put(self) -> None:
        """Give the modules the weights that count for good."""

    def state_dict(self) -> list[Tensor]:
        """Return what was kept besides the modules' own."""
        return []

    def load_state_dict(self, state: list[Tensor]) -> None:
        """Be where a state was taken."""


class Average(Newest):
    """Exponential moving average of weights and batch statistics; counts of batches are the newest.

    θ̄ is θ after the first step, then θ̄ ← d·θ̄ + (1 − d)·θ after each: torch's `AveragedModel` with
    `use_buffers=True`, as timm's `ModelEmaV2` averages all of a state. Statistics that are averaged
    over the same steps fit the averaged weights; those of the newest step would be of others.

    Reference: Polyak & Juditsky 1992, doi:10.1137/0330046; Tan & Le 2019, arXiv:1905.11946.
    """

    def __init__(self, modules: Sequence[nn.Module], decay: float) -> None:
        """Prepare.

        Args:
            modules: What is trained; a tensor in several counts once.
            decay: d, in (0, 1).
        """
        held = [t for module in modules for t in (*module.parameters(), *module.buffers())]
        self._tensors: list[Tensor] = list({id(tensor): tensor for tensor in held}.values())
        self._averaged: list[Tensor] = []
        self._average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def update(self) -> None:
        """Average in the weights after a step of the optimizer."""
        newest = [tensor.detach() for tensor in self._tensors]
        if not self._averaged:
            self._averaged = [tensor.clone() for tensor in newest]
            return
        pairs = list(zip(self._averaged, newest, strict=True))
        averaged, now = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
        self._average(list(averaged), list(now), 1)
        for count, newer in (pair for pair in pairs if not pair[0].is_floating_point()):
            count.copy_(newer)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Let the modules have the average for a while."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def put(self) -> None:
        """Give the modules the average for good."""
        self._exchange()

    def state_dict(self) -> list[Tensor]:
        """Return the averages, in the order of the modules' tensors."""
        return self._averaged

    def load_state_dict(self, state: list[Tensor]) -> None:
        """Be where a state was taken."""
        self._averaged = state

    @torch.no_grad()
    def _exchange(self) -> None:
        for tensor, averaged in zip(self._tensors, self._averaged, strict=False):
            own = tensor.clone()
            tensor.copy_(averaged)
            averaged.copy_(own)


def weights_that_count(modules: Sequence[nn.Module], schedule: Schedule, steps: int) -> Newest:
    """Return what a schedule says of averaging.

    Args:
        modules: What is trained.
        schedule: Its `ema` is the decay.
        steps: How many there will be.

    Raises:
        ConfigError: the average would reach back further than the training is long.
    """
    if not schedule.ema:
        return Newest()
    expected = (
        f"at most {1 - 1 / steps:.4g} for a training of {steps} steps, so that it averages over no "
        "more than these (1 / (1 - ema) are the steps that it reaches back)"
    )
    require(1 / (1 - schedule.ema) <= steps * (1 + 1e-9), "ema", expected, schedule.ema)
    return Average(modules, schedule.ema)
