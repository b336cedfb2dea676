"""Who uses a page, and what they start: each run is the visitor's."""

from collections.abc import Sequence

import streamlit as st

from dashboard import stored
from usable_core import jobs, settings
from usable_core.evaluations.result import Config
from usable_core.runs.quotas import check_room
from usable_core.tasks import check_names


def name() -> str:
    """Return who asks: the account that is logged in, else the operating system's user."""
    if not is_known():
        return settings.user()
    address = st.user.get("email")
    if address and st.user.get("email_verified", True) is True:
        return str(address)
    return str(st.user.get("sub") or "an account without a name")


def is_known() -> bool:
    """Tell whether the visitor is logged in, which Streamlit knows where `[auth]` asks for it."""
    return "is_logged_in" in st.user and bool(st.user.is_logged_in)


def start(config: Config, *, title: str | None = None) -> str:
    """Start a job of the visitor and return its run; see `jobs.start`."""
    return jobs.start(config, title=title, owner=name())


def start_all(configs: Sequence[Config]) -> list[str]:
    """Start a job for each question, or for none where one cannot be asked; return their runs.

    Raises:
        UsableError: one cannot be asked, or there is no room for all of them.
    """
    for config in configs:
        check_names(config)
    check_room(stored.store().active_rows(), name(), len(configs))
    return [start(config) for config in configs]


def again(run_id: str) -> str:
    """Ask the question of a run again for the visitor, and return the run; see `jobs.again`."""
    return jobs.again(run_id, owner=name())


def read_only() -> str | None:
    """Return why nothing can be started, changed or deleted here; None where it can."""
    return settings.READ_ONLY if settings.is_read_only() else None
