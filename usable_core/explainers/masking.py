"""`Masked`: an image with parts hidden, shown to a model; no question is put twice."""

import hashlib
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.evaluations.specs import Report, silent
from usable_core.explainers.backgrounds import Hiding, hiding
from usable_core.explainers.scoring import Scorer
from usable_core.models.model import Model

# The model's logits (classes,) by a digest of what stays visible. Kept between the maps of one
# image, model, background and superpixels, so that none asks again, whatever the class or method.
Known = dict[bytes, NDArray[np.float32]]


class Masked:
    """The logits for one image of which each row of booleans says what stays."""

    def __init__(
        self,
        scorer: Scorer,
        hiding: Hiding,
        places: Callable[[Tensor], Tensor],
        known: Known | None = None,
    ) -> None:
        """Set what is shown.

        Args:
            scorer: Asks the model.
            hiding: The image, and what its hidden parts show.
            places: Rows (N, K) of what stays to pixels (N, H, W), booleans on the model's device.
            known: Answers from before, to which the new ones are added.
        """
        self._scorer, self._hiding, self._places = scorer, hiding, places
        self._known = {} if known is None else known

    def __call__(self, rows: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the logits (N, classes) where rows (N, K) say what stays.

        Raises:
            ExplanationError: an output is not finite.
            Cancelled: through the scorer's report; what is known by then stays known.
        """
        salt = self._salt(rows.shape[1])
        packed = np.packbits(rows, axis=1)
        keys = [hashlib.blake2b(row, digest_size=16, salt=salt).digest() for row in packed]
        new = list({key: i for i, key in enumerate(keys) if key not in self._known}.values())
        self._scorer.count(len(keys) - len(new))
        stays = torch.from_numpy(rows[new]).to(self._scorer.device)

        def images(part: slice) -> Tensor:
            return self._hiding(self._places(stays[part]))

        for part, logits in self._scorer.logits(len(new), images):
            self._known.update(zip((keys[i] for i in new[part]), logits, strict=True))
        return np.stack([self._known[key] for key in keys])

    def _salt(self, length: int) -> bytes:
        """Return what tells rows of superpixels, of pixels and of windows apart: 16 bytes.

        Rows of as many bytes say different things where they are of other places, so one row of
        each length stands for what rows become.
        """
        row = np.random.default_rng(0).random((1, length)) < 0.5
        stays = self._places(torch.from_numpy(row).to(self._scorer.device))
        seen = np.packbits(stays.cpu().numpy()).tobytes() + str(length).encode()
        return hashlib.blake2b(seen, digest_size=16).digest()


def asked(
    model: Model,
    x: Tensor,
    masks: NDArray[np.bool_],
    options: ExplainerOptions,
    segments: NDArray[np.int32],
    report: Report = silent,
    known: Known | None = None,
) -> tuple[NDArray[np.float32], Scorer]:
    """Return the logits (N, classes) where rows of masks (N, S) say which superpixels stay.

    Args:
        model: Pixels to logits.
        x: Image (3, H, W) in [0, 1].
        masks: Which superpixels stay.
        options: Its background is what hidden superpixels show.
        segments: Superpixels (H, W) from 0.
        report: Told the progress; raises `Cancelled`.
        known: Answers from before, to which the new ones are added.

    Returns:
        The logits, and who asked for them.
    """
    scorer = Scorer(model, len(masks), report, options.precision)
    hidden = hiding(x, options.background, segments, device=scorer.device)
    places = torch.from_numpy(segments.astype(np.int64)).to(scorer.device)
    return Masked(scorer, hidden, lambda rows: rows[:, places], known)(masks), scorer
