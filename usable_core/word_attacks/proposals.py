"""Which swaps a search tries next: those that gradients promise most of, or by words left out."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.attacks.losses import log_odds
from usable_core.inputs.tokens import Tokens
from usable_core.word_attacks.asking import Asking
from usable_core.word_attacks.swaps import Swaps

if TYPE_CHECKING:
    from usable_core.word_attacks.search import Lane

Swap = tuple[int, str]  # the place of a word, and what it is swapped for


class Proposing(Protocol):
    """What a search asks for swaps."""

    def __call__(self, lanes: "Sequence[Lane]") -> list[list[Swap]]:
        """Return what to try for each text; nothing where there is no more."""


@dataclass(frozen=True, eq=False)
class Cut:
    """Words as a tokenizer cuts them.

    Attributes:
        words: They (C,).
        pieces: Numbers of their pieces, one word after the other.
        starts: Where the pieces of each word begin (C,).
        lengths: How many pieces each has (C,).
    """

    words: tuple[str, ...]
    pieces: NDArray[np.int64]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]


@functools.lru_cache(maxsize=2**15)
def cut(words: tuple[str, ...], takes: Tokens, *, is_after_space: bool) -> Cut:
    """Return words cut into pieces, each as if it stood alone."""
    texts = [f" {word}" for word in words] if is_after_space else list(words)
    found = [e.ids for e in takes.tokenizer.encode_batch(texts, add_special_tokens=False)]
    kept = [i for i, ids in enumerate(found) if ids and max(ids) < takes.known]
    lengths = np.array([len(found[i]) for i in kept], dtype=np.int64)
    pieces = np.array([piece for i in kept for piece in found[i]], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    return Cut(tuple(words[i] for i in kept), pieces, starts, lengths)


class ByGradient:
    """The pairs of a place and a word that raise the loss most to first order (HotFlip).

    Of a word of several pieces the mean of their embeddings counts.
    Reference: Ebrahimi et al. 2018, arXiv:1712.06751.
    """

    def __init__(self, asking: Asking, swaps: Swaps, width: int) -> None:
        self._asking, self._swaps, self._width = asking, swaps, width

    def __call__(self, lanes: "Sequence[Lane]") -> list[list[Swap]]:
        """Return the `width` best swaps for each text that were not tried since it changed."""
        gradients = self._asking.word_gradients(
            [lane.now for lane in lanes], torch.tensor([lane.label for lane in lanes])
        )
        return [self._best(*pair) for pair in zip(lanes, gradients, strict=True)]

    def _best(self, lane: "Lane", gradients: Tensor) -> list[Swap]:
        """Return the best swaps of words with gradients (W, D)."""
        found: list[tuple[float, int, str]] = []
        choices = self._choices(lane)
        promised, number = self._promised(gradients, choices)
        for place, (own, new) in choices.items():
            gains = promised[place, number[new.pieces]]
            gains = np.add.reduceat(gains, new.starts) / new.lengths
            gains -= promised[place, number[own.pieces]].mean()
            most = self._width + len(lane.tried)
            best = np.argpartition(-gains, most - 1)[:most] if most < len(gains) else slice(None)
            rows = np.arange(len(gains))[best]
            found += [(float(-gains[row]), place, new.words[row]) for row in rows]
        swaps = [(place, word) for _, place, word in sorted(found)]
        return [swap for swap in swaps if swap not in lane.tried][: self._width]

    def _choices(self, lane: "Lane") -> dict[int, tuple[Cut, Cut]]:
        """Return each word that may still be swapped, by its place, and what for."""
        takes, found = self._asking.takes, {}
        for place, word in enumerate(lane.now.words):
            others = self._swaps(word, takes) if place not in lane.changed else ()
            is_after_space = lane.now.is_after_space(place)
            own = cut((word,), takes, is_after_space=is_after_space)
            new = cut(others, takes, is_after_space=is_after_space)
            if new.words and own.words:
                found[place] = own, new
        return found

    def _promised(
        self, gradients: Tensor, choices: dict[int, tuple[Cut, Cut]]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return what pieces promise at each place (W, P), and which column each piece has."""
        table = cast(Tensor, self._asking.table.weight).detach()
        is_used = np.zeros(len(table), dtype=bool)
        for own, new in choices.values():
            is_used[own.pieces] = is_used[new.pieces] = True
        used = torch.from_numpy(np.flatnonzero(is_used)).to(table.device)
        promised = gradients.to(table) @ table[used].T
        return promised.float().cpu().numpy(), np.cumsum(is_used) - 1


class ByAnswers:
    """Words in the order of what the answer loses without them; for each, swaps by lot.

    Reference: Jin et al. 2020, arXiv:1907.11932 (its ranking of words).
    """

    def __init__(self, asking: Asking, swaps: Swaps, width: int) -> None:
        self._asking, self._swaps, self._width = asking, swaps, width

    def __call__(self, lanes: "Sequence[Lane]") -> list[list[Swap]]:
        """Return swaps of the next word of each text."""
        self._rank([lane for lane in lanes if lane.order is None])
        found = []
        for lane in lanes:
            swaps: list[Swap] = []
            while lane.order and not swaps:
                place = lane.order.pop(0)
                others = self._swaps(lane.now.words[place], self._asking.takes)
                drawn = lane.draw.permutation(len(others))[: self._width]
                swaps = [(place, others[i]) for i in sorted(drawn.tolist())]
            found.append(swaps)
        return found

    def _rank(self, lanes: "Sequence[Lane]") -> None:
        """Order the words of texts that can be swapped."""
        takes = self._asking.takes
        places = [
            (lane, place)
            for lane in lanes
            for place, word in enumerate(lane.now.words)
            if self._swaps(word, takes)
        ]
        texts = [lane.now.without(place) for lane, place in places]
        labels = torch.tensor([lane.label for lane, _ in places], dtype=torch.int64)
        losses = log_odds(self._asking.logits(texts), labels, labels).tolist()
        for lane in lanes:
            own = [(-loss, at) for (of, at), loss in zip(places, losses, strict=True) if of is lane]
            lane.asked += len(own)
            lane.order = [place for _, place in sorted(own)]
