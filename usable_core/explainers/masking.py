"""`Masked`: an image with parts hidden, shown to a model; no question is put twice."""

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.explainers.scoring import Scorer

# The model's answers by a digest of what stays visible. Kept between a coarse map and the full one
# of the same image, model, class, background and superpixels, so that neither asks again.
Known = dict[bytes, float]


class Masked:
    """The outputs for one image of which each row of booleans says what stays."""

    def __init__(
        self,
        scorer: Scorer,
        x: Tensor,
        hidden: Tensor,
        places: Callable[[Tensor], Tensor],
        known: Known | None = None,
    ) -> None:
        """Set what is shown.

        Args:
            scorer: Asks the model.
            x: Image (3, H, W) in [0, 1].
            hidden: What hidden parts show (3, H, W).
            places: Rows (N, K) of what stays to pixels (N, H, W), booleans on the model's device.
            known: Answers from before, to which the new ones are added.
        """
        self._scorer, self._places = scorer, places
        self._x, self._hidden = x.to(scorer.device), hidden.to(scorer.device)
        self._known = {} if known is None else known

    def __call__(self, rows: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the outputs (N,) where rows (N, K) say what stays.

        Raises:
            ExplanationError: an output is not finite.
            Cancelled: through the scorer's report; what is known by then stays known.
        """
        keys = [hashlib.blake2b(row, digest_size=16).digest() for row in np.packbits(rows, axis=1)]
        new = list({key: i for i, key in enumerate(keys) if key not in self._known}.values())
        self._scorer.count(len(keys) - len(new))
        start = 0
        while start < len(new):
            part = new[start : start + self._scorer.batch_size]
            stays = self._places(torch.from_numpy(rows[part]).to(self._scorer.device))
            outputs = self._scorer(torch.where(stays[:, None], self._x, self._hidden))
            self._known.update(zip((keys[i] for i in part), outputs.tolist(), strict=True))
            start += len(part)
        return np.array([self._known[key] for key in keys])
