"""What the Robustness page asks about the attack."""

from dataclasses import dataclass

import streamlit as st

from dashboard import state
from usable_core.catalog.attacks import ATTACKS
from usable_core.evaluations.robustness import RobustnessConfig, default_epsilons, parse_epsilons
from usable_core.evaluations.specs import DatasetSpec, ModelSpec, Norm
from usable_core.plots.style import epsilon_label

STEPS, RESTARTS = RobustnessConfig.steps, RobustnessConfig.restarts
NORMS = {"linf": "L∞", "l2": "L2"}


@dataclass(frozen=True)
class AttackSettings:
    """What the form says.

    Attributes:
        attack: Key of `ATTACKS`.
        norm: Norm of the perturbation.
        epsilons: The budgets as they were typed; empty for the usual ones.
        steps: Gradient steps.
        restarts: Random starts.
        seed: Of the random starts.
    """

    attack: str
    norm: Norm
    epsilons: str
    steps: int
    restarts: int
    seed: int

    def config(self, model: ModelSpec, dataset: DatasetSpec) -> RobustnessConfig:
        """Return the question about one model.

        Raises:
            ConfigError: an epsilon is no number or out of its range.
        """
        return RobustnessConfig(
            model, dataset, self.attack, self.norm,
            parse_epsilons(self.epsilons) or default_epsilons(self.norm),
            self.steps, self.restarts, seed=self.seed,
        )  # fmt: skip


def attack_settings() -> AttackSettings:
    """Ask for attack, norm, epsilons, steps, restarts and seed."""
    one, two, three = st.columns(3)
    attack = one.selectbox(
        "Attack", ATTACKS, index=list(ATTACKS).index(RobustnessConfig.attack),
        format_func=lambda name: ATTACKS[name].title, key=state.ROBUSTNESS_ATTACK,
        help="  \n".join(f"**{row.title}**: {row.help}" for row in ATTACKS.values()),
    )  # fmt: skip
    norm = two.selectbox("Norm", NORMS, format_func=NORMS.get, key=state.ROBUSTNESS_NORM)
    epsilons = three.text_input(
        "Budgets ε", key=state.ROBUSTNESS_EPSILONS, placeholder="0, 1/255, 4/255, 8/255",
        help="Of the [0, 1] pixel range; 1/255 is one grey level. Empty: "
        + "; ".join(
            f"{title}: {', '.join(epsilon_label(e, norm) for e in default_epsilons(norm))}"
            for norm, title in NORMS.items()
        ),
    )  # fmt: skip
    steps = one.number_input("Steps", 1, 1000, STEPS, key=state.ROBUSTNESS_STEPS)
    restarts = two.number_input("Restarts", 1, 100, RESTARTS, key=state.ROBUSTNESS_RESTARTS)
    seed = three.number_input("Seed", 0, value=0, key=state.ROBUSTNESS_SEED)
    return AttackSettings(attack, norm, epsilons, int(steps), int(restarts), int(seed))
