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
    """Try swaps of every text, keep the worst of each, and return those that changed an answer."""
    pairs = []
    for row, lane in lanes.items():
        for swap in tried[row]:
            text = lane.now.swapped(*swap)
            if text.stands(swap[0]) and asking.reads(text.text):
                pairs.append((row, swap, text))
    logits = asking.logits([text.text for *_, text in pairs])
    labels = torch.tensor([lanes[row].label for row, *_ in pairs], dtype=torch.int64)
    losses = log_odds(logits, labels, labels).tolist()
    answers = logits.argmax(1).tolist()
    worst: dict[int, int] = {}
    for number, (row, *_) in enumerate(pairs):
        lanes[row].asked += 1
        is_wrong = answers[number] != lanes[row].label
        best = worst.get(row, number)
        rank = (is_wrong, losses[number])
        if best == number or rank > (answers[best] != lanes[row].label, losses[best]):
            worst[row] = number
    found = {}
    for row, lane in lanes.items():
        number = worst.get(row, -1)
        if number >= 0 and answers[number] != lane.label:
            text, changed = pairs[number][2], len(lane.changed) + 1
            found[row] = Success(text, changed, answers[number], lane.asked)
        elif number >= 0 and losses[number] > lane.loss:
            _, (place, _), lane.now = pairs[number]
            lane.loss = losses[number]
            lane.changed.add(place)
            lane.tried.clear()
        else:
            lane.tried.update(tried[row])
            lane.futile += 1
    return found
