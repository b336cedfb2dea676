"""`Forward`: the pass of a network in its training, as it is or compiled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

Pass = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Choice:
    """Whether steps are compiled.

    Attributes:
        is_compiled: They are.
        said: What a reader must know of it; empty where there is nothing.
    """

    is_compiled: bool = False
    said: str = ""


class Forward:
    """The pass of a network in its training.

    Compiled is a callable beside the network: its state, its validation and its gradients by
    pixels are those of the network as it is. So are passes of another shape, such as a last small
    batch, for which compiling would take as long again.

    Attributes:
        choice: Whether passes of one shape are compiled.
    """

    def __init__(self, network: nn.Module) -> None:
        """Take the network as it is."""
        self.choice = Choice()
        self._network, self._shape = network, cast(torch.Size | None, None)
        self._pass: Pass = network

    def __call__(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of normalised examples x, in whatever mode the network is."""
        self._shape = self._shape or x.shape
        logits: Tensor = (self._pass if x.shape == self._shape else self._network)(x)
        return logits

    def compile(self) -> None:
        """Have passes compiled that are of the shape of the next one."""
        self.choice = Choice(is_compiled=True)
        self._pass, self._shape = compiled(self._network), None

    def leave(self, said: str) -> None:
        """Have no pass compiled, for a reason."""
        self.choice, self._pass = Choice(said=said), self._network


def compiled(network: nn.Module) -> Pass:
    """Return a network's pass, compiled whole when it is first called.

    A later call that the code does not fit is one of the network as it is: nothing is compiled, and
    nothing can fail, in the middle of a training.
    """
    torch.compiler.reset()  # code of trainings before counts against the limit of this one's
    call = torch.compile(network, fullgraph=True, dynamic=False)
    is_known = False

    def known(x: Tensor) -> Tensor:
        nonlocal is_known
        with torch.compiler.set_stance("eager_on_recompile" if is_known else "default"):
            logits: Tensor = call(x)
        is_known = True
        return logits

    return known
