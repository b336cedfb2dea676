"""What people uploaded: its size, the runs whose data it is, and how to open and delete it."""

from collections.abc import Sequence

import streamlit as st

from dashboard import state, stored
from dashboard.components.shared.formats import errors_shown, escaped, link
from dashboard.components.shelves.choosing import choosable, delete_button
from usable_core.files import size_said
from usable_core.runs.uploads import Upload

MOST_LINKS = 5  # to the runs of one archive
COLUMNS = {
    "size": st.column_config.NumberColumn(format="bytes"),
    "uploaded": st.column_config.DatetimeColumn(format="MMM D, HH:mm"),
    "runs": st.column_config.NumberColumn("used by runs"),
}


def uploads_list() -> None:
    """Show the list; what is chosen in it can be opened and deleted."""
    found = stored.store().uploads()
    if not found:
        _empty()
        return
    unused = [upload for upload in found if not upload.runs]
    st.caption(f"{_amount(found)} in all. Not used by any run: {_amount(unused)}.")
    ids = choosable(
        [_row(upload) for upload in found],
        [upload.id for upload in found],
        key=state.UPLOADS_TABLE,
        alt="Uploads with their kind, size, date and the number of runs that use them",
        columns=COLUMNS,
    )
    chosen = [upload for upload in found if upload.id in ids]
    with st.container(horizontal=True, vertical_alignment="center"):
        if chosen:
            _delete_button("Delete what is chosen", chosen, state.UPLOADS_DELETE)
        if unused:
            _delete_button("Delete all unused", unused, state.UPLOADS_DELETE_UNUSED)
    if len(chosen) == 1:
        _one(chosen[0])


def _empty() -> None:
    with st.container(border=True):
        st.markdown("**Nothing was uploaded.**")
        st.caption("Pictures come from Explain, archives and tables from wherever data are chosen.")
        link("explain", "Explain a picture", "image_search")


def _amount(uploads: Sequence[Upload]) -> str:
    files = "1 file" if len(uploads) == 1 else f"{len(uploads):,} files"
    return f"{files}, {size_said(sum(upload.size for upload in uploads))}"


def _row(upload: Upload) -> dict[str, object]:
    return {
        "name": upload.name or "–",
        "kind": upload.kind,
        "size": upload.size,
        "uploaded": upload.kept,
        "runs": len(upload.runs),
    }


def _delete_button(label: str, uploads: Sequence[Upload], key: str) -> None:
    used = sum(bool(upload.runs) for upload in uploads)
    question = f"Delete {_amount(uploads)}, for good?"
    if used:
        question += (
            f" {used} of them are data of runs: those keep their answers, but cannot be measured "
            "again or show their pictures."
        )
    delete_button(label, question, _delete, [upload.id for upload in uploads], key)


def _delete(ids: Sequence[str]) -> None:
    with errors_shown():
        stored.store().delete_uploads(ids)


def _one(upload: Upload) -> None:
    """Link what is chosen to where it is used."""
    if upload.kind == "picture":
        link("explain", "Explain this picture", "image_search", {state.IMAGE: upload.id})
    for run_id in upload.runs[:MOST_LINKS]:
        link("runs", f"Run {escaped(run_id)}", "list_alt", {state.RUN: run_id})
    if len(upload.runs) > MOST_LINKS:
        words = {state.RUNS_SEARCH: upload.id}
        link("runs", f"All {len(upload.runs):,} runs that use it", "list_alt", words)
