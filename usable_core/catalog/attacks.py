"""The attacks on pictures that can be chosen, and the presets that put them together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class AttackSpec:
    """One attack with its settings.

    Attributes:
        name: A key of `ATTACKS`, or of `TEXT_ATTACKS`.
        steps: Gradient steps, or queries of an attack without gradients; of an attack on texts, the
            swaps that are tried for each further word.
        restarts: Random starts; the worst per example counts.
        loss: A key of `LOSSES`.
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
        """Return what tells it from the other attacks of a ladder: `apgd (dlr)`, `synonym (8)`."""
        if self.name not in ATTACKS:  # of texts: they have no losses to choose from
            return f"{self.name} ({self.steps})"
        is_usual = self.loss == "cross_entropy" or not ATTACKS[self.name].is_gradient_based
        return self.name if is_usual else f"{self.name} ({self.loss})"

    @property
    def is_targeted(self) -> bool:
        """Tell whether it aims at one class after another."""
        row = ATTACKS.get(self.name)
        return LOSSES[self.loss].is_targeted or (row is not None and row.is_targeted_only)


@dataclass(frozen=True)
class LossRow:
    """What an attack raises: its title, and whether it aims at a class."""

    title: str
    is_targeted: bool = False


@dataclass(frozen=True)
class AttackRow:
    """One attack.

    Attributes:
        title: As people call it.
        function: Dotted name of what implements it; of an attack on texts, of its swaps.
        paper: Where it comes from.
        help: One sentence.
        norms: Those that it works in.
        is_iterative: Whether it takes more than one step.
        is_gradient_based: Whether it needs gradients.
        is_targeted_only: Whether it aims at one class after another and has a loss of its own,
            whatever loss its settings name.
        is_random: Whether its first run draws at random.
    """

    title: str
    function: str
    paper: str
    help: str
    norms: tuple[str, ...] = ("linf", "l2", "l1")
    is_iterative: bool = True
    is_gradient_based: bool = True
    is_targeted_only: bool = False
    is_random: bool = True


@dataclass(frozen=True)
class PresetRow:
    """Attacks that run one after another on what the earlier ones did not break.

    Attributes:
        title: As people call it.
        attacks: In order.
        queries: Of Square alone, in their place, on a model without gradients.
        examples: How many are usual.
        walked: Examples on which every budget is attacked from scratch, for the checks.
        rivalled: Of these, how many that withstand are tried with other attacks, at most.
        is_comparable: Whether the figures may stand beside those of leaderboards.
        help: One sentence.
    """

    title: str
    attacks: tuple[AttackSpec, ...]
    queries: int
    examples: int
    walked: int
    is_comparable: bool
    help: str
    rivalled: int = 32  # as many as any preset walks

    def attacks_on(self, *, has_gradients: bool) -> tuple[AttackSpec, ...]:
        """Return what is tried on a model with or without gradients."""
        return self.attacks if has_gradients else (AttackSpec("square", steps=self.queries),)


def _noise(title: str, paper: str, help_text: str) -> AttackRow:
    function = "usable_core.attacks.noise:Noise"
    return AttackRow(title, function, paper, help_text, is_iterative=False, is_gradient_based=False)


LOSSES = {
    "cross_entropy": LossRow("Cross-entropy"),
    "margin": LossRow("Margin (Carlini & Wagner)"),
    "dlr": LossRow("Difference of logits ratio"),
    "targeted_dlr": LossRow("Targeted DLR", is_targeted=True),
    "targeted_margin": LossRow("Targeted margin", is_targeted=True),
}

ATTACKS = {
    "fgsm": AttackRow(
        "FGSM",
        "usable_core.attacks.gradient:Fgsm",
        "Goodfellow et al. 2015, arXiv:1412.6572",
        "One step along the gradient. Weak: an upper bound only.",
        is_iterative=False,
        is_random=False,
    ),
    "pgd": AttackRow(
        "PGD",
        "usable_core.attacks.gradient:Pgd",
        "Madry et al. 2018, arXiv:1706.06083",
        "Many small projected gradient steps from a random start; the worst of all steps counts.",
    ),
    "apgd": AttackRow(
        "APGD",
        "usable_core.attacks.apgd:Apgd",
        "Croce & Hein 2020, arXiv:2003.01690",
        "Gradient steps with momentum that halve themselves when they stop helping; no step size "
        "to choose.",
        norms=("linf", "l2"),
    ),
    "fab": AttackRow(
        "FAB",
        "usable_core.attacks.fab:Fab",
        "Croce & Hein 2020, arXiv:1907.02044",
        "Steps onto the decision boundary while it stays near the image: looks for the smallest "
        "perturbation, aimed at one class after another.",
        is_targeted_only=True,
        is_random=False,
    ),
    "square": AttackRow(
        "Square",
        "usable_core.attacks.square:Square",
        "Andriushchenko et al. 2020, arXiv:1912.00049",
        "Random search over squares; needs answers only, so masked gradients do not stop it.",
        norms=("linf", "l2"),
        is_gradient_based=False,
    ),
    "noise": _noise(
        "Random noise",
        "Baseline: uniform on the corners (Linf) or the sphere (L2, L1)",
        "No adversary. Every real attack must be stronger than this.",
    ),
    "uniform_noise": _noise(
        "Uniform noise",
        "Baseline: uniform in the ball",
        "No adversary: a point drawn from the inside of the budget.",
    ),
    "gaussian_noise": _noise(
        "Gaussian noise",
        "Baseline: normal noise scaled to the budget",
        "No adversary: normal noise of the size of the budget.",
    ),
}

PRESETS = {
    "glance": PresetRow(
        title="Glance",
        attacks=(AttackSpec("fgsm"), AttackSpec("pgd", steps=20)),
        queries=200,
        examples=64,
        walked=4,
        rivalled=2,
        is_comparable=False,
        help="Seconds: FGSM and PGD-20 on a few dozen examples. A first look, not a figure to "
        "publish.",
    ),
    "standard": PresetRow(
        title="Standard",
        attacks=(
            AttackSpec("apgd", steps=50),
            AttackSpec("apgd", steps=50, loss="margin"),
            AttackSpec("apgd", steps=50, loss="dlr"),
            AttackSpec("square", steps=1000),
        ),
        queries=1000,
        examples=500,
        walked=32,
        is_comparable=False,
        help="APGD with three losses, then 1,000 queries of Square: close to Benchmark at a "
        "fraction of its cost.",
    ),
    "benchmark": PresetRow(
        title="Benchmark",
        attacks=(
            AttackSpec("apgd", steps=100),
            AttackSpec("apgd", steps=100, loss="targeted_dlr", targets=9),
            AttackSpec("fab", steps=100, loss="targeted_margin", targets=9),
            AttackSpec("square", steps=5000),
        ),
        queries=5000,
        examples=1000,
        walked=32,
        is_comparable=True,
        help="The AutoAttack standard suite with its budgets: the only preset whose figures "
        "may stand beside those of leaderboards.",
    ),
}
