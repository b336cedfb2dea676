"""What came of a training: where the model can be used, its figures as a file."""

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.formats import (
    download_csv,
    errors_shown,
    escaped,
    link,
    provenance_footer,
)
from dashboard.components.shared.kinds import to_explain
from usable_core.evaluations.training_words import in_words
from usable_core.runs.run import Run


def outcome(run: Run) -> None:
    """Show where to go with the model that a run made, and its figures."""
    reference, dataset = run.reference, run.config.dataset.reference
    data = {state.MODELS: [reference], state.DATA: dataset}
    with st.container(horizontal=True):
        link("accuracy", "Measure accuracy", "target", data)
        link("robustness", "Measure robustness", "shield", data)
        link("corruption", "Measure corruptions", "blur_on", data)
        link("explain", "Explain it", "search_insights", to_explain(reference))
    st.caption(f"The model is listed under Models; in a terminal it is `{reference}`.")
    with errors_shown():
        answer = stored.store().load(run.id)
        for sentence in in_words(answer):
            st.markdown(escaped(sentence))
        download_csv(answer.records, f"training-{run.id}", key=f"csv_{run.id}", label="Epochs, CSV")
        provenance_footer(answer.provenance)
