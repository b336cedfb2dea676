"""Fine-tune: a backbone, a task's data, how to train; live curves; what to do with the result."""

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import errors_shown, escaped
from dashboard.components.shared.pickers import dataset_picker, model_picker
from dashboard.components.shared.run_panel import run_panel, start_run
from dashboard.components.train.joint_objective import source_picker
from dashboard.components.train.outcome import outcome
from usable_core.evaluations.training import FineTuningConfig, Schedule
from usable_core.runs.run import Status

METHODS = {"full": "Full fine-tuning", "linear_probe": "Linear probe"}
METHOD_HELP = (
    "Full fine-tuning moves every weight. A linear probe moves only the new head, on features "
    "that are computed once: quick, and a measure of how good they are."
)
AUGMENTATIONS = {"none": "None", "shift": "Shift", "shift_flip": "Shift and flip"}
DEFAULTS = Schedule()


def page() -> None:
    st.title("Fine-tune")
    st.markdown("Teach a pretrained backbone your classes, and watch it learn.")
    left, right = st.columns([2, 3], gap="large")
    with left:
        form()
    with right:
        result()


def form() -> None:
    models = model_picker(state.FINE_TUNE_MODEL, label="Backbone")
    dataset = dataset_picker(state.FINE_TUNE_DATASET)
    method = st.segmented_control(
        "Method",
        METHODS,
        default="full",
        key=state.FINE_TUNE_METHOD,
        format_func=METHODS.__getitem__,
        help=METHOD_HELP,
        required=True,
    )
    one, two = st.columns(2)
    epochs = one.number_input("Epochs", 1, 1000, DEFAULTS.epochs, key=state.FINE_TUNE_EPOCHS)
    rate = two.number_input(
        "Learning rate",
        1e-6,
        10.0,
        DEFAULTS.learning_rate,
        format="%g",
        step=0.01,
        key=state.FINE_TUNE_RATE,
        help="The peak of a cosine schedule with a linear warm-up.",
    )
    augmentation = st.selectbox(
        "Augmentation",
        AUGMENTATIONS,
        index=list(AUGMENTATIONS).index(DEFAULTS.augmentation),
        format_func=AUGMENTATIONS.__getitem__,
        key=state.FINE_TUNE_AUGMENTATION,
        help="Leave the flip out for classes that have a handedness, such as digits.",
    )
    source, weight = source_picker() if method == "full" else (None, 1.0)
    from_scratch = st.checkbox(
        "From random weights",
        key=state.FINE_TUNE_SCRATCH,
        help="The control: what the same budget reaches without pre-training.",
    )
    is_ready = bool(models) and dataset is not None
    if st.button(
        "Start", type="primary", key=state.FINE_TUNE_START, disabled=not is_ready, width="stretch"
    ):
        with errors_shown():
            schedule = Schedule(epochs=int(epochs), learning_rate=rate, augmentation=augmentation)
            config = FineTuningConfig(
                model=models[0],
                dataset=dataset,
                method=method,
                schedule=schedule,
                source=source,
                task_weight=weight,
                from_scratch=from_scratch,
            )
            start_run(config)


def result() -> None:
    run_id = state.chosen_run_id()
    if run_id is None:
        newest = next(iter(state.runs("finetune", limit=1)), None)
        with st.container(border=True):
            st.markdown("**Nothing is running here.**")
            st.caption("Loss and accuracy appear here, epoch by epoch, once you press Start.")
            if newest is not None:
                st.page_link(
                    state.page_file("fine_tune"),
                    label=f"The last one: {escaped(newest.title)}",
                    icon=":material/history:",
                    query_params={state.RUN: newest.id},
                )
        return
    run = run_panel(run_id)
    if run is not None and run.status is Status.DONE:
        outcome(run)


page()
