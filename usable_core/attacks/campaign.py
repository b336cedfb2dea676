"""A campaign: a ladder of attacks over many examples, with every batch kept as full as can be.

A trial asks whether any attack of the ladder breaks one example at one budget. It goes from attack
to attack, ends at the first success, and its lanes then make room for the next trial's.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.attacks.lanes import Attack, Lanes, Over, Pool
from usable_core.attacks.needs import check_gradients
from usable_core.attacks.norms import check_budget
from usable_core.catalog import implementation
from usable_core.catalog.attacks import ATTACKS, AttackSpec
from usable_core.evaluations.specs import Norm
from usable_core.models.model import Model, check_pixels

# A batch takes this many times its lanes where that leaves none behind for a small batch later.
_CROWDED = 1.5


@dataclass(eq=False)
class Trial:
    """One example at one epsilon, and what became of it.

    Attributes:
        row: Place of the example among those attacked.
        index: Place of the epsilon in the caller's grid.
        epsilon: The budget.
        start: Image (3, H, W) that the first run begins with; None draws one.
        first: The attack that is tried first; the others follow in their order.
        is_broken: Whether an attack succeeded.
        attack: The attack that succeeded, else the last one tried.
        step: Questions it had asked by then.
        x_adv: Where it succeeded, else the worst image (3, H, W) of the last attack.
    """

    row: int
    index: int
    epsilon: float
    start: Tensor | None = None
    first: int = 0
    is_broken: bool = False
    attack: int = -1
    step: int = 0
    x_adv: Tensor | None = None
    is_over: bool = False
    _later: list[int] = field(default_factory=list)
    _runs_left: int = 0
    _loss: float = -torch.inf


class Campaign:
    """Trials in progress."""

    def __init__(
        self, attacks: Sequence[Attack], oracle: Oracle, x: Tensor, y: Tensor, seeds: Tensor
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            attacks: The ladder.
            oracle: Answers, and says how many lanes one batch takes.
            x: Images (N, 3, H, W) in [0, 1].
            y: True classes (N,).
            seeds: One per example (N,) int64.
        """
        self._x, self._y, self._seeds = x, y, seeds.to(x.device)
        self._attacks, self._oracle = attacks, oracle
        self._pools = [Pool(attack, oracle) for attack in attacks]
        self._queues: list[list[tuple[int, int, int]]] = [[] for _ in attacks]
        self._trials: list[Trial] = []
        self._arrived = 0
        self._ranking: Tensor | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left to do."""
        self._refill()
        return not any(len(pool) for pool in self._pools)

    @property
    def is_full(self) -> bool:
        """Whether some batch has all the lanes that it can take."""
        self._refill()
        return any(self._fullness(pool) >= 1 for pool in self._pools)

    def submit(self, trial: Trial) -> None:
        """Begin a trial."""
        others = [k for k in range(len(self._attacks)) if k != trial.first]
        trial._later = [trial.first, *others]
        self._trials.append(trial)
        self._enter(len(self._trials) - 1)

    def step(self) -> list[Trial]:
        """Ask once for every lane of the fullest batch and return the trials that are over."""
        self._refill()
        k = max(range(len(self._pools)), key=lambda k: (self._fullness(self._pools[k]), -k))
        over = self._pools[k].step()
        return [] if over is None else self._settle(over, k)

    def run(self) -> Iterator[Trial]:
        """Yield trials as they end, until nothing is left; more may be submitted meanwhile."""
        while not self.is_empty:
            yield from self.step()

    def finish(self, trials: Sequence[Trial]) -> None:
        """Work on trials until all of them are over."""
        for trial in trials:
            self.submit(trial)
        for _ in self.run():
            pass

    def _room(self, pool: Pool) -> int:
        return self._oracle.size(needs_gradient=pool.attack.gradient_steps > 0).current

    def _fullness(self, pool: Pool) -> float:
        return len(pool) / self._room(pool)

    def _enter(self, number: int) -> None:
        """Let a trial wait for its next attack: all its runs, those of a lower number first."""
        trial = self._trials[number]
        trial.attack, trial._loss = trial._later.pop(0), -torch.inf
        runs = len(self._attacks[trial.attack].runs)
        trial._runs_left = runs
        for run in range(runs):
            self._arrived += 1
            heapq.heappush(self._queues[trial.attack], (run, self._arrived, number))

    def _refill(self) -> None:
        for k, (pool, queue) in enumerate(zip(self._pools, self._queues, strict=True)):
            pool.room = self._room(pool)
            waiting, most = len(pool) + len(queue), _CROWDED * pool.room
            room = (waiting if waiting <= most else pool.room) - len(pool)
            chosen: list[tuple[int, int]] = []
            while queue and len(chosen) < room:
                run, _, number = heapq.heappop(queue)
                if not self._trials[number].is_over:
                    chosen.append((run, number))
            if chosen:
                pool.add(self._lanes(k, chosen))

    def _lanes(self, k: int, chosen: list[tuple[int, int]]) -> Lanes:
        device = self._x.device
        trials = [self._trials[number] for _, number in chosen]
        rows = torch.tensor([trial.row for trial in trials], device=device)
        runs = [self._attacks[k].runs[run] for run, _ in chosen]
        x = self._x[rows]
        starts = [image if t.start is None else t.start for t, image in zip(trials, x, strict=True)]
        ranks = torch.tensor([rank for _, rank in runs], device=device)
        return Lanes(
            x=x,
            y=self._y[rows],
            epsilon=torch.tensor([t.epsilon for t in trials], device=device),
            seed=self._seeds[rows],
            restart=torch.tensor([restart for restart, _ in runs], device=device),
            target=self._targets(rows, ranks),
            start=torch.stack(starts) if any(t.start is not None for t in trials) else x,
            trial=torch.tensor([number for _, number in chosen], device=device),
        )

    def _targets(self, rows: Tensor, ranks: Tensor) -> Tensor:
        """Return the wrong class of each rank by the clean image's logits, −1 where none is."""
        if not bool((ranks >= 0).any()):
            return ranks
        if self._ranking is None:
            logits = self._oracle.logits(self._x)
            wrong = logits.scatter(1, self._y[:, None], -torch.inf)
            self._ranking = wrong.argsort(dim=1, descending=True)
        chosen = self._ranking[rows].gather(1, ranks.clamp_min(0)[:, None])[:, 0]
        return torch.where(ranks >= 0, chosen, -1)

    def _settle(self, over: Over, k: int) -> list[Trial]:
        finished, is_crowded, lanes = [], False, over.lanes
        columns = (lanes.trial, over.is_fooled, lanes.step, lanes.best_loss)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for place, (number, is_fooled, step, loss) in enumerate(rows):
            trial = self._trials[number]
            if trial.is_over:
                continue
            trial._runs_left -= 1
            if is_fooled or trial.x_adv is None or loss >= trial._loss:
                trial.x_adv, trial.step, trial._loss = lanes.best[place], step, loss
            if is_fooled:
                trial.is_broken = trial.is_over = True
                is_crowded = is_crowded or trial._runs_left > 0
            elif trial._runs_left == 0 and trial._later:
                self._enter(number)
            else:
                trial.is_over = trial._runs_left == 0
            if trial.is_over:
                finished.append(trial)
        if is_crowded:
            self._drop_the_others(k)
        return finished

    def _drop_the_others(self, k: int) -> None:
        """Give up lanes whose trial another lane has ended."""
        pool = self._pools[k]
        if pool.lanes:
            numbers = pool.lanes.trial.tolist()
            alive = [not self._trials[number].is_over for number in numbers]
            pool.keep(torch.tensor(alive, device=self._x.device))


