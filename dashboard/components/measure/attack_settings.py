"""What the Robustness page asks about the attack."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.measure.measuring_page import Ask
from dashboard.components.measure.text_attack_settings import (
    shown_of,
    text_attack_settings,
    usual_texts,
)
from dashboard.components.shared.data_picker import limit_key
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.kinds import choose_kind, chosen_kind
from dashboard.components.shared.names import model_title
from dashboard.components.shared.pickers import model_options, with_typed
from usable_core.catalog.attacks import ATTACKS, LOSSES, PRESETS, AttackSpec
from usable_core.catalog.references import has_gradients
from usable_core.errors import AttackError
from usable_core.evaluations.attack_choice import DEFAULT, AttackChoice
from usable_core.evaluations.epsilon import NORM_TITLES, PIXEL_NORMS, epsilon_label, grid, typed
from usable_core.evaluations.robustness import RobustnessConfig, default_epsilons
from usable_core.evaluations.specs import DatasetSpec, ModelSpec

TARGETS = 9  # as many classes as AutoAttack aims at
DRAWS_HELP = (
    "How many answers make one, for models that answer at random (expectation over "
    "transformations). 1 for all others; the cost grows in proportion."
)
SINGLE = "single"
FIRST = "glance"
NOBODY = "none"


def attack_settings() -> Ask:
    """Ask for the preset, and in an expander for everything that it leaves open."""
    return text_attack_settings() if choose_kind("robustness") == "text" else _on_pictures()


def _on_pictures() -> Ask:
    chosen = st.segmented_control(
        "Attack",
        [*PRESETS, SINGLE],
        default=FIRST,
        required=True,
        key=state.ROBUSTNESS_PRESET,
        format_func=lambda name: PRESETS[name].title if name in PRESETS else "Single attack",
        on_change=_usual_number,
        help=_help(),
    )
    preset = None if chosen == SINGLE else chosen
    st.caption(PRESETS[preset].help if preset else "One attack with settings of your own.")
    is_asking = not state.chosen_run_ids()  # else the answer is what one came for
    with st.expander("Settings of the attack", expanded=preset is None and is_asking):
        choice = AttackChoice(preset) if preset else _single_attack()
        return _shared(choice)


def restore_attack(asked: RobustnessConfig) -> None:
    """Have `attack_settings` show the attack of a question, as far as it can."""
    for key, value in (shown_of(asked) if asked.kind == "text" else _shown(asked)).items():
        st.session_state[key] = value


def _shown(asked: RobustnessConfig) -> dict[str, object]:
    text = ", ".join(typed(epsilon, asked.norm) for epsilon in asked.epsilons)
    is_usual = asked.epsilons == default_epsilons(asked.norm)
    shown: dict[str, object] = {
        state.of_page("robustness", "kind"): "picture",
        state.ROBUSTNESS_PRESET: asked.preset or SINGLE,
        state.ROBUSTNESS_NORM: asked.norm,
        state.ROBUSTNESS_EPSILONS: "" if is_usual else text,
        state.ROBUSTNESS_SEED: asked.seed,
        state.ROBUSTNESS_DRAWS: asked.draws,
        state.ROBUSTNESS_SURROGATE: asked.surrogate.reference if asked.surrogate else NOBODY,
    }
    if asked.preset is None:
        (attack, *_) = asked.attacks
        shown |= {
            state.ROBUSTNESS_ATTACK: attack.name,
            state.ROBUSTNESS_STEPS: attack.steps,
            state.ROBUSTNESS_RESTARTS: attack.restarts,
            state.ROBUSTNESS_LOSS: attack.loss,
        }
    return shown


def usual_examples() -> int:
    """Return how many examples the chosen preset usually takes."""
    if chosen_kind("robustness") == "text":
        return usual_texts()
    preset = PRESETS.get(st.session_state.get(state.ROBUSTNESS_PRESET) or FIRST)
    return preset.examples if preset else PRESETS["glance"].examples


def _usual_number() -> None:
    """Let the number of examples follow the preset."""
    st.session_state[limit_key(state.of_page("robustness", "dataset"))] = usual_examples()


def _help() -> str:
    lines = [f"**{row.title}** ({row.examples} examples): {row.help}" for row in PRESETS.values()]
    return "\n\n".join([*lines, "**Single attack**: one of those in the list, as you set it."])


def _shared(choice: AttackChoice) -> Ask:
    """Ask for what every attack has: norm, budgets, draws, surrogate, seed; return the question."""
    one, two, three = st.columns(3)
    norms = [n for n in PIXEL_NORMS if all(n in ATTACKS[a.name].norms for a in choice.attacks)]
    norm = one.selectbox(
        "Norm",
        norms,
        format_func=NORM_TITLES.get,
        key=state.ROBUSTNESS_NORM,
        help="How the size of a change is measured: L∞ by its largest pixel, L2 by its length, "
        "L1 by its sum. Not every attack works in all of them.",
    )
    epsilons = two.text_input(
        "Budgets ε",
        key=state.ROBUSTNESS_EPSILONS,
        placeholder="1/255, 4/255, 8/255",
        help="Of the [0, 1] pixel range; 1/255 is one grey level. 0, the clean accuracy, is always "
        f"measured too. Empty: {_usual_budgets()}",
    )
    seed = three.number_input("Seed", 0, value=0, key=state.ROBUSTNESS_SEED)
    draws = one.number_input(
        "Answers averaged", 1, 1000, 1, key=state.ROBUSTNESS_DRAWS, help=DRAWS_HELP
    )
    with two:
        surrogate = _surrogate()

    def ask(model: ModelSpec, dataset: DatasetSpec) -> RobustnessConfig:
        is_other = surrogate not in (NOBODY, model.reference)  # no model is its own surrogate
        attacks, preset = _tried_on(model, choice)
        return RobustnessConfig(
            model,
            dataset,
            attacks=attacks,
            preset=preset,
            norm=norm,
            epsilons=grid(epsilons) if epsilons.strip() else (),
            seed=int(seed),
            draws=int(draws),
            surrogate=ModelSpec(surrogate) if is_other else None,
        )

    return ask


def _tried_on(model: ModelSpec, choice: AttackChoice) -> tuple[tuple[AttackSpec, ...], str | None]:
    """Return the attacks on a model and the preset they are: of those without gradients, Square.

    Raises:
        AttackError: the single attack that is chosen follows gradients, and the model has none.
    """
    if has_gradients(model.reference):
        return choice.attacks, choice.preset
    if choice.preset is not None:
        return PRESETS[choice.preset].attacks_on(has_gradients=False), None
    for attack in choice.attacks:
        if ATTACKS[attack.name].is_gradient_based:
            raise AttackError(
                f"{ATTACKS[attack.name].title} follows a model's gradients, and "
                f"{model_title(model.reference)} has none. Choose Square, which asks for answers "
                "alone."
            )
    return choice.attacks, None


def square_note(questions: Sequence[RobustnessConfig]) -> None:
    """Say which models only Square can attack, and why, before it starts."""
    square = [asked for asked in questions if {one.name for one in asked.attacks} == {"square"}]
    blind = [asked for asked in square if not has_gradients(asked.model.reference)]
    if blind:
        names = ", ".join(model_title(asked.model.reference) for asked in blind)
        queries = max(attack.steps for attack in blind[0].attacks)
        st.caption(
            f":material/visibility_off: {escaped(names)}: no gradients to follow, so Square alone "
            f"attacks here, with {queries:,} queries an image at most, beside noise of the same "
            "size. What withstands Square may still break."
        )


def _usual_budgets() -> str:
    usual = {NORM_TITLES[norm]: (norm, default_epsilons(norm)) for norm in PIXEL_NORMS}
    return "; ".join(
        f"{title}: {', '.join(epsilon_label(e, norm) for e in epsilons)}"
        for title, (norm, epsilons) in usual.items()
    )


def _surrogate() -> str:
    options = model_options()
    return st.selectbox(
        "Substitute model",
        with_typed([NOBODY, *options], state.ROBUSTNESS_SURROGATE),
        key=state.ROBUSTNESS_SURROGATE,
        format_func=lambda name: options.get(name, name),
        help="Surrogate: another backbone of the same input size and classes. Images made for it "
        "are tried too, which shows gradients that are masked.",
    )


def _single_attack() -> AttackChoice:
    """Ask for one attack and its own settings."""
    one, two, three = st.columns(3)
    attack = one.selectbox(
        "Attack",
        ATTACKS,
        index=list(ATTACKS).index(DEFAULT.name),
        format_func=lambda name: ATTACKS[name].title,
        key=state.ROBUSTNESS_ATTACK,
        help="\n\n".join(f"**{row.title}**: {row.help}" for row in ATTACKS.values()),
    )
    steps = two.number_input(
        "Steps",
        1,
        10_000,
        DEFAULT.steps,
        key=state.ROBUSTNESS_STEPS,
        help="Gradient steps, or queries of Square.",
    )
    restarts = three.number_input(
        "Restarts", 1, 100, DEFAULT.restarts, key=state.ROBUSTNESS_RESTARTS
    )
    loss = one.selectbox(
        "Loss",
        LOSSES,
        format_func=lambda name: LOSSES[name].title,
        key=state.ROBUSTNESS_LOSS,
        help="What the gradient raises; targeted losses aim at the most probable wrong classes.",
    )
    return AttackChoice(
        attack=attack,
        steps=int(steps),
        restarts=int(restarts),
        loss=loss,
        targets=TARGETS if LOSSES[loss].is_targeted else 0,
    )
