"""Lanes: examples under attack at the same time, row by row, each with its own budget and step.

`Pool` asks the model about all lanes of one attack together, lets the attack move them, and hands
out those that are over.
"""

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle

# A guess is asked ahead of its turn while at least this likely to be wanted, and so many at most.
_WANTED = 0.5
_AHEAD = 16


@dataclass(eq=False)
class Lanes:
    """What is attacked and how far each attack is, one row per lane.

    Attributes:
        x: Clean images (L, 3, H, W).
        y: True classes (L,).
        epsilon: Budgets (L,).
        seed: What randomness starts from (L,) int64.
        restart: Which of an example's random starts this is (L,).
        target: Class aimed at (L,), −1 for none.
        start: Images to begin with (L, 3, H, W); x itself where none is known.
        trial: Whose lane it is (L,).
        query: Images to ask about next (L, 3, H, W).
        step: Questions asked so far (L,).
        best: The worst image so far inside the budget (L, 3, H, W).
        best_loss: Its loss (L,).
        distance: Size of each query's perturbation (L,), from attacks that leave the budget.
        state: What the attack keeps for itself, a column (L, …) per name.
    """

    x: Tensor
    y: Tensor
    epsilon: Tensor
    seed: Tensor
    restart: Tensor
    target: Tensor
    start: Tensor
    trial: Tensor
    query: Tensor = field(init=False)
    step: Tensor = field(init=False)
    best: Tensor = field(init=False)
    best_loss: Tensor = field(init=False)
    distance: Tensor | None = field(init=False, default=None)
    state: dict[str, Tensor] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.query = self.best = self.x
        self.step = torch.zeros_like(self.trial)
        self.best_loss = self.x.new_full((len(self.y),), -torch.inf)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Tensor | slice) -> "Lanes":
        """Return the lanes at `rows` (indices, mask or slice)."""
        taken = copy.copy(self)
        for name, column in self._columns().items():
            setattr(taken, name, column[rows])
        taken.state = {name: column[rows] for name, column in self.state.items()}
        return taken

    def join(self, others: "Lanes") -> "Lanes":
        """Return all lanes of both, those of this one first."""
        joined = copy.copy(self)
        theirs = others._columns()
        for name, column in self._columns().items():
            setattr(joined, name, torch.cat([column, theirs[name]]))
        joined.state = {k: torch.cat([v, others.state[k]]) for k, v in self.state.items()}
        return joined

    def _columns(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}


@dataclass(frozen=True)
class Over:
    """Lanes that have nothing left to ask.

    Attributes:
        lanes: They.
        is_fooled: Whether the last answer was what the attack wants (L,).
        loss: The last loss (L,).
    """

    lanes: Lanes
    is_fooled: Tensor
    loss: Tensor


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

    def take(self, rows: Tensor) -> "Answer":
        """Return the answers at `rows`."""
        return Answer(*(column[rows] for column in vars(self).values()))


class Attack(Protocol):
    """One attack with its settings; the state of its examples is in the lanes."""

    @property
    def gradient_steps(self) -> int:
        """How many of a lane's questions want the gradient of the loss; 0 for none."""

    @property
    def runs(self) -> Sequence[tuple[int, int]]:
        """(restart, target rank) of each independent run over one example; rank −1: no target."""

    def begin(self, lanes: Lanes) -> None:
        """Set `query` of new lanes, and what the attack keeps in `state`."""

    def loss(self, logits: Tensor, lanes: Lanes) -> Tensor:
        """Return what is to be raised (L,)."""

    def advance(self, lanes: Lanes, answer: Answer) -> Tensor:
        """Set `query` from the answer and return which lanes have nothing left to ask (L,)."""


@runtime_checkable
class Guess(Protocol):
    """An attack whose next questions are known as long as none of them succeeds."""

    @property
    def questions(self) -> int:
        """How many questions a lane asks."""

    def propose(self, lanes: Lanes, step: Tensor) -> Tensor:
        """Return what is asked after `step` (L,) questions (L, 3, H, W), by the best so far.

        After none it is the query that `begin` set.
        """


