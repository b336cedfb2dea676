"""What is measured of each of several trainings beside its accuracy: nothing unless asked for."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import errors_shown
from dashboard.components.shared.kinds import known_kinds
from usable_core.catalog.attacks import PRESETS
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.text_attacks import TEXT_PRESETS
from usable_core.evaluations.epsilon import number, typed
from usable_core.evaluations.specs import InputKind, ModelSpec
from usable_core.evaluations.trainings import USUAL_PRESETS, Measures

NONE = ""  # of a choice that may be left out
NAMES = ("epsilon", "preset", "attacked", "explanation", "explained")
MOST = 1_000_000
USUAL = Measures()
EPSILON_HELP = (
    "Attack each trained model with this budget: of pictures such as 4/255 (L∞), of texts a share "
    "of the words such as 10%. Empty attacks none."
)


def restore_measures(page: str, asked: Measures, kind: InputKind = "picture") -> None:
    """Put what was asked into the form; call it before the form."""
    norm = "words" if kind == "text" else "linf"
    shown = {
        "epsilon": "" if asked.epsilon is None else typed(asked.epsilon, norm),
        "attacked": asked.attacked,
        "explanation": asked.explanation or NONE,
        "explained": asked.explained,
        "preset": asked.preset or NONE,
    }
    st.session_state.update({state.of_page(page, name): value for name, value in shown.items()})


def asked_measures(page: str, models: Sequence[ModelSpec]) -> Measures | None:
    """Ask for attacks on and maps of each training, which are dear; None where it cannot be asked.

    Args:
        page: Whose form it is.
        models: What is trained.
    """
    kind = kind_of(models)
    presets = PRESETS if kind == "picture" else TEXT_PRESETS
    methods = [name for name, row in EXPLAINERS.items() if kind == "picture" or row.of_texts]
    if state.of_page(page, "epsilon") not in st.session_state:
        restore_measures(page, USUAL)
    key = {name: state.of_page(page, name) for name in NAMES}
    for name, offered in (("preset", presets), ("explanation", methods)):
        if st.session_state[key[name]] not in offered:  # that of another model
            st.session_state[key[name]] = NONE
    with st.expander("Measure more of each training"):
        left, right = st.columns(2)
        text = left.text_input("Attack with ε", key=key["epsilon"], help=EPSILON_HELP).strip()
        attacked = right.number_input("Examples attacked", 1, MOST, key=key["attacked"])
        usual = f"Usual ({presets[USUAL_PRESETS[kind]].title})"
        preset = st.selectbox(
            "Attacks",
            [NONE, *presets],
            format_func=lambda name: presets[name].title if name else usual,
            key=key["preset"],
            disabled=not text,
        )
        left, right = st.columns(2)
        method = left.selectbox(
            "Maps by",
            [NONE, *methods],
            format_func=lambda name: EXPLAINERS[name].title if name else "None",
            key=key["explanation"],
            help="How far maps by this method are faithful: their deletion gain.",
        )
        explained = right.number_input("Examples explained", 1, MOST, key=key["explained"])
    with errors_shown():
        return Measures(
            epsilon=number(text) if text else None,
            preset=(preset or None) if text else None,
            attacked=int(attacked),
            explanation=method or None,
            explained=int(explained),
        )
    return None


def kind_of(models: Sequence[ModelSpec]) -> InputKind:
    """Return what models take, where that is known; pictures otherwise."""
    known = known_kinds([model.reference for model in models])
    return known.pop() if len(known) == 1 else "picture"
