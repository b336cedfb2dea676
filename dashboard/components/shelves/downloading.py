"""The button that fetches weights: how much from where stands on it, and how far it is below."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import streamlit as st

from dashboard import state
from dashboard.components.shared.formats import escaped
from usable_core import downloads
from usable_core.errors import UsableError
from usable_core.evaluations.passports import Download
from usable_core.files import size_said

POLL = 0.5  # s
_POOL = ThreadPoolExecutor(2, "downloads")
_lock = Lock()


@dataclass
class _Fetching:
    """A download under way, for all tabs."""

    done: int = 0
    total: int = 0
    work: Future[None] = field(default_factory=Future)

    def report(self, done: int, total: int, message: str, **metrics: float) -> None:
        del message, metrics
        self.done, self.total = done, total


_under_way: dict[Download, _Fetching] = {}


def fetch_button(download: Download, reference: str) -> None:
    """Offer to fetch weights, show how far it is, or why they could not be had."""
    fetching = _under_way.get(download)
    if fetching is not None and not fetching.work.done():
        _watch(fetching, download)
        return
    st.info(
        f"Its weights are not on this machine: {download.said}. Fetch them to try it on a picture "
        "first; else they are fetched at its first use.",
        icon=":material/cloud_download:",
    )
    if fetching is not None and (error := fetching.work.exception()) is not None:
        said = str(error) if isinstance(error, UsableError) else "The download failed. Try again."
        st.error(escaped(said), icon=":material/wifi_off:")
    st.button(
        f"Download {download.said}",
        key=state.SHELF_DOWNLOAD,
        icon=":material/download:",
        on_click=_begin,
        args=(download, reference),
    )


def _begin(download: Download, reference: str) -> None:
    with _lock:
        before = _under_way.get(download)
        if before is None or before.work.done():
            fetching = _Fetching(total=download.size)
            fetching.work = _POOL.submit(downloads.fetch, download, reference, fetching.report)
            _under_way[download] = fetching


def _watch(fetching: _Fetching, download: Download) -> None:
    @st.fragment(run_every=POLL)
    def watch() -> None:
        share = min(1.0, fetching.done / fetching.total) if fetching.total else 0.0
        st.progress(share, f"{size_said(fetching.done)} of {download.said}")
        if fetching.work.done():
            st.rerun()

    watch()
