"""The question "does the model stay right when its input is changed a little?" and its answer.

Records, one row per (example, epsilon):
    index, id, label, epsilon, clean_prediction, prediction (under the worst attack found at this or
    a smaller epsilon), found_epsilon (the epsilon whose attack found it; NaN while it withstands),
    noise_prediction (under uniform random noise of the same size).
Examples that are wrong when clean are not attacked and count as wrong at every epsilon.
"""

from dataclasses import dataclass

import pandas as pd

from usable_core.evaluations.specs import (
    DatasetSpec,
    ModelSpec,
    Norm,
    Provenance,
    is_between,
    require,
)

# 0 must equal clean accuracy; the rest log-spaced from below 1/255 to beyond the usual 8/255.
LINF_EPSILONS = (0.0, 0.25 / 255, 0.5 / 255, 1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255)
L2_EPSILONS = (0.0, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0)  # 0.5: RobustBench's budget at 32 x 32 x 3


@dataclass(frozen=True)
class RobustnessConfig:
    """What to measure: one model, one data set, one attack over a grid of epsilons.

    Attributes:
        model: The model.
        dataset: The data set.
        attack: A key of `catalog.attacks.ATTACKS`.
        norm: Norm of the perturbation.
        epsilons: Increasing budgets in units of the [0, 1] pixel range (Linf: at most 1; L2: at
            most the norm of an all-ones image, checked when the image size is known).
        steps: Gradient steps (FGSM takes one whatever this says).
        restarts: Random starts; the worst per example counts.
        step_size: As a multiple of epsilon; None is 2.5 / steps (Madry et al. 2018).
        seed: Seed of the random starts, per example.
        gallery: How many attacked examples are kept as PNG at every epsilon.
        batch_size: Examples per forward pass; None chooses the fastest that fits.
    """

    model: ModelSpec
    dataset: DatasetSpec
    attack: str = "pgd"
    norm: Norm = "linf"
    epsilons: tuple[float, ...] = LINF_EPSILONS
    steps: int = 20
    restarts: int = 1
    step_size: float | None = None
    seed: int = 0
    gallery: int = 8
    batch_size: int | None = None

    def __post_init__(self) -> None:
        from usable_core.catalog import lookup
        from usable_core.catalog.attacks import ATTACKS

        lookup(ATTACKS, "attack", self.attack)
        require(self.norm in ("linf", "l2"), "norm", "linf or l2", self.norm)
        require(len(self.epsilons) > 0, "epsilons", "at least one number", self.epsilons)
        for epsilon in self.epsilons:
            top = 1.0 if self.norm == "linf" else float("1e6")
            expected = "between 0 and 1 (1/255 is one grey level)" if self.norm == "linf" else "0 or more"
            require(is_between(epsilon, 0, top), "epsilon", expected, epsilon)
        increasing = all(a < b for a, b in zip(self.epsilons, self.epsilons[1:], strict=False))
        require(increasing, "epsilons", "increasing, each once", self.epsilons)
        require(self.steps >= 1, "steps", "at least 1", self.steps)
        require(self.restarts >= 1, "restarts", "at least 1", self.restarts)
        require(
            self.step_size is None or is_between(self.step_size, 1e-6, 10),
            "step_size", "a positive multiple of epsilon", self.step_size,
        )


@dataclass(frozen=True)
class RobustnessResult:
    """Per-example outcomes over the grid; every number is a property of them."""

    config: RobustnessConfig
    provenance: Provenance
    records: pd.DataFrame
