"""The smallest epsilon of a grid at which each example breaks.

`descend` goes down: what breaks an example is shrunk along its own direction as far as it still
breaks (a few forward passes), the next smaller epsilon is attacked from there, and only the first
epsilon that withstands the whole ladder costs all of it. It takes for granted that who withstands
an epsilon withstands every smaller one, as is true of a perfect attack. `ascend` takes nothing for
granted: it goes up from the smallest epsilon. `from_scratch` attacks every epsilon by itself, which
shows on a sample whether the descent was right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.attacks.campaign import Campaign, Trial
from usable_core.attacks.lanes import Attack
from usable_core.attacks.losses import log_odds
from usable_core.attacks.norms import per_image, project, size, steepest
from usable_core.evaluations.specs import Norm

SCOUT = -1  # stands for the one gradient step that a descent begins with


@dataclass(frozen=True)
class AttackedBatch:
    """Examples that are right when clean, and how they are attacked.

    Attributes:
        x: Images (N, 3, H, W) in [0, 1].
        y: True classes (N,).
        seeds: One per example (N,) int64.
        epsilons: Budgets, increasing, all above 0.
        norm: Their norm.
        attacks: The ladder.
        oracle: Answers.
        on_finished: Told how many examples are finished since the last time.
    """

    x: Tensor
    y: Tensor
    seeds: Tensor
    epsilons: tuple[float, ...]
    norm: Norm
    attacks: tuple[Attack, ...]
    oracle: Oracle
    on_finished: Callable[[int], None] = lambda count: None

    def loss(self, logits: Tensor, part: slice) -> Tensor:
        """Return how far a part of the examples (n,) is from its true classes, see `log_odds`."""
        return log_odds(logits, self.y[part], self.y[part])

    def campaign(self) -> Campaign:
        """Return a campaign of the ladder, without trials yet."""
        return Campaign(self.attacks, self.oracle, self.x, self.y, self.seeds)

    def trial(self, row: int, index: int, start: Tensor | None = None, first: int = 0) -> Trial:
        """Return a trial of one example at one epsilon of the grid."""
        return Trial(row, index, self.epsilons[index], start, first)


@dataclass
class SmallestEpsilons:
    """Where each example breaks.

    Attributes:
        index: Place in the grid of the smallest epsilon that breaks it (N,) int64; as many as there
            are epsilons where none does.
        attack: Place in the ladder of what broke it (N,); `SCOUT` also where nothing did.
        step: Questions that attack had asked by then (N,).
        x_adv: What broke it, else the worst image of the last attack (N, 3, H, W).
    """

    index: Tensor
    attack: Tensor
    step: Tensor
    x_adv: Tensor

    @classmethod
    def none(cls, batch: AttackedBatch) -> "SmallestEpsilons":
        """Return that nothing breaks."""
        zeros = torch.zeros(len(batch.x), dtype=torch.int64)
        return cls(zeros + len(batch.epsilons), zeros + SCOUT, zeros.clone(), batch.x.clone())

    def take_over(self, trial: Trial) -> None:
        """Note the success of a trial."""
        assert trial.x_adv is not None
        self.index[trial.row], self.attack[trial.row] = trial.index, trial.attack
        self.step[trial.row], self.x_adv[trial.row] = trial.step, trial.x_adv


def descend(batch: AttackedBatch) -> SmallestEpsilons:
    """Return the smallest breaking epsilon of each example, by the descent of the module's text."""
    smallest = SmallestEpsilons.none(batch)
    campaign = batch.campaign()
    waiting = _scouted(batch)
    while True:
        if waiting and not campaign.is_full:
            room = batch.oracle.size().current
            shrunk, waiting = waiting[:room], waiting[room:]
            _shrink(batch, smallest, shrunk)
            for trial in shrunk:
                _submit_below(batch, smallest, campaign, trial)
        elif campaign.is_empty:
            return smallest
        else:
            for trial in campaign.step():
                if trial.is_broken:
                    smallest.take_over(trial)
                    waiting.append(trial)
                else:
                    _withstood(batch, smallest, trial)


def ascend(batch: AttackedBatch) -> SmallestEpsilons:
    """Return the smallest breaking epsilon of each example, attacking from the smallest up."""
    smallest = SmallestEpsilons.none(batch)
    campaign = batch.campaign()
    for row in range(len(batch.x)):
        campaign.submit(batch.trial(row, 0))
    for trial in campaign.run():
        if trial.is_broken:
            smallest.take_over(trial)
            batch.on_finished(1)
        elif trial.index + 1 < len(batch.epsilons):
            campaign.submit(batch.trial(trial.row, trial.index + 1))
        else:
            _withstood(batch, smallest, trial)
    return smallest


def from_scratch(batch: AttackedBatch) -> Tensor:
    """Return whether each epsilon, attacked by itself, breaks each example (N, epsilons) bool."""
    campaign = batch.campaign()
    broken = torch.zeros(len(batch.x), len(batch.epsilons), dtype=torch.bool)
    for row in range(len(batch.x)):
        for index in range(len(batch.epsilons)):
            campaign.submit(batch.trial(row, index))
    for trial in campaign.run():
        broken[trial.row, trial.index] = trial.is_broken
    return broken


