"""Lanes: examples under attack at the same time, a column of values (L, …) per name.

Every attack finds these columns and adds its own in `begin`:
    x: clean images; y: true classes; target: class aimed at (−1: none); epsilon: budgets;
    seed, restart: what randomness starts from; start: images to begin with (x itself: none known);
    step: questions asked so far; query: images to ask about next;
    best, best_loss: the worst image so far inside the budget.
An attack that leaves the budget keeps the size of each query's perturbation in `distance`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from usable_core.attacks.oracle import Oracle

Lanes = dict[str, Tensor]


@dataclass(frozen=True)
class Answer:
    """What the model said to the queries.

    Attributes:
        logits: (L, classes).
        loss: The attack's loss (L,).
        gradient: Of the loss (L, 3, H, W); the queries themselves for attacks that need none.
        is_fooled: Whether the answer is what the attack wants, inside the budget (L,).
        is_better: Whether the loss is the highest so far inside the budget (L,).
    """

    logits: Tensor
    loss: Tensor
    gradient: Tensor
    is_fooled: Tensor
    is_better: Tensor


class Attack(Protocol):
    """One attack with its settings; the state of its examples is in the lanes.

    Attributes:
        gradient_steps: How many of a lane's questions want the gradient of the loss; 0 for none.
        runs: (restart, target rank) of each independent run over one example; rank −1: no target.
    """

    @property
    def gradient_steps(self) -> int:
        """How many of a lane's questions want the gradient of the loss."""

    @property
    def runs(self) -> Sequence[tuple[int, int]]:
        """(restart, target rank) of each independent run; −1: no target."""

    def begin(self, lanes: Lanes) -> None:
        """Add the attack's columns to new lanes, `query` among them."""

    def loss(self, logits: Tensor, lanes: Lanes) -> Tensor:
        """Return what is to be raised (L,)."""

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """Set `query` from the answer and return which lanes have nothing left to ask (L,)."""


def take(lanes: Lanes, rows: Tensor) -> Lanes:
    """Return the lanes at `rows` (indices or mask)."""
    return {name: column[rows] for name, column in lanes.items()}


def join(first: Lanes, second: Lanes) -> Lanes:
    """Return all lanes of both."""
    if not first:
        return second
    return {name: torch.cat([column, second[name]]) for name, column in first.items()}


class Pool:
    """The lanes of one attack: ask, let it move, and hand out those that are over."""

    def __init__(self, attack: Attack, oracle: Oracle, *, stops: bool = True) -> None:
        self.attack = attack
        self.lanes: Lanes = {}
        self._oracle = oracle
        self._stops = stops

    def __len__(self) -> int:
        return len(self.lanes["y"]) if self.lanes else 0

    def add(self, lanes: Lanes) -> None:
        """Begin with new lanes."""
        count = len(lanes["y"])
        lanes["step"] = torch.zeros(count, dtype=torch.int64, device=lanes["y"].device)
        lanes["best"] = lanes["x"]
        lanes["best_loss"] = lanes["x"].new_full((count,), -torch.inf)
        self.attack.begin(lanes)
        self.lanes = join(self.lanes, lanes)

    def keep(self, rows: Tensor) -> None:
        """Give up all other lanes."""
        if not bool(rows.all()):
            self.lanes = take(self.lanes, rows)

    def step(self) -> Lanes:
        """Ask once for every lane; return those that are over, with `is_fooled` and last `loss`."""
        lanes = self.lanes
        answer = self._ask(lanes)
        better = answer.is_better | answer.is_fooled
        if bool(better.all()):
            lanes["best"], lanes["best_loss"] = lanes["query"], answer.loss
        elif bool(better.any()):
            lanes["best"] = torch.where(better.view(-1, 1, 1, 1), lanes["query"], lanes["best"])
            lanes["best_loss"] = torch.where(better, answer.loss, lanes["best_loss"])
        is_over = self.attack.advance(lanes, answer)
        lanes["step"] += 1
        if self._stops:
            is_over = is_over | answer.is_fooled
        if not bool(is_over.any()):
            return {}
        over = take(lanes, is_over)
        over["is_fooled"], over["loss"] = answer.is_fooled[is_over], answer.loss[is_over]
        self.lanes = take(lanes, ~is_over)
        return over

    def _ask(self, lanes: Lanes) -> Answer:
        query = lanes["query"]
        if bool((lanes["step"] < self.attack.gradient_steps).any()):

            def loss(logits: Tensor, part: slice) -> Tensor:
                whole = part.stop - part.start == len(query)
                return self.attack.loss(logits, lanes if whole else _slice(lanes, part))

            logits, losses, gradient = self._oracle.gradient(query, loss)
        else:
            logits, gradient = self._oracle.logits(query), query
            losses = self.attack.loss(logits, lanes)
        is_fooled = logits.argmax(1) != lanes["y"]
        is_better = losses > lanes["best_loss"]
        if "distance" in lanes:  # the attack leaves the ball and says how far it went
            is_inside = lanes["distance"] <= lanes["epsilon"]
            is_fooled, is_better = is_fooled & is_inside, is_better & is_inside
        return Answer(logits, losses, gradient, is_fooled, is_better)


def _slice(lanes: Lanes, part: slice) -> Lanes:
    return {name: column[part] for name, column in lanes.items()}
