"""`Picture`: an image and its superpixels, as the players of games."""

import functools
from dataclasses import dataclass, field

import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.games.backgrounds import Hiding, hiding
from usable_core.games.game import Answers, Budget, Game
from usable_core.games.segments import superpixels
from usable_core.metrics.arrays import Segments
from usable_core.models.model import check_pixels

# By background, and precision where that is not float32.
AnswerCache = dict[str, Answers]


@dataclass(frozen=True, eq=False)
class Picture:
    """An image as a model sees it, and all that games on it share.

    Attributes:
        x: The image (3, H, W) in [0, 1], not normalised.
        segments: Superpixel (H, W) of each pixel, from 0 without holes.
        answers: The model's answers to the image with parts hidden; of one model only.
    """

    x: Tensor
    segments: Segments
    answers: AnswerCache = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "x", check_pixels(self.x[None])[0])

    @classmethod
    def of(cls, x: Tensor, count: int) -> "Picture":
        """Return an image (3, H, W) with about `count` superpixels of its own."""
        return cls(x, superpixels(x, count))

    @functools.cached_property
    def _hidings(self) -> dict[tuple[str, torch.device], Hiding]:
        return {}

    def hiding(self, background: str, device: torch.device) -> Hiding:
        """Return the image with what stands behind its hidden parts, made once.

        Raises:
            UnknownName: no such background.
        """
        key = (background, device)
        if key not in self._hidings:
            self._hidings[key] = hiding(self.x, background, self.segments, device=device)
        return self._hidings[key]

    def game(
        self, oracle: Oracle, background: str, budget: Budget, *, precision: str = "float32"
    ) -> Game:
        """Return the game of its superpixels behind a background.

        Its answers are shared with all games of this background and precision.
        """
        key = background if precision == "float32" else f"{background}, {precision}"
        return Game(
            oracle,
            self.hiding(background, oracle.device),
            self.segments,
            answers=self.answers.setdefault(key, {}),
            budget=budget,
        )
