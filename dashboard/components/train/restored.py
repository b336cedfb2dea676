"""The question of a run put back into the form, with what no widget of it shows."""

from dataclasses import replace
from typing import TypeVar

import streamlit as st

from dashboard import state
from dashboard.components.shared.data_picker import restore_dataset
from dashboard.components.shared.formats import escaped
from dashboard.components.shared.pickers import restore_models
from dashboard.components.shared.run_panel import run_of
from dashboard.components.train.all_settings import restore_settings
from dashboard.components.train.recipe import USUAL
from usable_core.catalog.recipes import RECIPES
from usable_core.evaluations.specs import DatasetSpec, ModelSpec
from usable_core.evaluations.training import FineTuningConfig

# What no widget asks for, by the field of the config.
HIDDEN = {
    "model": ("preprocessing", "labels"),
    "dataset": ("split", "seed"),
    "source": ("split", "limit", "seed"),
}
_RESTORED, _CARRIED = "fine_tune_restored", "fine_tune_carried"
Spec = TypeVar("Spec", ModelSpec, DatasetSpec)


def restore_training() -> None:
    """Put the question of the address's run into the form, once; call it before the form."""
    run_id = state.chosen_run_id()
    if run_id is None or not (state.has_arrived() or st.session_state.get(_RESTORED) != run_id):
        return
    st.session_state[_RESTORED] = run_id
    run = run_of(run_id)
    if run is None or not isinstance(run.config, FineTuningConfig):
        return
    asked = run.config
    st.session_state[_CARRIED] = asked
    restore_models(state.FINE_TUNE_MODEL, [asked.model])
    restore_dataset(state.FINE_TUNE_DATASET, asked.dataset, "fine_tune")
    if asked.source is not None:
        restore_dataset(state.FINE_TUNE_SOURCE, asked.source)
    shown = {
        state.FINE_TUNE_RECIPE: asked.recipe or USUAL,
        state.FINE_TUNE_METHOD: asked.method,
        state.FINE_TUNE_PROMPT: asked.prompt,
        state.FINE_TUNE_EPOCHS: asked.schedule.epochs,
        state.FINE_TUNE_RATE: asked.schedule.learning_rate,
        state.FINE_TUNE_AUGMENTATION: asked.schedule.augmentation or "shift",
        state.FINE_TUNE_HAS_SOURCE: asked.is_joint,
        state.FINE_TUNE_KEPT_BY: asked.proxy,
        state.FINE_TUNE_WEIGHT: asked.task_weight,
        state.FINE_TUNE_SCRATCH: asked.from_scratch,
    }
    st.session_state.update(shown)
    restore_settings({**vars(asked.schedule), **vars(asked)})


def carried(spec: Spec, field: str) -> Spec:
    """Return a name with what the restored run says of the same beyond that, and say so.

    Args:
        spec: As the form has it.
        field: Of the config: `model`, `dataset` or `source`.
    """
    config = st.session_state.get(_CARRIED)
    before = getattr(config, field, None)
    if before is None or before.reference != spec.reference:
        return spec
    own, usual = vars(spec), vars(type(spec)(spec.reference))
    hidden = {name: getattr(before, name) for name in HIDDEN[field]}
    if config.recipe and hidden.get("preprocessing") == RECIPES[config.recipe].preprocessing:
        del hidden["preprocessing"]  # it comes and goes with the recipe
    told = {n: v for n, v in hidden.items() if v != usual[n] and own[n] == usual[n]}
    if told:
        words = ", ".join(f"{name} {_spoken(value)}" for name, value in told.items())
        st.caption(escaped(f"As in the run that this form was filled from: {words}."))
    return replace(spec, **told)


def _spoken(value: object) -> str:
    pairs = value if isinstance(value, tuple) else ()
    return " ".join("=".join(pair) for pair in pairs) or str(value)
