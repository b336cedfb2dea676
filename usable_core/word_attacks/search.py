"""A greedy search for the fewest swaps of words that change a model's answer.

Each step tries some swaps of words that are not yet changed, written out and cut into pieces anew,
and keeps the worst of them. So it goes through every number of changed words, and one search gives
the whole curve over the share of words, and each text's smallest share.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from usable_core.attacks.losses import log_odds
from usable_core.catalog import implementation
from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.text_attacks import KNOWN
from usable_core.word_attacks.asking import Asking
from usable_core.word_attacks.proposals import ByAnswers, ByGradient, Proposing, Swap
from usable_core.word_attacks.swaps import Swaps
from usable_core.word_attacks.written import Written

_FUTILE = 2  # steps of a text that may raise no loss, before it is given up
_AT_ONCE = 4  # swaps of a text that are asked about together


@dataclass(frozen=True, eq=False)
class Attacked:
    """A text that a model answers rightly.

    Attributes:
        written: It.
        label: Its class.
        loss: Of the clean text.
        seed: Of what is drawn for it.
    """

    written: Written
    label: int
    loss: float
    seed: int


@dataclass(frozen=True, eq=False)
class Success:
    """What changes an answer.

    Attributes:
        written: The text.
        changed: How many of its words are others.
        prediction: The answer.
        asked: Texts that were asked about by then.
    """

    written: Written
    changed: int
    prediction: int
    asked: int


@dataclass(eq=False)
class Lane:
    """A text on its way.

    Attributes:
        now: The worst text so far.
        label: The class that it is to lose.
        loss: Log odds of another class.
        most: How many words may change.
        draw: What is drawn for it.
        changed: The places of its changed words.
        tried: Swaps that did not make it worse, since it last changed.
        futile: Steps of which that is so.
        order: Places that are left, where a search goes through them in an order of its own.
        asked: Texts that were asked about.
    """

    now: Written
    label: int
    loss: float
    most: int
    draw: np.random.Generator
    changed: set[int] = field(default_factory=set)
    tried: set[Swap] = field(default_factory=set)
    futile: int = 0
    order: list[int] | None = None
    asked: int = 0

    @property
    def is_over(self) -> bool:
        """Tell whether nothing more may change."""
        return len(self.changed) >= self.most or self.futile > _FUTILE


@dataclass(frozen=True, eq=False)
class _Tried:
    """A text with one more word swapped.

    Attributes:
        written: It.
        place: Of the word.
        loss: Log odds of another class than the text's own.
        answer: The model's.
        is_wrong: Whether it is another class than the text's own.
    """

    written: Written
    place: int
    loss: float
    answer: int
    is_wrong: bool

    @property
    def rank(self) -> tuple[bool, float]:
        """Return what is larger for what is worse."""
        return self.is_wrong, self.loss


def swaps_of(spec: AttackSpec) -> Swaps:
    """Return what an attack swaps words for."""
    swaps: Swaps = implementation(KNOWN[spec.name].function)
    return swaps


def search(
    asking: Asking, spec: AttackSpec, texts: Sequence[Attacked], most: Sequence[int]
) -> list[Success | None]:
    """Return the first success of an attack on each text; None where there is none.

    Args:
        asking: The model.
        spec: The attack.
        texts: They (N,).
        most: How many words of each may change (N,).
    """
    kind = ByGradient if KNOWN[spec.name].is_gradient_based else ByAnswers
    propose: Proposing = kind(asking, swaps_of(spec), spec.steps)
    found: list[Success | None] = [None] * len(texts)
    lanes = {
        row: Lane(t.written, t.label, t.loss, k, _draw(t, spec))
        for row, (t, k) in enumerate(zip(texts, most, strict=True))
    }
    while lanes := {row: lane for row, lane in lanes.items() if not lane.is_over}:
        proposals = propose(list(lanes.values()))
        tried = dict(zip(lanes, proposals, strict=True))
        lanes = {row: lane for row, lane in lanes.items() if tried[row]}
        for row, success in _step(asking, lanes, tried).items():
            found[row] = success
            del lanes[row]
    return found


def _draw(text: Attacked, spec: AttackSpec) -> np.random.Generator:
    """Return what is drawn for a text under an attack, the same in any company."""
    key = [text.seed & 0xFFFFFFFF, text.seed >> 32, spec.steps, *spec.name.encode()]
    return np.random.default_rng(key)


def _step(
    asking: Asking, lanes: dict[int, Lane], tried: dict[int, list[Swap]]
) -> dict[int, Success]:
    """Try swaps of every text, keep the worst of each, and return those that changed an answer.

    A few are tried at a time: once one changes the answer, no other does it with fewer words.
    """
    worst: dict[int, _Tried] = {}
    for start in range(0, max(map(len, tried.values()), default=0), _AT_ONCE):
        parts = {
            row: swaps[start : start + _AT_ONCE]
            for row, swaps in tried.items()
            if row in lanes and not (row in worst and worst[row].is_wrong)
        }
        for row, one in _answered(asking, lanes, parts):
            lanes[row].asked += 1
            if row not in worst or one.rank > worst[row].rank:
                worst[row] = one
    found = {}
    for row, lane in lanes.items():
        best = worst.get(row)
        if best is not None and best.is_wrong:
            found[row] = Success(best.written, len(lane.changed) + 1, best.answer, lane.asked)
        elif best is not None and best.loss > lane.loss:
            lane.now, lane.loss = best.written, best.loss
            lane.changed.add(best.place)
            lane.tried.clear()
        else:
            lane.tried.update(tried[row])
            lane.futile += 1
    return found


def _answered(
    asking: Asking, lanes: dict[int, Lane], swaps: dict[int, list[Swap]]
) -> list[tuple[int, _Tried]]:
    """Return what becomes of texts with swaps, but for those that would be no word or unread."""
    pairs = [
        (row, place, text)
        for row, own in swaps.items()
        for place, word in own
        if (text := lanes[row].now.swapped(place, word)).stands(place) and asking.reads(text.text)
    ]
    logits = asking.logits([text.text for *_, text in pairs])
    labels = torch.tensor([lanes[row].label for row, *_ in pairs], dtype=torch.int64)
    losses, answers = log_odds(logits, labels, labels).tolist(), logits.argmax(1).tolist()
    return [
        (row, _Tried(text, place, loss, answer, answer != lanes[row].label))
        for (row, place, text), loss, answer in zip(pairs, losses, answers, strict=True)
    ]