def build(spec: AttackSpec, norm: Norm, classes: int) -> Attack:
    """Return the attack that `spec` names, for a model of `classes` classes."""
    attack: Attack = implementation(ATTACKS[spec.name].function)(spec, norm, classes)
    return attack


@dataclass(frozen=True)
class Outcome:
    """What one attack did to a batch.

    Attributes:
        x_adv: Where it succeeded, else its worst images (N, 3, H, W).
        is_fooled: Whether it succeeded (N,).
        step: Questions asked by then (N,).
    """

    x_adv: Tensor
    is_fooled: Tensor
    step: Tensor


@dataclass(frozen=True)
class Attacked:
    """Examples that are attacked together.

    Attributes:
        x: Images (N, 3, H, W) in [0, 1].
        y: True class (N,), indices into the logits.
        seeds: Seed of each example's randomness (N,) int64.
    """

    x: Tensor
    y: Tensor
    seeds: Tensor


@torch.inference_mode(False)
def run_attack(
    model: Model,
    examples: Attacked,
    epsilon: float,
    spec: AttackSpec,
    *,
    norm: Norm = "linf",
    oracle: Oracle | None = None,
) -> Outcome:
    """Return the worst images that one attack found near x, classified at every step.

    Args:
        model: Attacked in evaluation mode; its weights and mode are left as they were.
        examples: What is attacked.
        epsilon: Budget in units of the [0, 1] pixel range.
        spec: The attack and its settings.
        norm: Norm of the budget.
        oracle: Answers and counts; None makes one.

    Raises:
        AttackError: epsilon is no budget for these images.
        NoGradients: the attack follows gradients, and the model has none.
        OutputsRefused: the outputs are not those of a classifier.
        ImageRefused: pixels are not in [0, 1].
    """
    check_gradients(model, [spec])
    x = examples.x
    check_budget(epsilon, norm, x.shape[1:])
    images = check_pixels(x.detach().float()).contiguous(memory_format=torch.channels_last)
    if epsilon == 0 or len(x) == 0:
        nothing = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        return Outcome(x.clone(), nothing.bool(), nothing)
    with oracle or Oracle(model) as oracle:
        attack = build(spec, norm, oracle.logits(images[:1]).shape[1])
        campaign = Campaign([attack], oracle, images, examples.y.clone(), examples.seeds)
        trials = [Trial(i, 0, epsilon) for i in range(len(x))]
        campaign.finish(trials)
    return Outcome(
        torch.stack([trial.x_adv for trial in trials if trial.x_adv is not None]),
        torch.tensor([trial.is_broken for trial in trials], device=x.device),
        torch.tensor([trial.step for trial in trials], device=x.device),
    )
