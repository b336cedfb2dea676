"""Is it fit? One question, one answer: requirements first, then everything measured once."""

from functools import partial

import streamlit as st

from dashboard import state, visitor
from dashboard.components.assess import requirements_form
from dashboard.components.assess.estimate_line import estimate_line
from dashboard.components.assess.evidence_file import download_evidence
from dashboard.components.assess.parts_view import parts_view
from dashboard.components.assess.starts import download, start_picker
from dashboard.components.assess.swaps_settings import OfTexts, shown_of, swaps_settings
from dashboard.components.assess.verdict_view import verdict_view
from dashboard.components.measure import measured_runs
from dashboard.components.measure.fit import fit_note
from dashboard.components.shared.data_look import look_note
from dashboard.components.shared.data_picker import dataset_picker, restore_dataset
from dashboard.components.shared.formats import choose_one, download_json, errors_shown
from dashboard.components.shared.kinds import choose_kind
from dashboard.components.shared.pickers import measured_models, model_picker, restore_models
from dashboard.components.shared.run_panel import find, run_of, run_panel, show_run, start_run
from dashboard.components.shared.weights import here
from usable_core.catalog.attacks import PRESETS
from usable_core.runs.run import Run, Status
from usable_core.verdicts.assessment import MOST_MODELS, AssessmentConfig, AssessmentResult

PRESET_HELP = "\n\n".join(f"**{row.title}**: {row.help}" for row in PRESETS.values())


def form() -> None:
    left, right = st.columns([2, 3], gap="large")
    with left:
        models = model_picker(state.MODELS, MOST_MODELS, default=measured_models())
        are_here = len(here(models)) == len(models)
        dataset = dataset_picker(state.DATA, models=models, ask_limit=True, page="assess")
        look_note(dataset)
        preset = choose_one(
            "How much is measured",
            {name: row.title for name, row in PRESETS.items()},
            key=state.ASSESS_PRESET,
            default="glance",
            help=PRESET_HELP,
        )
    kind = choose_kind("assess")
    of_texts: OfTexts = {}
    if kind == "text":
        with left:
            of_texts = swaps_settings()
    with right:
        start_picker(kind)
        required = requirements_form.requirements_form(kind)
    fits = dataset is None or fit_note(models, dataset.reference)
    question = None
    if models and required and dataset is not None and fits and are_here:
        with errors_shown():
            words = st.session_state.get(state.ASSESS_WORDS, {})
            question = AssessmentConfig(
                models, dataset, required, preset=preset, kind=kind, **words, **of_texts
            )
            download(required)
            estimate_line(question)
    why = visitor.read_only()
    closed = question is None or why is not None
    if st.button("Assess", key=state.ASSESS_START, type="primary", disabled=closed, help=why):
        start_run(question)


def restore() -> None:
    """Put the question of the address's run into the form, once; call it before the form."""
    run_id = state.chosen_run_id()
    if run_id is None or st.session_state.get(state.ASSESS_RESTORED) == run_id:
        return
    st.session_state[state.ASSESS_RESTORED] = run_id
    run = run_of(run_id)
    if run is None or not isinstance(run.config, AssessmentConfig):
        return
    restore_models(state.MODELS, run.config.models)
    restore_dataset(state.DATA, run.config.dataset, "assess")
    st.session_state[state.ASSESS_PRESET] = run.config.preset
    requirements_form.restore(run.config.require, run.config.kind)
    asked = run.config
    st.session_state.update(shown_of(asked))
    words = {"use": asked.use, "set_by": asked.set_by, "norm": asked.norm}
    st.session_state[state.ASSESS_WORDS] = words


def answer() -> None:
    """Show the verdict of the address's run, or how far it is."""
    run_id = state.chosen_run_id()
    run = find(run_id) if run_id else None
    if run is None:
        return
    if run.status is not Status.DONE:
        run_panel(run.id, parts_view)
        return
    with errors_shown():
        result = measured_runs.answer(run)
        verdict_view(run, result, partial(runs_and_files, run, result))


def runs_and_files(run: Run, result: AssessmentResult) -> None:
    """Show what was measured, and offer the verdict as files."""
    with st.container(horizontal=True):
        download_evidence(result)
        download_json(result.summary(), "verdict", key="assess_json", label="Verdict, JSON")
    show_run(run)


st.title("Is it fit for use?")
st.markdown(
    "Say what it must reach. Accuracy, calibration, corruptions, attacks and explanations are "
    "measured once, and each requirement is met, not met, or undecided."
)
restore()
with st.expander("What is asked", expanded=state.chosen_run_id() is None):
    form()
answer()
