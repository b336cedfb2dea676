"""The epoch whose weights are kept, and whether it is time to stop."""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from usable_core.evaluations.schedule import Schedule


class LastEpoch:
    """All epochs are run, and the weights of the last are kept.

    Attributes:
        loss: Validation loss of the weights that would be kept now.
        is_over: Whether no further epoch is worth its time.
    """

    def __init__(self) -> None:
        self.loss, self.is_over = math.inf, False

    def end_epoch(self, loss: float) -> None:
        """Hear the validation loss of the weights as they are now."""
        self.loss = loss

    def put_back(self) -> None:
        """Give the modules the weights that are kept."""

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen so far, in tensors and numbers."""
        return {"loss": self.loss}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be where a state was taken."""
        self.loss = state["loss"]


class BestEpoch(LastEpoch):
    """Early stopping: the weights of the lowest validation loss are kept, the first of several.

    After so many epochs without a lower one it is over.

    Reference: Prechelt 1998, doi:10.1007/3-540-49430-8_3.
    """

    def __init__(self, modules: Sequence[nn.Module], patience: int) -> None:
        """Prepare.

        Args:
            modules: What is trained.
            patience: Epochs without a lower loss, from 1.
        """
        super().__init__()
        self._modules, self._patience, self._waited = modules, patience, 0
        self._best: list[dict[str, Tensor]] = []

    def end_epoch(self, loss: float) -> None:
        """Keep the weights as they are now if their loss is the lowest so far."""
        if loss < self.loss:
            self.loss, self._waited = loss, 0
            states = [module.state_dict() for module in self._modules]
            self._best = [{n: t.detach().clone() for n, t in s.items()} for s in states]
        else:
            self._waited += 1
        self.is_over = self._waited >= self._patience

    def put_back(self) -> None:
        """Give the modules the weights of the best epoch, if there is one."""
        for module, state in zip(self._modules, self._best, strict=False):
            module.load_state_dict(state)

    def state_dict(self) -> dict[str, Any]:
        """Return what was seen so far, in tensors and numbers."""
        seen = {"waited": self._waited, "best": self._best, "is_over": self.is_over}
        return super().state_dict() | seen

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be where a state was taken."""
        super().load_state_dict(state)
        self._waited, self._best, self.is_over = state["waited"], state["best"], state["is_over"]


def epoch_to_keep(modules: Sequence[nn.Module], schedule: Schedule) -> LastEpoch:
    """Return what a schedule says of stopping."""
    return LastEpoch() if schedule.patience is None else BestEpoch(modules, schedule.patience)
