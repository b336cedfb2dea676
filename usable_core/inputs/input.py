"""`Input`: what a model takes, pictures or texts, and how examples become its tensors.

Pictures are (N, 3, H, W) in [0, 1]. A text is a picture of one row: the numbers of its pieces
(N, 1, 1, L), the shorter ones of a batch filled up at their ends.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from torch import Tensor

from usable_core.evaluations.specs import InputKind


class Input(Protocol):
    """How examples become what a network takes."""

    @property
    def kind(self) -> InputKind:
        """Return what the examples are."""

    @property
    def values(self) -> dict[str, Any]:
        """Return its fields, for the eye."""

    @property
    def sources(self) -> dict[str, str]:
        """Return where the value of a field came from, by the field's name."""

    @property
    def window(self) -> int:
        """Return how many examples are worth reading ahead, so that alike ones go together."""

    @property
    def identity(self) -> str:
        """Return what tells it from another way of preparing the same examples."""

    def read(self, example: Any) -> Tensor:  # noqa: ANN401 - a picture or a text
        """Return an example as it is kept: uint8 (3, H, W), or int64 (1, 1, L).

        Raises:
            ExampleRefused: it cannot be used.
        """

    def stack(self, examples: Sequence[Tensor]) -> Tensor:
        """Return kept examples as one batch (N, …)."""

    def normalise(self, x: Tensor) -> Tensor:
        """Return what the network itself is given of a batch."""

    def blank(self, count: int) -> Tensor:
        """Return examples (count, …) that show nothing, to take the time with."""

    def trial(self) -> Tensor:
        """Return two examples (2, …) that have little in common."""
