"""What the page of λ asks: backbone, task, what stands for L_pre, the λ, the seeds, epochs."""

import streamlit as st

from dashboard import state
from dashboard.components.measure.fit import fit_note
from dashboard.components.shared.data_look import look_note
from dashboard.components.shared.data_picker import dataset_picker, restore_dataset
from dashboard.components.shared.formats import choose_one, errors_shown
from dashboard.components.shared.pickers import model_picker, restore_models
from dashboard.components.shared.run_panel import run_of, start_run
from dashboard.components.shared.weights import here
from dashboard.components.train.fine_tuning_form import are_of_one_kind, can_learn
from dashboard.components.train.keeps import KEEPS, KEEPS_HELP, differ
from dashboard.components.train.measures_form import asked_measures, kind_of, restore_measures
from dashboard.components.train.start_button import start_button
from usable_core.catalog.fitting import is_at_hand
from usable_core.evaluations.schedule import Schedule
from usable_core.evaluations.sweep import SweepConfig
from usable_core.evaluations.trainings import numbers, seeds

LAMBDA_HELP = (
    r"Of $L_\mathrm{pre}(\theta) + \lambda\,L_\mathrm{fine}(\theta)$: $\lambda \le 0.001$ leaves "
    r"the model as it was, $\lambda \ge 1000$ is plain fine-tuning."
)
PARTS = {"test": "Test", "validation": "Validation"}
PARTS_HELP = "Choose λ by validation and report test: a λ chosen by one looks better on it."
DEFAULT_MODELS = ("bundled/resnet",)
DEFAULT_SOURCE = "cifar10"  # which that was trained on
LAMBDAS, SEEDS, EPOCHS = "0, 0.1, 1, 10, 1000", "0, 1, 2", 10


def restore_sweep() -> None:
    """Put the question of the address's run into the form, once; call it before the form."""
    run_id, key = state.chosen_run_id(), "sweep_restored"
    if run_id is None or not (state.has_arrived() or st.session_state.get(key) != run_id):
        return
    st.session_state[key] = run_id
    run = run_of(run_id)
    if run is None or not isinstance(run.config, SweepConfig):
        return
    asked = run.config
    restore_models(state.SWEEP_MODEL, [asked.model])
    restore_dataset(state.SWEEP_DATASET, asked.dataset, "sweep")
    if asked.source is not None:
        restore_dataset(state.SWEEP_SOURCE, asked.source)
    shown = {
        state.SWEEP_PROXY: asked.proxy,
        state.SWEEP_LAMBDAS: ", ".join(f"{weight:g}" for weight in asked.lambdas),
        state.SWEEP_SEEDS: ", ".join(map(str, asked.seeds)),
        state.SWEEP_EPOCHS: asked.schedule.epochs or EPOCHS,
        state.SWEEP_PART: asked.measured_on,
    }
    st.session_state.update(shown)
    restore_measures("sweep", asked.measures, kind_of([asked.model]))


def sweep_form() -> None:
    """Ask for a sweep and start it when the button is pressed."""
    restore_sweep()
    models = model_picker(state.SWEEP_MODEL, label="Backbone", default=DEFAULT_MODELS)
    is_able = len(here(models)) == len(models) and can_learn(models)
    dataset = dataset_picker(state.SWEEP_DATASET, label="Task", ask_limit=True, page="sweep")
    look_note(dataset)
    begin = "none" if is_at_hand(DEFAULT_SOURCE) else "distillation"  # which needs no more data
    st.session_state.setdefault(state.SWEEP_PROXY, begin)
    proxy = choose_one("Kept by", KEEPS, key=state.SWEEP_PROXY, help=KEEPS_HELP)
    source, fits = None, True
    if proxy == "none":
        source = dataset_picker(state.SWEEP_SOURCE, label="Source data", models=models)
        fits = source is not None and fit_note(models, source.reference)
        fits = fits and differ(dataset, source)
    for key, value in ((state.SWEEP_LAMBDAS, LAMBDAS), (state.SWEEP_SEEDS, SEEDS)):
        st.session_state.setdefault(key, value)
    st.session_state.setdefault(state.SWEEP_EPOCHS, EPOCHS)
    st.session_state.setdefault(state.SWEEP_PART, "test")
    weights = st.text_input("λ, weights of the task", key=state.SWEEP_LAMBDAS, help=LAMBDA_HELP)
    left, right = st.columns(2)
    drawn = left.text_input("Seeds", key=state.SWEEP_SEEDS, help="Each is a training of its own.")
    epochs = right.number_input("Epochs", 1, 1000, key=state.SWEEP_EPOCHS)
    part = choose_one("Measured on", PARTS, key=state.SWEEP_PART, help=PARTS_HELP)
    measures = asked_measures("sweep", models)
    is_one_kind = are_of_one_kind(models, (dataset, source))
    is_ready = (
        bool(models)
        and measures is not None
        and is_able
        and fits
        and is_one_kind
        and dataset is not None
    )
    is_pressed = start_button(state.SWEEP_START, is_ready=is_ready)
    if is_pressed and dataset is not None and measures is not None:
        with errors_shown():
            start_run(
                SweepConfig(
                    models[0],
                    dataset,
                    Schedule(epochs=int(epochs)),
                    source=source,
                    proxy=proxy,
                    lambdas=numbers(weights),
                    seeds=seeds(drawn),
                    measured_on=part,
                    measures=measures,
                )
            )
