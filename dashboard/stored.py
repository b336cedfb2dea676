"""What the pages read of the store of runs: read once a rerun, told once where it cannot be."""

import time
from collections.abc import Collection
from concurrent.futures import Future

import streamlit as st

from dashboard.components.shared import beside
from dashboard.components.shared.markdown import escaped
from usable_core import jobs, settings
from usable_core.errors import StorageError
from usable_core.runs.run import Listing, Run, Status, Wanted
from usable_core.runs.store import RunStore

_READ = "runs_read"  # lists of runs of this very rerun
A_RERUN = 1.0  # s, after which even one rerun reads its runs anew, such as one of a fragment
_TOLD = "store_told"  # what this run of the page has said about the store
LOST_CHECK_SECONDS = 5  # how often, at most, dead processes are looked for


def begin() -> None:
    """Forget what the rerun before has read and told; call it before the page."""
    st.session_state.pop(_TOLD, None)
    st.session_state.pop(_READ, None)


def store() -> RunStore:
    """Return the store of runs that the environment names, one object per store."""
    where = str(settings.database_url()), str(settings.home())
    if _store(*where).is_outdated:
        _store.clear(*where)
    return _store(*where)


def place() -> str:
    """Return where the runs of a team are, as a sentence; empty for a machine's own."""
    if not isinstance(settings.database_url(), str):
        return ""
    from usable_core.runs.database import place_of

    return f"The runs of {place_of(settings.database_url())}; files in {settings.home()}."


@st.cache_resource(max_entries=4, show_spinner=False)
def _store(url: str, home: str) -> RunStore:
    del url, home  # the store reads them itself; here they are the key of the cache
    return RunStore()


def runs(task: str | None = None, *, only_done: bool = False, limit: int = 200) -> list[Run]:
    """Return the stored runs, newest first, after marking those whose process has died.

    They are read once for all that one rerun shows of them. Where the store cannot be used there
    are none, and a sentence above says so.
    """
    read = st.session_state.setdefault(_READ, {})
    key = task, only_done, limit
    moment, found = read.get(key, (-A_RERUN, []))
    if time.monotonic() - moment >= A_RERUN:
        found = _read_now(task, (Status.DONE,) if only_done else None, limit)
        read[key] = time.monotonic(), found
    return list(found)


def _read_now(task: str | None, statuses: Collection[Status] | None, limit: int) -> list[Run]:
    mark_lost()
    try:
        return store().list(task=task, statuses=statuses, limit=limit)
    except StorageError as error:
        _tell(str(error))
        return []


def data_used() -> list[str]:
    """Return the references of data that runs were about, newest first; none without a store."""
    try:
        return store().data_names()
    except StorageError as error:
        _tell(str(error))
        return []


def _tell(sentence: str) -> None:
    """Show a sentence about the store, once in a run of a page."""
    if st.session_state.get(_TOLD) != sentence:
        st.session_state[_TOLD] = sentence
        st.error(escaped(sentence), icon=":material/warning:")


def listing(wanted: Wanted, limit: int, offset: int) -> Listing:
    """Return a page of the list of all runs, after marking those whose process has died."""
    mark_lost()
    return store().listing(wanted, limit, offset)


def mark_lost() -> None:
    """Look for runs whose process has died, at most every few seconds, beside the script."""
    beside.glance([_recovery(settings.database_url(), str(settings.home()))])


@st.cache_resource(ttl=LOST_CHECK_SECONDS, max_entries=4, show_spinner=False)
def _recovery(url: str, home: str) -> Future[None]:
    del url, home  # part of the cache's key
    return beside.STORE.submit(jobs.recover)