class Pool:
    """The lanes of one attack: ask, let it move, and hand out those that are over.

    Attributes:
        attack: The attack.
        lanes: Its lanes; None before there are any.
        room: Questions of one batch; what the lanes leave free is filled by guesses.
    """

    def __init__(self, attack: Attack, oracle: Oracle, *, stops: bool = True) -> None:
        self.attack = attack
        self.lanes: Lanes | None = None
        self.room = 1
        self._success = 0.5  # how often a question succeeds, lately
        self._oracle = oracle
        self._stops = stops
        self._guess = attack if isinstance(attack, Guess) else None

    def __len__(self) -> int:
        return 0 if self.lanes is None else len(self.lanes)

    def add(self, lanes: Lanes) -> None:
        """Begin with new lanes."""
        self.attack.begin(lanes)
        self.lanes = self.lanes.join(lanes) if self.lanes else lanes

    def keep(self, rows: Tensor) -> None:
        """Give up all other lanes."""
        if self.lanes is not None and not bool(rows.all()):
            self.lanes = self.lanes.take(rows)

    def step(self) -> Over | None:
        """Ask once for every lane and return those that are over, None where all go on."""
        lanes = self.lanes
        if not lanes:
            return None
        answer = self._ask_ahead(lanes, self._guess) if self._guess else self._ask(lanes)
        better = answer.is_better | answer.is_fooled
        if bool(better.all()):
            lanes.best, lanes.best_loss = lanes.query, answer.loss
        elif bool(better.any()):
            lanes.best = torch.where(better.view(-1, 1, 1, 1), lanes.query, lanes.best)
            lanes.best_loss = torch.where(better, answer.loss, lanes.best_loss)
        is_over = self.attack.advance(lanes, answer)
        lanes.step = lanes.step + 1
        if self._stops:
            is_over = is_over | answer.is_fooled
        if not bool(is_over.any()):
            return None
        self.lanes = lanes.take(~is_over)
        return Over(lanes.take(is_over), answer.is_fooled[is_over], answer.loss[is_over])

    def _ask_ahead(self, lanes: Lanes, attack: Guess) -> Answer:
        """Ask the next questions of every lane together and go to the first that succeeds.

        What comes after it was built on an image that is no longer the best, and is thrown away;
        so the path is exactly that of asking one by one.
        """
        count = len(lanes)
        likely = int(math.log(_WANTED) / math.log(1 - min(max(self._success, 0.01), 0.99)))
        ahead = max(1, min(self.room // count, 1 + likely, _AHEAD))
        rows = torch.arange(count, device=lanes.step.device)
        asked = lanes.take(rows.repeat(ahead)) if ahead > 1 else lanes
        turn = torch.arange(ahead, device=rows.device).repeat_interleave(count)
        asked.query = attack.propose(asked, asked.step + turn)
        answer = self._without_gradient(asked)
        succeeds = (answer.is_better | answer.is_fooled).view(ahead, count)
        self._success += 0.1 * (float(succeeds[0].float().mean()) - self._success)
        if ahead == 1:
            return answer
        # A path ends with its last question, whatever was asked beyond.
        last = (attack.questions - 1 - lanes.step).clamp(0, ahead - 1)
        first = torch.where(succeeds.any(0), succeeds.int().argmax(0), ahead - 1).minimum(last)
        lanes.step = lanes.step + first
        chosen = answer.take(first * count + rows)
        lanes.query = chosen.gradient  # the queries themselves
        return chosen

    def _ask(self, lanes: Lanes) -> Answer:
        if not bool((lanes.step < self.attack.gradient_steps).any()):
            return self._without_gradient(lanes)

        def loss(logits: Tensor, part: slice) -> Tensor:
            is_whole = part.stop - part.start == len(lanes)
            return self.attack.loss(logits, lanes if is_whole else lanes.take(part))

        return self._judge(lanes, *self._oracle.gradient(lanes.query, loss))

    def _without_gradient(self, lanes: Lanes) -> Answer:
        logits = self._oracle.logits(lanes.query)
        return self._judge(lanes, logits, self.attack.loss(logits, lanes), lanes.query)

    def _judge(self, lanes: Lanes, logits: Tensor, losses: Tensor, gradient: Tensor) -> Answer:
        is_fooled = logits.argmax(1) != lanes.y
        is_better = losses > lanes.best_loss
        if lanes.distance is not None:  # the attack leaves the ball and says how far it went
            is_inside = lanes.distance <= lanes.epsilon
            is_fooled, is_better = is_fooled & is_inside, is_better & is_inside
        return Answer(logits, losses, gradient, is_fooled, is_better)
