"""What came of a learning-rate range test: the curve, what it suggests, its steps as a file."""

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.formats import (
    download_csv,
    errors_shown,
    escaped,
    provenance_footer,
)
from dashboard.components.shared.metrics import figure
from usable_core.evaluations.rate import in_words
from usable_core.plots.rate import rate_curve
from usable_core.runs.run import Run


def found_rate(run: Run) -> None:
    """Show the curve of a run and what it suggests."""
    with errors_shown():
        answer = stored.store().load(run.id)
        st.markdown(escaped(in_words(answer)))
        alt = "Loss against the learning rate, with the suggested and the usual rate"
        figure(rate_curve(answer, state.theme()), key=f"rate_{run.id}", alt=alt)
        download_csv(answer.records, f"rate-{run.id}", key=f"csv_{run.id}", label="Steps, CSV")
        provenance_footer(answer.provenance)
