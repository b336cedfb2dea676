"""What a look at data found, beside the picker that chose them: before anything runs on them."""

import streamlit as st

from dashboard import state, stored, visitor
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shared.run_panel import run_of
from usable_core import tasks
from usable_core.catalog.datasets import DATASETS
from usable_core.evaluations.look import LookConfig
from usable_core.evaluations.specs import DatasetSpec
from usable_core.runs.run import Run, RunHead, Status, Wanted

LOOKED_AT = 200  # runs among which the newest look is found
FEW_NAMED = 6  # classes
POLL = "2s"


def newest_look(reference: str) -> RunHead | None:
    """Return the newest run that looked at data; None where none did."""
    found = stored.listing(Wanted(tasks=("look",)), LOOKED_AT, 0).runs
    return next((run for run in found if run.data_name == reference), None)


def look_at(reference: str) -> None:
    """Start a look at data that nobody has looked at; what stops it is no matter of the upload."""
    with errors_shown():
        if newest_look(reference) is None:
            visitor.start(LookConfig(DatasetSpec(reference)))


def look_note(dataset: DatasetSpec | None) -> None:
    """Say what is in data of the user's own, or that they cannot be read, or where to look."""
    if dataset is None or dataset.reference in DATASETS:
        return
    newest = newest_look(dataset.reference)
    is_live = newest is not None and not newest.status.is_over

    @st.fragment(run_every=POLL if is_live else None)
    def watch() -> None:
        run = None if newest is None else run_of(newest.id)
        if run is not None:
            _said(run)
        about = {state.DATA: dataset.reference}
        link("data", "Classes, counts, examples", "photo_library", about)
        if is_live and (run is None or run.status.is_over):
            st.rerun()

    watch()


def _said(run: Run) -> None:
    if run.status is Status.FAILED:
        st.warning(escaped(run.error or ""), icon=":material/warning:")
    elif not run.status.is_over:
        st.caption("Looking at the data …")
    elif summary := run.summary:
        names = list(summary["classes"])
        some = ", ".join(names[:FEW_NAMED]) + " …" * (len(names) > FEW_NAMED)
        found = f"{summary['n']:,} examples in {len(names):,} classes: {some}"
        st.caption(escaped(f"{found} · {tasks.in_short('look', summary)}"))
