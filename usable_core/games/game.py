"""`Game`: the parts of an input are players, and a coalition is paid the model's logits.

No coalition is put to the model twice. What an input is, and what it shows where parts of it are
hidden, is not known here.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.errors import ExplanationError
from usable_core.evaluations.specs import Report, silent
from usable_core.metrics.arrays import Masks, Segments, Values

Logits = Values
# The logits (classes,) by a digest of what stays visible. Kept between the maps of one input, model
# and background, so that none asks again, whatever the class or method.
Answers = dict[bytes, Logits]


@dataclass
class Budget:
    """Counts the evaluations of a map, those whose answers were remembered among them.

    Attributes:
        planned: Evaluations until the end.
        report: Told how many are done; raises `Cancelled`.
        spent: Evaluations so far.
    """

    planned: int
    report: Report = silent
    spent: int = 0

    def __call__(self, images: int) -> None:
        """Take note of images that are answered."""
        self.spent += images
        self.report(min(self.spent, self.planned), self.planned, "Explaining")

    def end(self) -> None:
        """Tell that no more are needed."""
        self.report(self.planned, self.planned, "Explaining")


class Game:
    """The logits for one input of which each row of booleans says who stays.

    Attributes:
        oracle: Asks the model.
        players: Player (…) from 0 of each place of the input, such as (H, W) of a picture.
        count: Number of players S.
        budget: Counts what is asked.
    """

    def __init__(
        self,
        oracle: Oracle,
        hide: Callable[[Tensor], Tensor],
        players: Segments,
        *,
        answers: Answers | None = None,
        budget: Budget | None = None,
    ) -> None:
        """Set what is played.

        Args:
            oracle: Asks the model.
            hide: Places (N, …) bool that stay visible to what the model is shown (N, …).
            players: Player of each place, from 0 without holes.
            answers: What is known from before, to which new answers are added.
            budget: Told of every answer.
        """
        self.oracle, self.players, self.count = oracle, players, int(players.max()) + 1
        self.budget = Budget(0) if budget is None else budget
        self._hide, self._answers = hide, {} if answers is None else answers
        self._numbers = torch.from_numpy(players.astype(np.int64)).to(oracle.device)
        self._salts: dict[object, bytes] = {}

    def ask(self, masks: Masks, places: Callable[[Tensor], Tensor] | None = None) -> Logits:
        """Return the logits (N, classes) where rows say who stays.

        Args:
            masks: Rows (N, K), of players (K = S) unless `places` says otherwise.
            places: Rows (N, K) to the places (N, …) that stay: other players than the game's own,
                such as windows. The same function for the same players.

        Raises:
            OutputsRefused: the outputs are not those of a classifier.
            ExplanationError: a logit is −infinity.
            Cancelled: through the progress; what is known by then stays known.
        """
        places = places or self._own_places
        salt = self._salt(places, masks.shape[1])
        packed = np.packbits(masks, axis=1)
        keys = [hashlib.blake2b(row, digest_size=16, salt=salt).digest() for row in packed]
        new = list({key: i for i, key in enumerate(keys) if key not in self._answers}.values())
        self.budget(len(keys) - len(new))
        stays = torch.from_numpy(masks[new]).to(self.oracle.device)
        stream = self.oracle.stream(len(new), lambda part: self._hide(places(stays[part])))
        for part, answered in stream:
            logits = finite(answered.cpu().numpy())
            self._answers.update(zip((keys[i] for i in new[part]), logits, strict=True))
            self.budget(len(logits))
        return np.stack([self._answers[key] for key in keys])

    def _own_places(self, rows: Tensor) -> Tensor:
        return rows[:, self._numbers]

    def _salt(self, places: Callable[[Tensor], Tensor], length: int) -> bytes:
        """Return what tells rows of superpixels, of pixels and of windows apart: 16 bytes.

        Rows of as many bytes say different things where they are of other players, so one row
        stands for what rows become.
        """
        if places not in self._salts:
            row = np.random.default_rng(0).random((1, length)) < 0.5
            stays = places(torch.from_numpy(row).to(self.oracle.device))
            seen = np.packbits(stays.cpu().numpy()).tobytes() + str(length).encode()
            self._salts[places] = hashlib.blake2b(seen, digest_size=16).digest()
        return self._salts[places]


def neighbours(players: Segments) -> Masks:
    """Return which players touch (S, S), each itself as well, of those at places (…)."""
    count = int(players.max()) + 1
    found = np.eye(count, dtype=bool)
    for axis in range(players.ndim):
        along = np.moveaxis(players, axis, 0)
        one, other = along[1:].ravel(), along[:-1].ravel()
        found[one, other] = found[other, one] = True
    return found


def finite(logits: Logits) -> Logits:
    """Return logits as they are.

    Raises:
        ExplanationError: one is not a finite number.
    """
    if not np.isfinite(logits).all():
        raise ExplanationError(
            "The model should answer with finite numbers, but gives NaN or infinity on parts of "
            "this image. Check the model's weights, or choose another model."
        )
    return logits
