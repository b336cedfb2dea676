"""Lanes: examples under attack at the same time, a column of values (L, …) per name.

Every attack finds these columns and adds its own in `begin`:
    x: clean images; y: true classes; target: class aimed at (−1: none); epsilon: budgets;
    seed, restart: what randomness starts from; start: images to begin with (x itself: none known);
    step: questions asked so far; query: images to ask about next;
    best, best_loss: the worst image so far inside the budget.
An attack that leaves the budget keeps the size of each query's perturbation in `distance`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from usable_core.attacks.oracle import Oracle

Lanes = dict[str, Tensor]

# A guess is asked ahead of its turn while at least this likely to be wanted, and so many at most.
_WANTED = 0.5
_AHEAD = 16


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


@runtime_checkable
class Guess(Protocol):
    """An attack whose next questions are known as long as none of them succeeds.

    Attributes:
        questions: How many a lane asks.
    """

    @property
    def questions(self) -> int:
        """How many questions a lane asks."""

    def propose(self, lanes: Lanes, step: Tensor) -> Tensor:
        """Return what is asked after `step` (L,) questions (L, 3, H, W), by the best so far."""


def take(lanes: Lanes, rows: Tensor) -> Lanes:
    """Return the lanes at `rows` (indices or mask)."""
    return {name: column[rows] for name, column in lanes.items()}


def join(first: Lanes, second: Lanes) -> Lanes:
    """Return all lanes of both."""
    if not first:
        return second
    return {name: torch.cat([column, second[name]]) for name, column in first.items()}


class Pool:
    """The lanes of one attack: ask, let it move, and hand out those that are over.

    Attributes:
        attack: The attack.
        lanes: Its lanes.
        room: Questions of one batch; what the lanes leave free is filled by guesses.
    """

    def __init__(self, attack: Attack, oracle: Oracle, *, stops: bool = True) -> None:
        self.attack = attack
        self.lanes: Lanes = {}
        self.room = 1
        self._success = 0.5  # how often a question succeeds, lately
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
        if isinstance(self.attack, Guess):
            answer = self._ask_ahead(lanes, self.attack)
        else:
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

    def _ask_ahead(self, lanes: Lanes, attack: Guess) -> Answer:
        """Ask the next questions of every lane together and go to the first that succeeds.

        What comes after it was built on an image that is no longer the best, and is thrown away;
        so the path is exactly that of asking one by one.
        """
        count = len(self)
        likely = int(math.log(_WANTED) / math.log(1 - min(max(self._success, 0.01), 0.99)))
        ahead = max(1, min(self.room // count, 1 + likely, _AHEAD))
        step = lanes["step"]
        asked = [lanes["query"], *(attack.propose(lanes, step + k) for k in range(ahead - 1))]
        logits = self._oracle.logits(torch.cat(asked) if ahead > 1 else asked[0])
        every = [self._judge(lanes, part) for part in logits.view(ahead, count, -1)]
        succeeds = torch.stack([a.is_better | a.is_fooled for a in every])  # (ahead, L)
        self._success += 0.1 * (float(succeeds[0].float().mean()) - self._success)
        # A path ends with its last question, whatever was asked beyond.
        last = (attack.questions - 1 - step).clamp(0, ahead - 1)
        first = torch.where(succeeds.any(0), succeeds.int().argmax(0), ahead - 1).minimum(last)
        rows = torch.arange(count, device=first.device)
        lanes["query"] = torch.stack(asked)[first, rows]
        lanes["step"] = step + first
        columns = zip(*((a.logits, a.loss, a.is_fooled, a.is_better) for a in every), strict=True)
        said, loss, is_fooled, is_better = (torch.stack(column)[first, rows] for column in columns)
        return Answer(said, loss, lanes["query"], is_fooled, is_better)

    def _ask(self, lanes: Lanes) -> Answer:
        query = lanes["query"]
        if bool((lanes["step"] < self.attack.gradient_steps).any()):

            def loss(logits: Tensor, part: slice) -> Tensor:
                whole = part.stop - part.start == len(query)
                return self.attack.loss(logits, lanes if whole else _slice(lanes, part))

            logits, losses, gradient = self._oracle.gradient(query, loss)
        else:
            return self._judge(lanes, self._oracle.logits(query))
        return self._judge(lanes, logits, losses, gradient)

    def _judge(
        self,
        lanes: Lanes,
        logits: Tensor,
        losses: Tensor | None = None,
        gradient: Tensor | None = None,
    ) -> Answer:
        losses = self.attack.loss(logits, lanes) if losses is None else losses
        is_fooled = logits.argmax(1) != lanes["y"]
        is_better = losses > lanes["best_loss"]
        if "distance" in lanes:  # the attack leaves the ball and says how far it went
            is_inside = lanes["distance"] <= lanes["epsilon"]
            is_fooled, is_better = is_fooled & is_inside, is_better & is_inside
        gradient = lanes["query"] if gradient is None else gradient
        return Answer(logits, losses, gradient, is_fooled, is_better)


def _slice(lanes: Lanes, part: slice) -> Lanes:
    return {name: column[part] for name, column in lanes.items()}
