"""The attacks that can be chosen."""

from dataclasses import dataclass


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


ATTACKS = {
    "fgsm": AttackRow(
        "FGSM",
        ("linf", "l2"),
        "usable_core.attacks.gradient:fgsm",
        False,
        True,
        "Goodfellow et al. 2015, arXiv:1412.6572",
        "One step along the gradient. Weak: an upper bound only.",
    ),
    "pgd": AttackRow(
        "PGD",
        ("linf", "l2"),
        "usable_core.attacks.gradient:pgd",
        True,
        True,
        "Madry et al. 2018, arXiv:1706.06083",
        "Many small projected gradient steps from a random start; the worst of all steps counts.",
    ),
    "noise": AttackRow(
        "Random noise",
        ("linf", "l2"),
        "usable_core.attacks.noise:noise",
        False,
        False,
        "Baseline: uniform on the corners (Linf) or the sphere (L2)",
        "No adversary. Every real attack must be stronger than this.",
    ),
}
