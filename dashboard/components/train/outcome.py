"""What came of a training: where the model can be used, its figures as a file."""

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.data_picker import known_classes
from dashboard.components.shared.formats import (
    download_csv,
    errors_shown,
    escaped,
    link,
    provenance_footer,
)
from dashboard.components.shared.kinds import to_explain
from dashboard.components.shared.pickers import facts
from usable_core.catalog.fitting import misfit
from usable_core.evaluations.training_words import in_words
from usable_core.runs.run import Run


def outcome(run: Run) -> None:
    """Show where to go with the model that a run made, and its figures."""
    reference, dataset = run.reference, run.config.dataset.reference
    data = {state.MODELS: [reference], state.DATA: dataset}
    with st.container(horizontal=True):
        fit = {state.MODELS: [*_untuned(run), reference], state.DATA: dataset}
        link("assess", "Is it fit?", "verified", fit)
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


def _untuned(run: Run) -> list[str]:
    """Return the model that a training began with, where it can be measured on the same data."""
    model = run.config.model.reference
    is_named = not (run.config.model.weights or run.config.model.arch_options)
    known = facts(model)
    data = run.config.dataset.reference
    is_fit = bool(known.classes) and not misfit(known, data, known_classes())
    return [model] if is_named and is_fit else []
