"""The attacks that can be chosen, and the presets that put them together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AttackSpec:
    """One attack with its settings.

    Attributes:
        name: A key of `ATTACKS`.
        steps: Gradient steps, or queries of an attack without gradients.
        restarts: Random starts; the worst per example counts.
        loss: A key of `LOSS_NAMES`.
        step_size: As a multiple of epsilon; None is 2.5 / steps. PGD only.
        momentum: Weight of the earlier gradients. PGD only.
        targets: How many classes are aimed at, the most probable wrong ones; 0 aims at none.
    """

    name: str
    steps: int = 20
    restarts: int = 1
    loss: str = "cross_entropy"
    step_size: float | None = None
    momentum: float = 0.0
    targets: int = 0

    @property
    def title(self) -> str:
        """Return what tells it from the other attacks of a ladder: `apgd (dlr)`."""
        is_usual = self.loss == "cross_entropy" or not ATTACKS[self.name].is_gradient_based
        return self.name if is_usual else f"{self.name} ({self.loss})"


@dataclass(frozen=True)
class AttackRow:
    """One attack: title, norms it works in, where it is implemented, its paper."""

    title: str
    norms: tuple[str, ...]
    function: str
    is_iterative: bool
    is_gradient_based: bool
    paper: str
    help: str


@dataclass(frozen=True)
class PresetRow:
    """Attacks that run one after another on what the earlier ones did not break.

    Attributes:
        title: As people call it.
        attacks: In order.
        examples: How many are usual.
        walked: Examples on which every budget is attacked from scratch, for the checks.
        is_comparable: Whether the figures may stand beside those of leaderboards.
        help: One sentence.
    """

    title: str
    attacks: tuple[AttackSpec, ...]
    examples: int
    walked: int
    is_comparable: bool
    help: str


LOSS_NAMES = {
    "cross_entropy": "Cross-entropy",
    "margin": "Margin (Carlini & Wagner)",
    "dlr": "Difference of logits ratio",
    "targeted_dlr": "Targeted DLR",
    "targeted_margin": "Targeted margin",
}

ATTACKS = {
    "fgsm": AttackRow(
        "FGSM",
        ("linf", "l2", "l1"),
        "usable_core.attacks.gradient:Fgsm",
        False,
        True,
        "Goodfellow et al. 2015, arXiv:1412.6572",
        "One step along the gradient. Weak: an upper bound only.",
    ),
    "pgd": AttackRow(
        "PGD",
        ("linf", "l2", "l1"),
        "usable_core.attacks.gradient:Pgd",
        True,
        True,
        "Madry et al. 2018, arXiv:1706.06083",
        "Many small projected gradient steps from a random start; the worst of all steps counts.",
    ),
    "apgd": AttackRow(
        "APGD",
        ("linf", "l2"),
        "usable_core.attacks.apgd:Apgd",
        True,
        True,
        "Croce & Hein 2020, arXiv:2003.01690",
        "Gradient steps with momentum that halve themselves when they stop helping; no step size "
        "to choose.",
    ),
    "fab": AttackRow(
        "FAB",
        ("linf", "l2", "l1"),
        "usable_core.attacks.fab:Fab",
        True,
        True,
        "Croce & Hein 2020, arXiv:1907.02044",
        "Steps onto the decision boundary while it stays near the image: looks for the smallest "
        "perturbation, aimed at one class after another.",
    ),
    "square": AttackRow(
        "Square",
        ("linf", "l2"),
        "usable_core.attacks.square:Square",
        True,
        False,
        "Andriushchenko et al. 2020, arXiv:1912.00049",
        "Random search over squares; needs answers only, so masked gradients do not stop it.",
    ),
    "noise": AttackRow(
        "Random noise",
        ("linf", "l2", "l1"),
        "usable_core.attacks.noise:Noise",
        False,
        False,
        "Baseline: uniform on the corners (Linf) or the sphere (L2, L1)",
        "No adversary. Every real attack must be stronger than this.",
    ),
    "uniform_noise": AttackRow(
        "Uniform noise",
        ("linf", "l2", "l1"),
        "usable_core.attacks.noise:Noise",
        False,
        False,
        "Baseline: uniform in the ball",
        "No adversary: a point drawn from the inside of the budget.",
    ),
    "gaussian_noise": AttackRow(
        "Gaussian noise",
        ("linf", "l2", "l1"),
        "usable_core.attacks.noise:Noise",
        False,
        False,
        "Baseline: normal noise scaled to the budget",
        "No adversary: normal noise of the size of the budget.",
    ),
}

PRESETS = {
    "glance": PresetRow(
        "Glance",
        (AttackSpec("fgsm"), AttackSpec("pgd", steps=20)),
        64,
        8,
        False,
        "Seconds: FGSM and PGD-20 on a few dozen examples. A first look, not a figure to publish.",
    ),
    "standard": PresetRow(
        "Standard",
        (
            AttackSpec("apgd", steps=50),
            AttackSpec("apgd", steps=50, loss="margin"),
            AttackSpec("apgd", steps=50, loss="dlr"),
            AttackSpec("square", steps=1000),
        ),
        500,
        32,
        False,
        "APGD with three losses, then 1,000 queries of Square: close to Benchmark at a fraction of "
        "its cost.",
    ),
    "benchmark": PresetRow(
        "Benchmark",
        (
            AttackSpec("apgd", steps=100),
            AttackSpec("apgd", steps=100, loss="targeted_dlr", targets=9),
            AttackSpec("fab", steps=100, loss="targeted_margin", targets=9),
            AttackSpec("square", steps=5000),
        ),
        1000,
        32,
        True,
        "The AutoAttack standard suite with its budgets: the only preset whose figures may stand "
        "beside those of leaderboards.",
    ),
}
