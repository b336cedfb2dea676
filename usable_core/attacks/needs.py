"""What attacks need of a model."""

from collections.abc import Sequence

from usable_core.catalog.attacks import ATTACKS, AttackRow, AttackSpec
from usable_core.models.model import Model


def check_gradients(model: Model, attacks: Sequence[AttackSpec]) -> None:
    """Check that a model has the gradients that attacks follow.

    Raises:
        NoGradients: it has none, and one of them needs them.
    """
    followed = [ATTACKS[spec.name] for spec in attacks if ATTACKS[spec.name].is_gradient_based]
    if followed:
        blind = " or ".join(name for name, row in ATTACKS.items() if _is_blind_attack(row))
        what = " and ".join(dict.fromkeys(row.title for row in followed))
        model.require_gradients(what, f"Choose the attack `{blind}`, which asks for answers alone.")


def _is_blind_attack(row: AttackRow) -> bool:
    return row.is_iterative and not row.is_gradient_based
