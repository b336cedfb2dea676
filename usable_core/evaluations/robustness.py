"""The question "does the model stay right when its input is changed a little?" and its answer.

Records, one row per (example, epsilon):
    index, id, label, epsilon, clean_prediction, prediction (under the worst attack found at this or
    a smaller epsilon), found_epsilon (the epsilon whose attack found it; NaN while it withstands),
    found_attack and found_step (which attack of the ladder, or `fgsm` for the step that a descent
    begins with, after how many questions; empty and 0 while it withstands), noise_prediction (under
    random noise of the same size: a corner of the Linf ball, a point on the sphere), raw_broken (on
    the walked sample: whether the attack of the checks, at this epsilon by itself, breaks the
    example; NaN elsewhere).
Examples that are wrong when clean are not attacked and count as wrong at every epsilon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from usable_core.catalog import lookup
from usable_core.catalog.attacks import PRESETS, AttackSpec
from usable_core.evaluations.attack_choice import DEFAULT, AttackChoice, check_attack
from usable_core.evaluations.epsilon import grid
from usable_core.evaluations.specs import (
    LARGEST_BATCH,
    MOST_SEED,
    DatasetSpec,
    ModelSpec,
    Norm,
    asked,
    is_between,
    require,
    require_range,
)

# 0 must equal clean accuracy; the rest log-spaced from below 1/255 to beyond the usual 8/255.
LINF_EPSILONS = (0.0, 0.25 / 255, 0.5 / 255, 1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255)
L2_EPSILONS = (0.0, 0.03, 0.06, 0.125, 0.25, 0.5, 1.0)  # 0.5: RobustBench's budget at 32 x 32 x 3
L1_EPSILONS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0)  # 12: Croce & Hein 2021, at 32 x 32 x 3
WALKED = 16  # examples whose every budget is attacked from scratch when no preset says otherwise
MOST_DRAWS = 10_000  # forward passes for one answer
MOST_KEPT = 10_000  # pictures for each epsilon

Verdict = Literal["green", "amber", "red", "not run"]


def default_epsilons(norm: Norm) -> tuple[float, ...]:
    """Return the grid that is measured when nobody says otherwise.

    Raises:
        ConfigError: there is no such norm.
    """
    usual = {"linf": LINF_EPSILONS, "l2": L2_EPSILONS, "l1": L1_EPSILONS}
    require(norm in usual, "norm", "linf, l2 or l1", norm)
    return usual[norm]


@dataclass(frozen=True)
class RobustnessConfig:
    """What to measure: one model, one data set, a ladder of attacks over a grid of epsilons.

    Attributes:
        model: The model.
        dataset: The data set.
        attacks: Run one after another on what the earlier ones did not break.
        norm: Norm of the perturbation.
        epsilons: Increasing budgets in units of the [0, 1] pixel range (Linf: at most 1; L2: at
            most the norm of an all-ones image, checked when the image size is known). Empty is
            the norm's usual grid.
        seed: Seed of all randomness, per example.
        gallery: How many of the examples that break at each epsilon are kept as PNG.
        batch_size: Examples per forward pass; the fastest that fits when not given.
        preset: What the ladder is called: a key of `catalog.attacks.PRESETS`.
        draws: Forward passes averaged for each answer, for randomised models.
        surrogate: Another backbone whose adversarial images are tried too, as a check.
        walked: Examples whose every epsilon is attacked from scratch, as a check, 0 for no checks;
            the usual number when not given.
    """

    model: ModelSpec
    dataset: DatasetSpec
    attacks: tuple[AttackSpec, ...] = field(default=(DEFAULT,), metadata=asked(record=AttackChoice))
    norm: Norm = "linf"
    epsilons: tuple[float, ...] = field(
        default=(),
        metadata=asked(
            "--epsilons",
            "--epsilon",
            read=grid,
            help="Such as 1/255,4/255,8/255; 0 is added. The norm's usual grid when not given.",
        ),
    )
    seed: int = 0
    gallery: int = 4
    batch_size: int | None = None
    preset: str | None = None
    draws: int = 1
    surrogate: ModelSpec | None = None
    walked: int | None = None
    same: ClassVar[tuple[str, ...]] = ("attacks", "norm", "draws", "epsilons")

    @staticmethod
    def usual(said: Mapping[str, object]) -> dict[str, object]:
        """Return what the command line takes for what it was not told: a preset's examples."""
        preset = PRESETS.get(str(said.get("preset")))
        return {"limit": preset.examples} if preset else {}

    def __post_init__(self) -> None:
        if self.preset is not None:
            lookup(PRESETS, "preset", self.preset)
        usual = default_epsilons(self.norm)
        object.__setattr__(self, "epsilons", self.epsilons or usual)
        require(len(self.attacks) > 0, "attacks", "at least one", self.attacks)
        for spec in self.attacks:
            check_attack(spec, self.norm)
        pixel = (1.0, "between 0 and 1 (1/255 is one grey level)")
        top, expected = pixel if self.norm == "linf" else (1e6, "0 or more")
        for epsilon in self.epsilons:
            require(is_between(epsilon, 0, top), "epsilon", expected, epsilon)
        increasing = all(a < b for a, b in zip(self.epsilons, self.epsilons[1:], strict=False))
        require(increasing, "epsilons", "increasing, each once", self.epsilons)
        require_range(self, "draws", 1, MOST_DRAWS)
        require_range(self, "walked", 0, expected="0 or more")
        require_range(self, "gallery", 0, MOST_KEPT)
        require_range(self, "seed", 0, MOST_SEED)
        require_range(self, "batch_size", 1, LARGEST_BATCH)

    @property
    def title(self) -> str:
        """Return what the attack is called."""
        return self.preset or ", ".join(spec.name for spec in self.attacks)

    @property
    def sample_size(self) -> int:
        """Return how many examples are walked for the checks."""
        if self.walked is not None:
            return self.walked
        return PRESETS[self.preset].walked if self.preset else WALKED

    @property
    def rivalled(self) -> int:
        """Return how many of those that withstand are tried with other attacks, at most."""
        return PRESETS[self.preset].rivalled if self.preset else self.sample_size


@dataclass(frozen=True)
class Check:
    """One check of the attack's strength.

    Attributes:
        name: A key of `catalog.checks.CHECKS`.
        verdict: `red` makes the whole curve an upper bound only.
        sentence: What was seen, with its numbers.
        numbers: The same for machines.
    """

    name: str
    verdict: Verdict
    sentence: str
    numbers: dict[str, float]


@dataclass(frozen=True)
class Cost:
    """What the evaluation took; passes are of single images.

    Attributes:
        forward: Forward passes of the attacks and their clean and noisy baselines.
        backward: Backward passes of the attacks.
        checks: Forward and backward passes of the checks.
        seconds: Wall time of the attacks; reading the images and the checks are not in it.
        check_seconds: Wall time of the checks.
    """

    forward: int = 0
    backward: int = 0
    checks: int = 0
    seconds: float = 0.0
    check_seconds: float = 0.0
