"""What the Fine-tune page asks: backbone, data, method, schedule, old knowledge."""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from dashboard import state
from dashboard.components.shared.data_look import look_note
from dashboard.components.shared.data_picker import dataset_picker, restore_dataset
from dashboard.components.shared.formats import choose_one, errors_shown, escaped
from dashboard.components.shared.names import model_title
from dashboard.components.shared.pickers import model_picker, restore_models
from dashboard.components.shared.run_panel import run_of, start_run
from dashboard.components.shared.weights import here
from dashboard.components.train.outlook import outlook
from dashboard.components.train.recipe import USUAL, choose_recipe, prepared, unshown
from usable_core.catalog.kinds import kind_of_data, kind_of_model
from usable_core.catalog.recipes import RECIPES
from usable_core.catalog.references import has_gradients
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, InputKind, ModelSpec
from usable_core.evaluations.training import FineTuningConfig

METHODS = {
    "full": "Full fine-tuning",
    "linear_probe": "Linear probe",
    "probe_then_full": "Probe, then full",
}
METHOD_HELP = (
    "Full fine-tuning moves every weight. A linear probe moves only the new head, on features "
    "that are computed once: quick, and a measure of how good they are. One after the other, a "
    "random head distorts no feature."
)
AUGMENTATIONS = {
    "none": "None",
    "shift": "Shift",
    "shift_flip": "Shift and flip",
    "rand_augment": "Random changes",
}
SOURCE_HELP = (
    r"Minimises $L_\mathrm{pre}(\theta) + \lambda\,L_\mathrm{fine}(\theta)$: two heads, one "
    "backbone, so that it does not forget what it knew. Each loss counts in units of its start. "
    r"$\lambda \le 0.001$ leaves the model as it was, $\lambda \ge 1000$ is plain fine-tuning."
)
DEFAULTS = Schedule()


def restore_training() -> None:
    """Put the question of the address's run into the form, once; call it before the form."""
    run_id, key = state.chosen_run_id(), "fine_tune_restored"
    if run_id is None or not (state.has_arrived() or st.session_state.get(key) != run_id):
        return
    st.session_state[key] = run_id
    run = run_of(run_id)
    if run is None or not isinstance(run.config, FineTuningConfig):
        return
    asked = run.config
    restore_models(state.FINE_TUNE_MODEL, [asked.model])
    restore_dataset(state.FINE_TUNE_DATASET, asked.dataset)
    if asked.source is not None:
        restore_dataset(state.FINE_TUNE_SOURCE, asked.source)
    shown = {
        state.FINE_TUNE_RECIPE: asked.recipe or USUAL,
        state.FINE_TUNE_METHOD: asked.method,
        state.FINE_TUNE_PROMPT: asked.prompt,
        state.FINE_TUNE_EPOCHS: asked.schedule.epochs,
        state.FINE_TUNE_RATE: asked.schedule.learning_rate,
        state.FINE_TUNE_AUGMENTATION: asked.schedule.augmentation or "shift",
        state.FINE_TUNE_HAS_SOURCE: asked.source is not None,
        state.FINE_TUNE_WEIGHT: asked.task_weight,
        state.FINE_TUNE_SCRATCH: asked.from_scratch,
    }
    for widget, value in shown.items():
        st.session_state[widget] = value


def fine_tuning_form() -> None:
    """Ask for a training and start it when the button is pressed."""
    restore_training()
    models = model_picker(state.FINE_TUNE_MODEL, label="Backbone")
    is_able = len(here(models)) == len(models) and can_learn(models)
    dataset = dataset_picker(state.FINE_TUNE_DATASET)
    look_note(dataset)
    outlook(models if is_able else (), dataset)
    is_text = "text" in _kinds(models, dataset)
    recipe = choose_recipe(is_text=is_text)
    row = RECIPES[recipe]
    method = choose_one(
        "Method", METHODS, key=state.FINE_TUNE_METHOD, default="full", help=METHOD_HELP
    )
    prompt = _prompt() if is_text else ""
    schedule = {**row.schedule, **_schedule(is_text=is_text)}
    source, task_weight = _source() if method != "linear_probe" else (None, 1.0)
    from_scratch = st.checkbox(
        "From random weights",
        key=state.FINE_TUNE_SCRATCH,
        help="The control: what the same budget reaches without pre-training.",
    )
    is_of_one_kind = are_of_one_kind(models, (dataset, source))
    is_ready = bool(models) and is_able and dataset is not None and is_of_one_kind
    if st.button(
        "Start", type="primary", key=state.FINE_TUNE_START, disabled=not is_ready, width="stretch"
    ):
        with errors_shown():
            start_run(
                FineTuningConfig(
                    model=prepared(models[0], row),
                    dataset=dataset,
                    method=method,
                    prompt=prompt,
                    schedule=Schedule(**schedule),
                    source=source,
                    task_weight=task_weight,
                    from_scratch=from_scratch,
                    **unshown(row),
                    recipe=None if recipe == USUAL else recipe,
                )
            )


