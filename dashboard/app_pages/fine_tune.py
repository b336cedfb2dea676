"""Fine-tune: a backbone, a task's data, how to train; live curves; what to do with the result."""

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import (
    download_csv,
    errors_shown,
    escaped,
    provenance_footer,
)
from dashboard.components.shared.run_panel import run_panel
from dashboard.components.train.fine_tuning_form import fine_tuning_form
from usable_core.runs.run import Run, Status


def page() -> None:
    st.title("Fine-tune")
    st.markdown("Teach a pretrained backbone your classes, and watch it learn.")
    left, right = st.columns([2, 3], gap="large")
    with left:
        fine_tuning_form()
    with right:
        result()


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


def outcome(run: Run) -> None:
    reference, dataset = f"run/{run.id}", run.config.dataset.reference
    with st.container(horizontal=True):
        for name, label, icon, key in (
            ("accuracy", "Measure accuracy", ":material/target:", state.ACCURACY_DATASET),
            ("robustness", "Measure robustness", ":material/shield:", state.ROBUSTNESS_DATASET),
            ("explain", "Explain an image", ":material/image_search:", None),
        ):
            data = {key: dataset} if key else {}
            st.page_link(
                state.page_file(name),
                label=label,
                icon=icon,
                query_params={state.MODELS: [reference]} | data,
            )
    st.caption(f"The model is on the shelf as `{reference}`.")
    with errors_shown():
        answer = state.store().load(run.id)
        download_csv(answer.records, f"training-{run.id}", key=f"csv_{run.id}", label="Epochs, CSV")
        provenance_footer(answer.provenance)


page()
