"""What the Fine-tune page asks: backbone, data, method, schedule, old knowledge."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from dashboard import state
from dashboard.components.shared.data_look import look_note
from dashboard.components.shared.data_picker import dataset_picker
from dashboard.components.shared.formats import choose_one, errors_shown, escaped
from dashboard.components.shared.names import model_title
from dashboard.components.shared.pickers import model_picker
from dashboard.components.shared.run_panel import start_run
from dashboard.components.shared.weights import here
from dashboard.components.train.all_settings import OTHERS, all_settings
from dashboard.components.train.keeps import KEEPS, KEEPS_HELP, differ
from dashboard.components.train.outlook import outlook
from dashboard.components.train.recipe import USUAL, choose_recipe, prepared
from dashboard.components.train.rehearsal import rehearsal
from dashboard.components.train.restored import carried, restore_training
from dashboard.components.train.start_button import start_button
from usable_core.catalog.kinds import kind_of_data, kind_of_model
from usable_core.catalog.recipes import RECIPES
from usable_core.catalog.references import has_gradients
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.specs import DatasetSpec, InputKind, ModelSpec
from usable_core.evaluations.training import FineTuningConfig

METHODS = {
    "full": "Full",
    "linear_probe": "Linear probe",
    "probe_then_full": "Probe + full",
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


def fine_tuning_form() -> None:
    """Ask for a training and start it when the button is pressed."""
    restore_training()
    question = _question()
    if question is not None:
        about = [question.model], question.dataset
        rehearsal(question, is_text="text" in _kinds(*about))
    is_pressed = start_button(state.FINE_TUNE_START, is_ready=question is not None)
    if is_pressed and question is not None:
        start_run(question)


def _question() -> FineTuningConfig | None:
    """Return what the form asks; None while something is missing, which is said."""
    models = model_picker(state.FINE_TUNE_MODEL, label="Backbone")
    models = tuple(carried(model, "model") for model in models)
    is_able = len(here(models)) == len(models) and can_learn(models)
    dataset = dataset_picker(state.FINE_TUNE_DATASET, ask_limit=True, page="fine_tune")
    dataset = dataset and carried(dataset, "dataset")
    look_note(dataset)
    outlook(models if is_able else (), dataset)
    is_text = "text" in _kinds(models, dataset)
    recipe = choose_recipe(is_text=is_text)
    row = RECIPES[recipe]
    method = choose_one(
        "Method", METHODS, key=state.FINE_TUNE_METHOD, default="full", help=METHOD_HELP
    )
    prompt = _prompt() if is_text else ""
    schedule = _schedule(is_text=is_text)
    source, kept = _kept(models) if method != "linear_probe" else (None, {})
    from_scratch = st.checkbox(
        "From random weights",
        key=state.FINE_TUNE_SCRATCH,
        help="The control: what the same budget reaches without pre-training.",
    )
    settings = all_settings(is_text=is_text)
    others = {name: settings.pop(name) for name in OTHERS}
    is_of_one_kind = are_of_one_kind(models, (dataset, source))
    differ(dataset, source)
    lacks_source = kept.get("proxy") == "none" and source is None
    if not (models and is_able and is_of_one_kind) or dataset is None or lacks_source:
        return None
    with errors_shown():
        return FineTuningConfig(
            model=prepared(models[0], row),
            dataset=dataset,
            method=method,
            prompt=prompt,
            schedule=Schedule(**schedule, **settings),
            source=source,
            from_scratch=from_scratch,
            recipe=None if recipe == USUAL else recipe,
            **kept,
            **others,
        )
    return None


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


def _schedule(*, is_text: bool) -> dict[str, Any]:
    """Ask for the settings of the schedule that matter most."""
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


def _kept(models: Sequence[ModelSpec]) -> tuple[DatasetSpec | None, dict[str, Any]]:
    """Ask for what L_pre is made of, and for λ; nothing where L_pre is left out."""
    if not st.toggle("Keep old knowledge", key=state.FINE_TUNE_HAS_SOURCE, help=SOURCE_HELP):
        return None, {}
    st.session_state.setdefault(state.FINE_TUNE_KEPT_BY, "none")
    proxy = choose_one("Kept by", KEEPS, key=state.FINE_TUNE_KEPT_BY, help=KEEPS_HELP)
    source = None
    if proxy == "none":
        source = dataset_picker(state.FINE_TUNE_SOURCE, label="Source data", models=models)
        source = source and carried(source, "source")
    weight = st.number_input(
        "λ, weight of the new task", 0.0, 1e6, 1.0, key=state.FINE_TUNE_WEIGHT, help=SOURCE_HELP
    )
    return source, {"proxy": proxy, "task_weight": weight}
