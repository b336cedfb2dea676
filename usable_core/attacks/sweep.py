"""The smallest budget of a grid at which each example breaks.

`descend` goes down: what breaks an example is shrunk along its own direction as far as it still
breaks (a few forward passes), the next smaller budget is attacked from there, and only the first
budget that withstands the whole ladder costs all of it. It takes for granted that who withstands a
budget withstands every smaller one, as is true of a perfect attack. `walk` takes nothing for
granted: it goes up from the smallest budget. `from_scratch` attacks every budget by itself, which
shows on a sample whether the descent was right.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from usable_core.attacks.campaign import Campaign, Capacity, Trial
from usable_core.attacks.lanes import Attack
from usable_core.attacks.losses import log_odds
from usable_core.attacks.norms import per_image, project, size, steepest
from usable_core.attacks.oracle import Oracle
from usable_core.evaluations.specs import Norm

SCOUT = -1  # stands for the one gradient step that a descent begins with
Tick = Callable[[int], None]  # told how many examples are finished since the last time


@dataclass(frozen=True)
class Scene:
    """Examples that are right when clean, and how they are attacked.

    Attributes:
        x: Images (N, 3, H, W) in [0, 1].
        y: True classes (N,).
        seeds: One per example (N,) int64.
        epsilons: Budgets, increasing, all above 0.
        norm: Their norm.
        attacks: The ladder.
        oracle: Answers.
        capacity: Lanes of one batch.
        tick: Told what is finished.
    """

    x: Tensor
    y: Tensor
    seeds: Tensor
    epsilons: tuple[float, ...]
    norm: Norm
    attacks: tuple[Attack, ...]
    oracle: Oracle
    capacity: Capacity
    tick: Tick = lambda count: None


@dataclass
class Found:
    """Where each example stands.

    Attributes:
        level: Place in the grid of the smallest budget that breaks it (N,) int64; as many as there
            are budgets where none does.
        attack: Place in the ladder of what broke it (N,); `SCOUT` also where nothing did.
        step: Questions that attack had asked by then (N,).
        x_adv: What broke it, else the worst image of the last attack (N, 3, H, W).
    """

    level: Tensor
    attack: Tensor
    step: Tensor
    x_adv: Tensor

    def note(self, image: int, trial: Trial) -> None:
        """Take over the success of a trial."""
        assert trial.x_adv is not None
        self.level[image], self.attack[image] = trial.level, trial.attack
        self.step[image], self.x_adv[image] = trial.step, trial.x_adv


def campaign_over(scene: Scene) -> Campaign:
    """Return a campaign of the scene's ladder, without trials yet."""
    return Campaign(scene.attacks, scene.oracle, scene.x, scene.y, scene.seeds, scene.capacity)


def nothing_found(scene: Scene) -> Found:
    """Return that nothing breaks."""
    zeros = torch.zeros(len(scene.x), dtype=torch.int64)
    return Found(zeros + len(scene.epsilons), zeros + SCOUT, zeros.clone(), scene.x.clone())


def descend(scene: Scene) -> Found:
    """Return the smallest breaking budget of each example, by the descent of the module's text."""
    found = nothing_found(scene)
    campaign = campaign_over(scene)
    waiting = _scouted(scene)
    while True:
        if waiting and not campaign.is_full:
            _shrink(scene, found, waiting[: scene.capacity(False)])
            shrunk, waiting = (waiting[: scene.capacity(False)], waiting[scene.capacity(False) :])
            for trial in shrunk:
                _submit_below(scene, found, campaign, trial)
        elif campaign.is_empty:
            return found
        else:
            for trial in campaign.step():
                if trial.is_broken:
                    found.note(trial.image, trial)
                    waiting.append(trial)
                else:
                    _withstood(scene, found, trial)


def walk(scene: Scene, found: Found, *, below: Tensor | None = None) -> None:
    """Attack every budget from the smallest up, until one breaks, and put it into `found`.

    Args:
        scene: What is attacked.
        found: Changed where something smaller is found.
        below: Only budgets at places below this (N,); None is all.
    """
    campaign = campaign_over(scene)
    tops = torch.full((len(scene.x),), len(scene.epsilons)) if below is None else below
    for image, top in enumerate(tops.tolist()):
        if top > 0:
            campaign.submit(Trial(image, 0, scene.epsilons[0]))
    while not campaign.is_empty:
        for trial in campaign.step():
            if trial.is_broken:
                found.note(trial.image, trial)
                scene.tick(1)
            elif trial.level + 1 < int(tops[trial.image]):
                level = trial.level + 1
                campaign.submit(Trial(trial.image, level, scene.epsilons[level]))
            else:
                _withstood(scene, found, trial)


