"""Networks of which nothing but the logits is seen: exported programs, and black boxes.

A program is asked within the bounds of the batch that it states. A black box is what torch does not
run: it has no gradients either.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from usable_core.inputs.tokens import PADDING
from usable_core.models.outputs import Place


class BlackBox(nn.Module):
    """A function from images to logits that torch cannot look into or differentiate.

    Attributes:
        title: What sentences call it: `an ONNX graph`.
        parameter_count: How many numbers it learned; 0 where nobody knows.
    """

    def __init__(
        self,
        function: Callable[[Tensor], Tensor],
        *,
        title: str,
        identity: str,
        parameter_count: int = 0,
    ) -> None:
        """Keep a function.

        Args:
            function: Images (N, 3, H, W), normalised, on the CPU, to logits (N, classes).
            title: What sentences call it.
            identity: What tells it from every other function, such as a file's SHA-256.
            parameter_count: How many numbers it learned; 0 where nobody knows.
        """
        super().__init__()
        self.title, self.parameter_count = title, parameter_count
        self._function, self._identity = function, identity

    def __deepcopy__(self, memo: dict[int, object]) -> "BlackBox":
        """Return itself: nothing in it ever changes, and sessions cannot be copied."""
        return self

    def extra_repr(self) -> str:
        """Return what tells it from other black boxes."""
        return self._identity

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, 3, H, W); no gradient goes back to them."""
        return self._function(x.detach().cpu()).to(x.device)


class Program(nn.Module):
    """A program that takes batches of certain sizes only, or returns more than logits.

    Batches that are too large are divided, those that are too small are filled up with their last
    image, whose further answers are dropped.
    """

    def __init__(
        self,
        program: nn.Module,
        *,
        least: int = 1,
        most: int | None = None,
        place: Place = (),
    ) -> None:
        """Keep a program.

        Args:
            program: Images (N, 3, H, W) to what it returns; fixed in the mode of its export.
            least: Images that it takes at once, at least.
            most: At most; None for any number.
            place: Where the logits are in what it returns, see `outputs.place_of_logits`.
        """
        super().__init__()
        self.program, self.least, self.most, self.place = program, least, most, place

    def train(self, mode: bool = True) -> "Program":
        """Set the flag alone: programs have no modes and refuse to be asked."""
        self.training = mode
        return self

    def extra_repr(self) -> str:
        """Return what tells it from the same program in other bounds."""
        return f"least={self.least}, most={self.most}, place={self.place}"

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, 3, H, W)."""
        parts = -(-len(x) // self.most) if self.most and len(x) else 1
        return torch.cat([self._logits(part) for part in x.tensor_split(parts)])

    def _logits(self, x: Tensor) -> Tensor:
        missing = max(self.least - len(x), 0)
        output = self.program(torch.cat([x, x[-1:].expand(missing, -1, -1, -1)]) if missing else x)
        for key in self.place:
            output = output[key]
        logits: Tensor = output.flatten(1) if output.ndim > 1 else output[:, None]
        return logits[: len(x)]  # (N,), (N, C) or (N, C, 1, 1) -> (N, C)


class FromPieces(nn.Module):
    """A program of `input_ids` and `attention_mask`, for texts as models take them."""

    def __init__(self, program: nn.Module) -> None:
        """Keep a program of pieces (N, L) and their mask (N, L)."""
        super().__init__()
        self.program = program

    def extra_repr(self) -> str:
        """Return the program's code."""
        return structure(self.program)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of texts (N, 1, 1, L), the shorter ones filled up."""
        logits: Tensor = self.program(*pieces_of(x.flatten(1)))
        return logits


def pieces_of(ids: Tensor) -> tuple[Tensor, Tensor]:
    """Return pieces (N, L) and their mask (N, L) of texts (N, L) that `PADDING` fills up."""
    is_text = ids != PADDING
    return torch.where(is_text, ids, 0), is_text.long()


def structure(network: nn.Module) -> str:
    """Return the code of a program, or the layers of any other network."""
    if isinstance(network, Program):
        return f"{network.extra_repr()} {structure(network.program)}"
    return str(network.code) if isinstance(network, torch.fx.GraphModule) else repr(network)


def is_program(network: nn.Module) -> bool:
    """Tell whether a network is a fixed program, which shows its logits and nothing else."""
    return isinstance(network, (torch.fx.GraphModule, Program, BlackBox))


def black_box(network: nn.Module) -> BlackBox | None:
    """Return the black box that a network is or holds; None where gradients go all the way back."""
    return next((m for m in network.modules() if isinstance(m, BlackBox)), None)
