"""The recipe of a training: what the form begins with, what else it sets, what is wrong of it."""

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import escaped, forget_unless
from dashboard.components.train.all_settings import ASKED, restore_settings
from usable_core.catalog.recipes import RECIPES, RecipeRow
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import ModelSpec

USUAL = "usual"
DEFAULTS = Schedule()


def choose_recipe(*, is_text: bool) -> str:
    """Ask for a recipe, say what it sets and what is wrong about it, and return its name."""
    names = [name for name, row in RECIPES.items() if not (is_text and row.is_of_pictures)]
    forget_unless(state.FINE_TUNE_RECIPE, names)
    name = st.selectbox(
        "Recipe",
        names,
        format_func=lambda name: RECIPES[name].title,
        key=state.FINE_TUNE_RECIPE,
        on_change=_fill_in,
        help="\n\n".join(f"**{RECIPES[n].title}**: {RECIPES[n].help}" for n in names),
    )
    row = RECIPES[name]
    if name != USUAL:
        st.caption(escaped(_in_words(row)))
    if row.faults:
        label = f"{len(row.faults)} things are wrong about it"
        with st.expander(label, icon=":material/warning:"):
            for fault in row.faults:
                st.caption(escaped(fault))
            st.caption(f"Without these: the recipe *{RECIPES[row.better].title}*.")
    return name


def prepared(model: ModelSpec, row: RecipeRow) -> ModelSpec:
    """Return a model with the recipe's preprocessing, where it has none of its own."""
    return model if model.preprocessing else replace(model, preprocessing=row.preprocessing)


def _fill_in() -> None:
    """Let the form's fields show what the recipe says."""
    row = RECIPES[st.session_state[state.FINE_TUNE_RECIPE]]
    said: Mapping[str, object] = {**row.schedule, **row.settings}
    usual: Mapping[str, object] = {**vars(DEFAULTS), "method": "full", "augmentation": "shift"}
    widgets = {
        state.FINE_TUNE_METHOD: "method",
        state.FINE_TUNE_EPOCHS: "epochs",
        state.FINE_TUNE_RATE: "learning_rate",
        state.FINE_TUNE_AUGMENTATION: "augmentation",
    }
    for widget, name in widgets.items():
        st.session_state[widget] = said.get(name, usual[name])
    restore_settings(said)


def _in_words(row: RecipeRow) -> str:
    """Return what a recipe sets that no field of the form shows."""
    said = {**row.schedule, **row.settings, **dict(row.preprocessing)}
    hidden = {name: value for name, value in said.items() if name not in (*ASKED, "method")}
    values = {n: f"{v:g}" if isinstance(v, float) else v for n, v in hidden.items()}
    listed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())
    return f"It also sets: {listed}." if hidden else row.help
