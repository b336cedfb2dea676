"""The question "does the model stay right when its input is changed a little?" and its answer.

Records, one row per (example, epsilon):
    index, id, label, epsilon, clean_prediction, prediction (under the worst attack found at this or
    a smaller epsilon), found_epsilon (the epsilon whose attack found it; NaN while it withstands),
    found_attack and found_step (which attack of the ladder, or `fgsm` for the step that a descent
    begins with, after how many questions; empty and 0 while it withstands), noise_prediction (under
    random noise of the same size: a corner of the Linf ball, a point on the sphere), raw_broken (on
    the walked sample: whether the attack of the checks, at this epsilon by itself, breaks the
    example; NaN elsewhere).
Of texts, whose epsilon is the share of words changed, also:
    words (how many a text has, of those that the model reads), changed (how many of them the
    smallest success changes; 0 while it withstands), text and adversarial_text (the text up to the
    last word that the model reads, and what broke it; empty while it withstands: both have as many
    words, by `texts.words_of`, so that old and new words stand at the same places),
    is_cut (the model reads only the beginning), judge_clean_prediction and judge_prediction (the
    judge's answers to both texts, as the model numbers its classes; -1 without a judge, and while
    it withstands), similarity (of both texts to the judge, see `word_attacks.judges`; NaN then).
    found_step counts the texts that its attack had asked about by then.
Examples that are wrong when clean are not attacked and count as wrong at every epsilon.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from usable_core.catalog import lookup
from usable_core.catalog.attacks import AttackSpec
from usable_core.catalog.text_attacks import KNOWN_PRESETS, kind_of
from usable_core.errors import ConfigError
from usable_core.evaluations.attack_choice import DEFAULT, AttackChoice, check_attack
from usable_core.evaluations.epsilon import grid
from usable_core.evaluations.specs import (
    LARGEST_BATCH,
    MOST_SEED,
    DatasetSpec,
    InputKind,
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
WORD_SHARES = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)  # beyond a third, little of a text is left
WALKED = 16  # examples whose every budget is attacked from scratch when no preset says otherwise
MOST_DRAWS = 10_000  # forward passes for one answer
MOST_KEPT = 10_000  # pictures for each epsilon

Verdict = Literal["green", "amber", "red", "not run"]


def default_epsilons(norm: Norm) -> tuple[float, ...]:
    """Return the grid that is measured when nobody says otherwise.

    Raises:
        ConfigError: there is no such norm.
    """
    usual = {
        "linf": LINF_EPSILONS,
        "l2": L2_EPSILONS,
        "l1": L1_EPSILONS,
        "words": WORD_SHARES,
    }
    require(norm in usual, "norm", "linf, l2, l1 or words", norm)
    return usual[norm]


@dataclass(frozen=True)
class RobustnessConfig:
    """What to measure: one model, one data set, a ladder of attacks over a grid of epsilons.

    Attributes:
        model: The model.
        dataset: The data set.
        attacks: Run one after another on what the earlier ones did not break.
        norm: Norm of the perturbation; attacks on texts have `words` alone.
        epsilons: Increasing budgets in units of the [0, 1] pixel range (Linf: at most 1; L2: at
            most the norm of an all-ones image, checked when the image size is known); of texts,
            shares of the words. Empty is the norm's usual grid.
        seed: Seed of all randomness, per example.
        gallery: How many of the examples that break at each epsilon are kept as PNG.
        batch_size: Examples per forward pass; the fastest that fits when not given.
        preset: What the ladder is called: a key of `catalog.text_attacks.KNOWN_PRESETS`.
        draws: Forward passes averaged for each answer, for randomised models.
        surrogate: Another backbone whose adversarial images are tried too, as a check.
        walked: Examples whose every epsilon is attacked from scratch, as a check, 0 for no checks;
            the usual number when not given.
        judge: Another model of texts, which says what broken texts still say.
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
            help="Such as 1/255,4/255,8/255, of texts 5%,10%,20%; 0 is added. The norm's usual "
            "grid when not given.",
        ),
    )
    seed: int = 0
    gallery: int = 4
    batch_size: int | None = None
    preset: str | None = None
    draws: int = 1
    surrogate: ModelSpec | None = None
    walked: int | None = None
    judge: ModelSpec | None = None
    same: ClassVar[tuple[str, ...]] = ("attacks", "norm", "draws", "epsilons")

    @staticmethod
    def usual(said: Mapping[str, object]) -> dict[str, object]:
        """Return what the command line takes for what it was not told: a preset's examples."""
        preset = KNOWN_PRESETS.get(str(said.get("preset")))
        return {"limit": preset.examples} if preset else {}

    def __post_init__(self) -> None:
        if self.preset is not None:
            lookup(KNOWN_PRESETS, "preset", self.preset)
        if self.kind == "text":
            object.__setattr__(self, "norm", "words")
        usual = default_epsilons(self.norm)
        object.__setattr__(self, "epsilons", self.epsilons or usual)
        require(len(self.attacks) > 0, "attacks", "at least one", self.attacks)
        if self.judge == self.model:
            raise ConfigError(
                f"{self.model.reference} is attacked, and nobody judges their own case. Name "
                "another judge, or none."
            )
        for spec in self.attacks:
            check_attack(spec, self.norm)
        whole = {
            "linf": (1.0, "between 0 and 1 (1/255 is one grey level)"),
            "words": (1.0, "between 0 and 100 % of the words"),
        }
        top, expected = whole.get(self.norm, (1e6, "0 or more"))
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
        return KNOWN_PRESETS[self.preset].walked if self.preset else WALKED

    @property
    def rivalled(self) -> int:
        """Return how many of those that withstand are tried with other attacks, at most."""
        return KNOWN_PRESETS[self.preset].rivalled if self.preset else self.sample_size

    @property
    def kind(self) -> InputKind:
        """Return what the attacks are on."""
        return kind_of(self.attacks[0].name) if self.attacks else "picture"


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
