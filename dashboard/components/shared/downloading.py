"""The button that fetches weights: how much from where stands on it; below, progress and Cancel."""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock

import streamlit as st

from dashboard import visitor
from dashboard.components.shared.formats import escaped
from usable_core import downloads
from usable_core.errors import Cancelled, UsableError
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
    stopped: Event = field(default_factory=Event)
    work: Future[None] = field(default_factory=Future)

    def report(self, done: int, total: int, message: str, **metrics: float) -> None:
        del message, metrics
        self.done, self.total = done, total
        if self.stopped.is_set():
            raise Cancelled

    def stop(self) -> None:
        self.stopped.set()
        self.work.cancel()  # it may not even have begun


_under_way: dict[Download, _Fetching] = {}


def fetch_button(download: Download, reference: str, key: str) -> None:
    """Offer to fetch weights, show how far it is, or why they could not be had.

    Args:
        download: Which.
        reference: The model.
        key: Of the button.
    """
    fetching = _under_way.get(download)
    if fetching is not None and not fetching.work.done():
        _watch(fetching, key)
        return
    if fetching is not None:
        _say_end(fetching)
    st.button(
        f"Download {download.said}",
        key=key,
        icon=":material/download:",
        on_click=_begin,
        args=(download, reference),
        disabled=visitor.read_only() is not None,
        help=visitor.read_only(),
    )


def _begin(download: Download, reference: str) -> None:
    with _lock:
        before = _under_way.get(download)
        if before is None or before.work.done():
            fetching = _Fetching(total=download.size)
            fetching.work = _POOL.submit(downloads.fetch, download, reference, fetching.report)
            _under_way[download] = fetching


def _say_end(fetching: _Fetching) -> None:
    """Say why the last download did not bring the weights."""
    error = None if fetching.work.cancelled() else fetching.work.exception()
    if fetching.work.cancelled() or isinstance(error, Cancelled):
        st.caption(":material/block: The download was cancelled; nothing of it was kept.")
    elif error is not None:
        said = str(error) if isinstance(error, UsableError) else "The download failed. Try again."
        st.error(escaped(said), icon=":material/wifi_off:")


def _watch(fetching: _Fetching, key: str) -> None:
    @st.fragment(run_every=POLL)
    def watch() -> None:
        is_stopped = fetching.stopped.is_set()
        with st.container(horizontal=True, vertical_alignment="center"):
            share = min(1.0, fetching.done / fetching.total) if fetching.total else 0.0
            whole = size_said(fetching.total) if fetching.total else "an unknown number of bytes"
            st.progress(share, f"{size_said(fetching.done)} of {whole}", width="stretch")
            st.button(
                "Cancelling …" if is_stopped else "Cancel",
                key=f"{key}_cancel",
                on_click=fetching.stop,
                disabled=is_stopped,
            )
        if fetching.work.done():
            st.rerun()

    watch()
