"""The walked sample: examples whose every epsilon is attacked from scratch, for the checks."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.attacks.campaign import Trial, build
from usable_core.attacks.sweep import AttackedBatch, SmallestEpsilons, descend, from_scratch
from usable_core.catalog.attacks import AttackSpec
from usable_core.datasets.draws import stratified_sample
from usable_core.evaluations.robustness import RobustnessConfig
from usable_core.evaluations.robustness_cost import examined_by
from usable_core.measuring.examples import Examples, pictures
from usable_core.randomness import example_seeds


@dataclass(frozen=True)
class Sample:
    """The walked sample and what the attack does to it.

    Attributes:
        indices: Which examples they are (N,).
        batch: They and the epsilons; the ladder is the attack `spec` alone.
        spec: The attack that checks are made with: the ladder's first that follows a gradient.
        classes: Of the model.
        broken: Whether each epsilon, attacked by itself, breaks each example (N, epsilons) bool.
        smallest: What the descent finds.
        rivalled: How many of those that withstand are tried with other attacks, at most.
    """

    indices: Tensor
    batch: AttackedBatch
    spec: AttackSpec
    classes: int
    broken: Tensor
    smallest: SmallestEpsilons
    rivalled: int

    @property
    def index(self) -> int:
        """Place of the epsilon that breaks nearest to half of the sample; the largest of equals."""
        distance = (self.broken.float().mean(0) - 0.5).abs()
        return len(distance) - 1 - int(distance.flip(0).argmin())

    @property
    def epsilon(self) -> float:
        """The epsilon at `index`."""
        return self.batch.epsilons[self.index]

    def breaks(self, spec: AttackSpec, rows: Tensor, epsilon: float) -> Tensor:
        """Return whether an attack breaks the examples at `rows` (n,) at one epsilon."""
        attack = build(spec, self.batch.norm, self.classes)
        trials = [Trial(int(row), 0, epsilon) for row in rows]
        replace(self.batch, attacks=(attack,)).campaign().finish(trials)
        return torch.tensor([trial.is_broken for trial in trials], dtype=torch.bool)


def attacked_epsilons(config: RobustnessConfig) -> tuple[float, ...]:
    """Return the epsilons that are attacked: those above 0."""
    return tuple(epsilon for epsilon in config.epsilons if epsilon > 0)


def attacked_batch(
    oracle: Oracle,
    examples: Examples,
    config: RobustnessConfig,
    x: Tensor,
    indices: Tensor,
    classes: int,
) -> AttackedBatch:
    """Return how the config attacks images x (N, 3, H, W) of the examples at `indices` (N,)."""
    ids = [examples.dataset.ids[i] for i in indices]
    return AttackedBatch(
        x,
        y=torch.from_numpy(examples.labels)[indices].to(x.device),
        seeds=example_seeds(ids, config.seed),
        epsilons=attacked_epsilons(config),
        norm=config.norm,
        attacks=tuple(build(spec, config.norm, classes) for spec in config.attacks),
        oracle=oracle,
    )


def drawn_sample(oracle: Oracle, examples: Examples, config: RobustnessConfig) -> Sample | None:
    """Return a sample of examples that are right when clean, attacked from scratch and by descent.

    Drawn stratified by class. None where no sample is asked for, or nothing is right or attacked.
    """
    wanted, targets = config.sample_size, examples.dataset.targets
    if not wanted or not attacked_epsilons(config):
        return None
    chosen = stratified_sample(targets, min(2 * wanted, len(examples)), 0)
    drawn = Examples(examples.dataset.take(chosen), examples.labels[chosen])
    batch_of_all = next(pictures(oracle, drawn, slice(None), len(chosen)), None)
    if batch_of_all is None:  # not one of them can be decoded
        return None
    x, readable = batch_of_all
    chosen, labels = chosen[readable], drawn.labels[readable]
    logits = oracle.logits(x)
    is_right = logits.argmax(1).cpu().numpy() == labels
    right = is_right.nonzero()[0]
    if len(right) == 0:
        return None
    right = right[stratified_sample(targets[chosen[right]], min(wanted, len(right)), 0)]
    indices, classes = torch.from_numpy(chosen[right]), logits.shape[1]
    batch = attacked_batch(
        oracle, examples, config, x[torch.from_numpy(right).to(x.device)], indices, classes
    )
    spec = examined_by(config.attacks)
    batch = replace(batch, attacks=(build(spec, batch.norm, classes),))
    return Sample(
        indices=indices,
        batch=batch,
        spec=spec,
        classes=classes,
        broken=from_scratch(batch),
        smallest=descend(batch),
        rivalled=config.rivalled,
    )
