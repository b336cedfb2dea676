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
from usable_core.catalog.kinds import kind_of_model
from usable_core.evaluations.training_words import in_words
from usable_core.runs.run import Run


def outcome(run: Run) -> None:
    """Show where to go with the model that a run made, and its figures."""
    reference, dataset = run.reference, run.config.dataset.reference
    about = {state.MODELS: [reference]}
    data = about | {state.DATA: dataset}
    with st.container(horizontal=True):
        link("accuracy", "Measure accuracy", "target", data)
        if kind_of_model(reference) == "text":
            link("corruption", "Measure corruptions", "blur_on", data)
            link("explain", "Explain a text", "subject", about | {state.EXPLAIN_KIND: "text"})
        else:
            link("robustness", "Measure robustness", "shield", data)
            link("explain", "Explain an image", "image_search", about)
    st.caption(f"The model is listed under Models; in a terminal it is `{reference}`.")
    with errors_shown():
        answer = stored.store().load(run.id)
        for sentence in in_words(answer):
            st.markdown(escaped(sentence))
        download_csv(answer.records, f"training-{run.id}", key=f"csv_{run.id}", label="Epochs, CSV")
        provenance_footer(answer.provenance)
