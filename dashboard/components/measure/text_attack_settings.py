"""What the Robustness page asks about an attack on texts."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.measuring_page import Ask
from dashboard.components.shared.formats import choose_one
from dashboard.components.shared.kinds import known_kinds
from dashboard.components.shared.pickers import model_options, with_typed
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.evaluations.epsilon import grid, typed
from usable_core.evaluations.robustness import RobustnessConfig, default_epsilons
from usable_core.evaluations.specs import DatasetSpec, ModelSpec

FIRST = "synonym"
NOBODY = "none"


def text_attack_settings() -> Ask:
    """Ask how words are changed, how many of them, and who judges what broken texts say."""
    preset = choose_one(
        "Attack",
        {name: row.title for name, row in TEXT_PRESETS.items()},
        key=state.ROBUSTNESS_TEXT_PRESET,
        default=FIRST,
        help="\n\n".join(f"**{row.title}**: {row.help}" for row in TEXT_PRESETS.values()),
    )
    st.caption(TEXT_PRESETS[preset].help)
    with st.expander("Settings of the attack", expanded=False):
        one, two, three = st.columns(3)
        epsilons = one.text_input(
            "Shares ε of the words",
            key=state.ROBUSTNESS_TEXT_EPSILONS,
            placeholder=_usual(),
            help="How many of a text's words are changed, at most, rounded down. 0, the clean "
            f"accuracy, is always measured too. Empty: {_usual()}",
        )
        with two:
            judge = judge_picker(state.ROBUSTNESS_JUDGE)
        seed = three.number_input("Seed", 0, value=0, key=state.ROBUSTNESS_SEED)

    def ask(model: ModelSpec, dataset: DatasetSpec) -> RobustnessConfig:
        is_other = judge not in (NOBODY, model.reference)  # nobody judges their own case
        return RobustnessConfig(
            model,
            dataset,
            attacks=TEXT_PRESETS[preset].attacks,
            preset=preset,
            norm="words",
            epsilons=grid(epsilons) if epsilons.strip() else (),
            seed=int(seed),
            judge=ModelSpec(judge) if is_other else None,
        )

    return ask


def shown_of(asked: RobustnessConfig) -> dict[str, object]:
    """Return the values that have `text_attack_settings` show the attack of a question."""
    is_usual = asked.epsilons == default_epsilons("words")
    return {
        state.of_page("robustness", "kind"): "text",
        state.ROBUSTNESS_TEXT_PRESET: asked.preset or FIRST,
        state.ROBUSTNESS_TEXT_EPSILONS: "" if is_usual else _listed(asked.epsilons),
        state.ROBUSTNESS_JUDGE: asked.judge.reference if asked.judge else NOBODY,
        state.ROBUSTNESS_SEED: asked.seed,
    }


def usual_texts() -> int:
    """Return how many texts are attacked at first."""
    return TEXT_PRESETS[st.session_state.get(state.ROBUSTNESS_TEXT_PRESET) or FIRST].examples


def _usual() -> str:
    return _listed(default_epsilons("words")[1:])


def _listed(epsilons: Sequence[float]) -> str:
    return ", ".join(typed(epsilon, "words") for epsilon in epsilons)


def judge_picker(key: str) -> str:
    """Ask for a model of texts that judges what broken texts say, and return its reference.

    `NOBODY` where none is to.
    """
    known = {
        name: title for name, title in model_options().items() if known_kinds([name]) == {"text"}
    }
    return st.selectbox(
        "Judge",
        with_typed([NOBODY, *known], key),
        key=key,
        accept_new_options=True,
        format_func=lambda name: "Nobody" if name == NOBODY else known.get(name, name),
        help="Another model of the same classes, which reads each broken text: where it still "
        "reads what was said before, the attack did not change what the text says.",
    )
