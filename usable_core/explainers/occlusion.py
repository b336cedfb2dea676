"""Occlusion: what the logit loses when a window that slides over the image is hidden."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution, of_class
from usable_core.games.game import Game
from usable_core.metrics.arrays import Floats, Masks

# Of the shorter side: a smaller window hides too little to change what a network sees.
_LEAST_WINDOW = 1 / 8


@dataclass(frozen=True)
class Windows:
    """Squares of `side` pixels, `stride` apart, that cover an image; the last ones are cut.

    Attributes:
        side: Of a window, in pixels.
        stride: From one to the next, in pixels.
        rows: Which rows of pixels each window down the image covers (A, H).
        columns: Which columns each window across the image covers (B, W).
    """

    side: int
    stride: int
    rows: Masks
    columns: Masks

    @property
    def count(self) -> int:
        """Return their number, A · B."""
        return len(self.rows) * len(self.columns)

    def visible(self) -> Masks:
        """Return the rows and columns (A · B, H + W) that each window leaves visible."""
        rows = np.repeat(self.rows, len(self.columns), axis=0)
        columns = np.tile(self.columns, (len(self.rows), 1))
        return ~np.concatenate([rows, columns], axis=1)

    def mean_over(self, losses: Floats) -> Floats:
        """Return the mean (H, W) of the losses (A · B,) of the windows that cover a pixel."""
        rows, columns = self.rows.astype(np.float64), self.columns.astype(np.float64)
        sums = rows.T @ losses.reshape(len(rows), len(columns)) @ columns
        return np.asarray(sums / np.outer(rows.sum(0), columns.sum(0)))


def windows(height: int, width: int, most: int) -> Windows:
    """Return at most `most` windows over an image: an eighth of its shorter side, or larger.

    They overlap by half or more: the stride is the smallest that keeps to the number.
    """
    least = max(1, round(min(height, width) * _LEAST_WINDOW))
    for stride in range(1, max(height, width) + 1):
        side = min(max(2 * stride, least), height, width)
        if stride > side:  # of a text, whose windows are single words, or a very narrow picture
            needed = math.ceil(max(height, width) / side) + 1
            raise ExplanationError(
                f"Occlusion hides every part once, which takes {needed} evaluations here, and only "
                f"{most + 1} are given. Give as many."
            )
        found = Windows(side, stride, _spans(height, side, stride), _spans(width, side, stride))
        if found.count <= most:
            return found
    raise ValueError(f"at least one window is needed, not {most}")


def explain(game: Game, target: int, options: ExplainerOptions) -> Attribution:
    """Return, for each pixel, the mean loss of a class's logit over the windows that hide it.

    Windows of the picture are the players; more `evaluations` make them denser.

    Reference: Zeiler & Fergus 2014, arXiv:1311.2901.
    """
    height, width = game.players.shape
    over = windows(height, width, options.evaluations - 1)  # one is spent on the image itself

    def places(visible: Tensor) -> Tensor:  # (N, H + W) to (N, H, W)
        return visible[:, :height, None] | visible[:, None, height:]

    whole = np.ones((1, height + width), np.bool_)
    logits = game.ask(np.concatenate([whole, over.visible()]), places)
    outputs = of_class(logits, target, "logit")
    return Attribution(
        values=over.mean_over(outputs[0] - outputs[1:]).astype(np.float32), output=float(outputs[0])
    )


def _spans(length: int, side: int, stride: int) -> Masks:
    """Return which of `length` pixels each window along one direction covers (K, length)."""
    starts = stride * np.arange(math.ceil((length - side) / stride) + 1)[:, None]
    pixels = np.arange(length)
    return np.asarray((starts <= pixels) & (pixels < starts + side))