def can_learn(models: Sequence[ModelSpec]) -> bool:
    """Say why a backbone that only answers cannot be trained; tell whether all can be."""
    blind = [model for model in models if not has_gradients(model.reference)]
    for model in blind:
        st.warning(
            f"{escaped(model_title(model.reference))} answers and has no gradients, so it cannot "
            "be trained. Choose the network that it was exported from.",
            icon=":material/link_off:",
        )
    return not blind


def _kinds(models: Sequence[ModelSpec], dataset: DatasetSpec | None) -> list[InputKind]:
    """Return what the models and the data are of, as far as that is known before they are read."""
    found = [kind_of_model(model.reference) for model in models]
    found += [] if dataset is None else [kind_of_data(dataset.reference)]
    return [kind for kind in found if kind is not None]


def are_of_one_kind(models: Sequence[ModelSpec], datasets: Sequence[DatasetSpec | None]) -> bool:
    """Say that a model of pictures cannot learn from texts, nor one of texts from pictures."""
    others = [d for d in datasets if d is not None and len(set(_kinds(models, d))) > 1]
    for dataset in others:
        takes, holds = _kinds(models, dataset)
        name = Path(dataset.reference).name
        said = f"{model_title(models[0].reference)} takes {takes}s, and {name} holds {holds}s."
        st.warning(
            escaped(f"{said} Choose a backbone and data of one kind."), icon=":material/link_off:"
        )
    return not others


def _prompt() -> str:
    """Ask for the words that are read behind each text."""
    said: str = st.text_input(
        "Prompt",
        key=state.FINE_TUNE_PROMPT,
        placeholder="none",
        help="Words that are read behind each text, such as “The sentiment of this review is”; the "
        "model that is trained keeps them. A decoder says more of a text where it is asked "
        "something.",
    )
    return said.strip()


def _schedule(*, is_text: bool) -> dict[str, object]:
    """Ask for the settings of the schedule, which are checked when the training starts."""
    one, two = st.columns(2)
    epochs = one.number_input(
        "Epochs",
        1,
        1000,
        DEFAULTS.epochs,
        key=state.FINE_TUNE_EPOCHS,
        placeholder="usual",
        help="Passes over the data. Left empty: 10; where all weights of a network of texts are "
        "moved, as many as make 600 steps, from 3 to 10.",
    )
    rate = two.number_input(
        "Learning rate",
        1e-6,
        10.0,
        DEFAULTS.learning_rate,
        format="%g",
        step=0.01,
        key=state.FINE_TUNE_RATE,
        placeholder="usual",
        help="The peak of a cosine schedule with a linear warm-up. Left empty: 0.05 for a linear "
        "probe and for networks of batch normalisation alone, 0.01 for all others; for texts, with "
        "AdamW, 0.003 for a linear probe and 0.00005 else.",
    )
    found = {"epochs": epochs, "learning_rate": rate}
    if is_text:  # nothing of a text can be shifted
        return found
    augmentation = st.selectbox(
        "Augmentation",
        AUGMENTATIONS,
        index=list(AUGMENTATIONS).index("shift"),
        format_func=AUGMENTATIONS.__getitem__,
        key=state.FINE_TUNE_AUGMENTATION,
        help="Leave the flip out for classes that have a handedness, such as digits.",
    )
    return found | {"augmentation": augmentation}


def _source() -> tuple[DatasetSpec | None, float]:
    """Ask for the data of L_pre and for λ."""
    if not st.toggle("Keep old knowledge", key=state.FINE_TUNE_HAS_SOURCE, help=SOURCE_HELP):
        return None, 1.0
    source = dataset_picker(state.FINE_TUNE_SOURCE, label="Source data")
    weight = st.number_input(
        "λ, weight of the new task", 0.0, 1e6, 1.0, key=state.FINE_TUNE_WEIGHT, help=SOURCE_HELP
    )
    return source, weight