def from_scratch(scene: Scene) -> Tensor:
    """Return whether each budget, attacked by itself, breaks each example (N, budgets) bool."""
    campaign = campaign_over(scene)
    broken = torch.zeros(len(scene.x), len(scene.epsilons), dtype=torch.bool)
    for image in range(len(scene.x)):
        for level, epsilon in enumerate(scene.epsilons):
            campaign.submit(Trial(image, level, epsilon))
    while not campaign.is_empty:
        for trial in campaign.step():
            broken[trial.image, trial.level] = trial.is_broken
    return broken


def towards(scene: Scene, x_adv: Tensor, rows: Tensor, levels: Tensor) -> Tensor:
    """Return images (n, 3, H, W) on the way from scene.x[rows] to x_adv, at budgets `levels` (n,).

    The direction is kept and its size made that of the budget.
    """
    x = scene.x[rows]
    epsilon = torch.tensor(scene.epsilons, device=x.device)[levels.to(x.device)]
    change = x_adv - x
    length = size(change, scene.norm)
    scale = torch.where(length > 0, epsilon / length.clamp_min(1e-12), torch.ones_like(length))
    return project(x + change * per_image(scale), x, epsilon, scene.norm)


def _withstood(scene: Scene, found: Found, trial: Trial) -> None:
    image, untouched = trial.image, int(found.level[trial.image]) == len(scene.epsilons)
    if untouched and trial.x_adv is not None:
        found.x_adv[image] = trial.x_adv
    scene.tick(1)


def _scouted(scene: Scene) -> list[Trial]:
    """Return trials that hold one gradient step of the largest budget for every example.

    Ladders without gradients have no use for it: their trials hold the clean image.
    """
    top = len(scene.epsilons)
    trials = [Trial(i, top, scene.epsilons[-1], attack=SCOUT) for i in range(len(scene.x))]
    if not any(attack.gradient_steps for attack in scene.attacks):
        return trials

    def loss(logits: Tensor, part: slice) -> Tensor:
        return log_odds(logits, scene.y[part], scene.y[part])

    _, _, gradient = scene.oracle.gradient(scene.x, loss)
    step = scene.epsilons[-1] * steepest(gradient, scene.norm)
    pointed = project(scene.x + step, scene.x, scene.epsilons[-1], scene.norm)
    for trial, image in zip(trials, pointed, strict=True):
        trial.x_adv, trial.step = image, 1
    return trials


def _shrink(scene: Scene, found: Found, trials: Sequence[Trial]) -> None:
    """Find by bisection how far down the grid each trial's direction still breaks its example."""
    usable = [trial for trial in trials if trial.x_adv is not None and trial.level > 0]
    if not usable:
        return
    device = scene.x.device
    rows = torch.tensor([trial.image for trial in usable], device=device)
    x_adv = torch.stack([trial.x_adv for trial in usable if trial.x_adv is not None])
    high = torch.tensor([trial.level for trial in usable])
    low = torch.full_like(high, -1)
    while bool((high - low > 1).any()):
        open_ = torch.nonzero(high - low > 1)[:, 0]
        middle = (low[open_] + high[open_]) // 2
        at = open_.to(device)
        asked = towards(scene, x_adv[at], rows[at], middle)
        is_fooled = (scene.oracle.logits(asked).argmax(1) != scene.y[rows[at]]).cpu()
        high[open_[is_fooled]] = middle[is_fooled]
        low[open_[~is_fooled]] = middle[~is_fooled]
        for place in torch.nonzero(is_fooled)[:, 0].tolist():
            trial = usable[int(open_[place])]
            trial.level, trial.is_broken, trial.x_adv = int(middle[place]), True, asked[place]
            found.note(trial.image, trial)


def _submit_below(scene: Scene, found: Found, campaign: Campaign, trial: Trial) -> None:
    """Attack the budget below the one that breaks, from there, by what broke it first."""
    level = int(found.level[trial.image]) - 1
    if level < 0:
        scene.tick(1)
        return
    start = None
    if trial.is_broken and trial.x_adv is not None:
        row = torch.tensor([trial.image], device=scene.x.device)
        start = towards(scene, trial.x_adv[None], row, torch.tensor([level]))[0]
    campaign.submit(Trial(trial.image, level, scene.epsilons[level], start, max(trial.attack, 0)))
