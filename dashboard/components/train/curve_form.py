"""What the page of learning curves asks: backbones, task, sizes, seeds, and how is trained."""

import streamlit as st

from dashboard import state
from dashboard.components.shared.data_look import look_note
from dashboard.components.shared.data_picker import dataset_picker, restore_dataset
from dashboard.components.shared.formats import choose_one, errors_shown
from dashboard.components.shared.pickers import model_picker, restore_models
from dashboard.components.shared.run_panel import run_of, start_run
from dashboard.components.shared.weights import here
from dashboard.components.train.fine_tuning_form import are_of_one_kind, can_learn
from dashboard.components.train.measures_form import asked_measures, kind_of, restore_measures
from dashboard.components.train.start_button import start_button
from dashboard.components.train.sweep_form import PARTS
from usable_core.evaluations.learning_curve import LearningCurveConfig, size_said, sizes
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.trainings import seeds

MOST_MODELS = 4
METHODS = {"full": "Every weight", "linear_probe": "A new head"}
METHODS_HELP = "A new head on frozen features takes seconds; every weight is what fine-tuning does."
SIZES_HELP = (
    "How many of the training examples, drawn by class: the examples of each size are among those "
    "of the next. `all` is all there are. Few examples are seen as often as 200 steps take."
)
COUNTS = {"in_all": "In all", "per_class": "Of each class"}
COUNTS_HELP = "As a mean of the classes where these are not equally frequent."
COUNTED = state.of_page("learning_curve", "counted")
SCRATCH_HELP = "The control: what the same network learns without having been pretrained."
DEFAULT_MODELS = ("bundled/resnet",)
USUAL = {
    state.CURVE_SIZES: "20, 50, 100, 200, 500, all",
    state.CURVE_SEEDS: "0, 1, 2",
    state.CURVE_EPOCHS: 10,
    state.CURVE_METHOD: "full",
    state.CURVE_SCRATCH: False,
    state.CURVE_PART: "test",
    COUNTED: "in_all",
}


def restore_curve() -> None:
    """Put the question of the address's run into the form, once; call it before the form."""
    run_id, key = state.chosen_run_id(), "learning_curve_restored"
    if run_id is None or not (state.has_arrived() or st.session_state.get(key) != run_id):
        return
    st.session_state[key] = run_id
    run = run_of(run_id)
    if run is None or not isinstance(run.config, LearningCurveConfig):
        return
    asked = run.config
    restore_models(state.CURVE_MODELS, asked.models)
    restore_dataset(state.CURVE_DATASET, asked.dataset, "learning_curve")
    shown = {
        state.CURVE_SIZES: ", ".join(map(size_said, asked.train_sizes)),
        state.CURVE_SEEDS: ", ".join(map(str, asked.seeds)),
        state.CURVE_EPOCHS: asked.schedule.epochs or USUAL[state.CURVE_EPOCHS],
        state.CURVE_METHOD: asked.method,
        state.CURVE_SCRATCH: asked.from_scratch,
        state.CURVE_PART: asked.measured_on,
        COUNTED: asked.counted,
    }
    st.session_state.update(shown)
    restore_measures("learning_curve", asked.measures, kind_of(asked.models))


def curve_form() -> None:
    """Ask for a learning curve and start it when the button is pressed."""
    restore_curve()
    for key, value in USUAL.items():
        st.session_state.setdefault(key, value)
    models = model_picker(
        state.CURVE_MODELS, MOST_MODELS, label="Backbones", default=DEFAULT_MODELS
    )
    is_able = len(here(models)) == len(models) and can_learn(models)
    dataset = dataset_picker(
        state.CURVE_DATASET, label="Task", ask_limit=True, page="learning_curve"
    )
    look_note(dataset)
    counts = st.text_input("Examples to train on", key=state.CURVE_SIZES, help=SIZES_HELP)
    counted = choose_one("Counted", COUNTS, key=COUNTED, help=COUNTS_HELP)
    left, right = st.columns(2)
    drawn = left.text_input("Seeds", key=state.CURVE_SEEDS, help="Each draws its own examples.")
    epochs = right.number_input("Epochs", 1, 1000, key=state.CURVE_EPOCHS)
    method = choose_one("Trained is", METHODS, key=state.CURVE_METHOD, help=METHODS_HELP)
    control = st.toggle("From random weights too", key=state.CURVE_SCRATCH, help=SCRATCH_HELP)
    part = choose_one("Measured on", PARTS, key=state.CURVE_PART)
    measures = asked_measures("learning_curve", models)
    is_ready = bool(models and dataset and measures) and is_able
    is_ready = is_ready and are_of_one_kind(models, (dataset,))
    is_pressed = start_button(state.CURVE_START, is_ready=is_ready)
    if is_pressed and dataset is not None and measures is not None:
        with errors_shown():
            start_run(
                LearningCurveConfig(
                    models,
                    dataset,
                    sizes(counts),
                    seeds(drawn),
                    method,
                    Schedule(epochs=int(epochs)),
                    from_scratch=control,
                    measured_on=part,
                    measures=measures,
                    counted=counted,
                )
            )