def confirm(batch: AttackedBatch, smallest: SmallestEpsilons) -> Tensor:
    """Return the answers (N,) to what breaks each example, and the true class where nothing does.

    Whatever an attack says is asked again: only a changed answer counts as broken. Where the answer
    does not change (random models; rounding, in other company), the next larger epsilons are asked
    about along the same direction, and `smallest` is changed to that.
    """
    answers = batch.y.clone()
    claimed = torch.nonzero(smallest.index < len(batch.epsilons))[:, 0]
    while len(claimed):
        at = claimed.to(batch.y.device)
        answers[at] = batch.oracle.logits(smallest.x_adv[at]).argmax(1)
        claimed = claimed[(answers[at] == batch.y[at]).cpu()]
        smallest.index[claimed] += 1
        claimed = claimed[smallest.index[claimed] < len(batch.epsilons)]
        at = claimed.to(batch.y.device)
        smallest.x_adv[at] = towards(batch, smallest.x_adv[at], at, smallest.index[claimed])
    return answers


def towards(batch: AttackedBatch, x_adv: Tensor, rows: Tensor, indices: Tensor) -> Tensor:
    """Return images (n, 3, H, W) on the way from batch.x[rows] to x_adv, at epsilons[indices].

    The direction is kept and its size made that of the epsilon.
    """
    x = batch.x[rows]
    epsilon = torch.tensor(batch.epsilons, device=x.device)[indices.to(x.device)]
    change = x_adv - x
    length = size(change, batch.norm)
    scale = torch.where(length > 0, epsilon / length.clamp_min(1e-12), torch.ones_like(length))
    return project(x + change * per_image(scale), x, epsilon, batch.norm)


def _withstood(batch: AttackedBatch, smallest: SmallestEpsilons, trial: Trial) -> None:
    is_unbroken = int(smallest.index[trial.row]) == len(batch.epsilons)
    if is_unbroken and trial.x_adv is not None:
        smallest.x_adv[trial.row] = trial.x_adv
    batch.on_finished(1)


def _scouted(batch: AttackedBatch) -> list[Trial]:
    """Return trials that hold one gradient step of the largest epsilon for every example.

    Ladders without gradients have no use for it: their trials hold the clean image.
    """
    top, largest = len(batch.epsilons), batch.epsilons[-1]
    trials = [Trial(row, top, largest, attack=SCOUT) for row in range(len(batch.x))]
    if not any(attack.gradient_steps for attack in batch.attacks):
        return trials
    _, _, gradient = batch.oracle.gradient(batch.x, batch.loss)
    step = largest * steepest(gradient, batch.norm)
    stepped = project(batch.x + step, batch.x, largest, batch.norm)
    for trial, image in zip(trials, stepped, strict=True):
        trial.x_adv, trial.step = image, 1
    return trials


def _shrink(batch: AttackedBatch, smallest: SmallestEpsilons, trials: Sequence[Trial]) -> None:
    """Find by bisection how far down the grid each trial's direction still breaks its example."""
    usable = [trial for trial in trials if trial.x_adv is not None and trial.index > 0]
    if not usable:
        return
    device = batch.x.device
    rows = torch.tensor([trial.row for trial in usable], device=device)
    x_adv = torch.stack([trial.x_adv for trial in usable if trial.x_adv is not None])
    high = torch.tensor([trial.index for trial in usable])
    low = torch.full_like(high, -1)
    while bool((high - low > 1).any()):
        open_ = torch.nonzero(high - low > 1)[:, 0]
        middle = (low[open_] + high[open_]) // 2
        at = open_.to(device)
        shorter = towards(batch, x_adv[at], rows[at], middle)
        is_fooled = (batch.oracle.logits(shorter).argmax(1) != batch.y[rows[at]]).cpu()
        high[open_[is_fooled]] = middle[is_fooled]
        low[open_[~is_fooled]] = middle[~is_fooled]
        for place in torch.nonzero(is_fooled)[:, 0].tolist():
            trial = usable[int(open_[place])]
            trial.index, trial.is_broken, trial.x_adv = int(middle[place]), True, shorter[place]
            smallest.take_over(trial)


def _submit_below(
    batch: AttackedBatch, smallest: SmallestEpsilons, campaign: Campaign, trial: Trial
) -> None:
    """Attack the epsilon below the one that breaks, from there, by what broke it first."""
    index = int(smallest.index[trial.row]) - 1
    if index < 0:
        batch.on_finished(1)
        return
    start = None
    if trial.is_broken and trial.x_adv is not None:
        row = torch.tensor([trial.row], device=batch.x.device)
        start = towards(batch, trial.x_adv[None], row, torch.tensor([index]))[0]
    campaign.submit(batch.trial(trial.row, index, start, max(trial.attack, 0)))
