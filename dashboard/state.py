"""Cached accessors, and every key of session state and address.

A key that is bound to the address (`bind="query-params"`) is also the name of its parameter, and
is shared by the pages that use it: the chosen models stay chosen from page to page.
Add a page's own keys under its heading, prefixed by the page's name.
"""

from typing import Literal

import streamlit as st

from usable_core import jobs, settings
from usable_core.runs.run import Run, Status
from usable_core.runs.store import RunStore

# Address parameters
RUN = "run"  # the run that a page shows
PARENT = "parent"  # Compare: all runs that this run (a demo) started
IMAGE = "image"  # Explain: name of a picture of the gallery
MODELS = "models"  # several models, shared by Explain, Accuracy and Robustness

# Accuracy and Robustness: links fill these in through the address
ACCURACY_DATASET = "accuracy_dataset"
ROBUSTNESS_DATASET = "robustness_dataset"

# Overview
OVERVIEW_DEMO = "overview_demo"

# Fine-tune
FINE_TUNE_MODEL = "fine_tune_model"
FINE_TUNE_DATASET = "fine_tune_dataset"
FINE_TUNE_METHOD = "fine_tune_method"
FINE_TUNE_EPOCHS = "fine_tune_epochs"
FINE_TUNE_RATE = "fine_tune_rate"
FINE_TUNE_AUGMENTATION = "fine_tune_augmentation"
FINE_TUNE_HAS_SOURCE = "fine_tune_has_source"
FINE_TUNE_SOURCE = "fine_tune_source"
FINE_TUNE_WEIGHT = "fine_tune_weight"
FINE_TUNE_SCRATCH = "fine_tune_scratch"
FINE_TUNE_START = "fine_tune_start"

# Explain
EXPLAIN_METHODS = "explain_methods"
EXPLAIN_TARGET = "explain_target"
EXPLAIN_BACKGROUND = "explain_background"
EXPLAIN_EVALUATIONS = "explain_evaluations"
EXPLAIN_SEGMENTS = "explain_segments"

# Runs
RUNS_TABLE = "runs_table"
RUNS_TASK = "runs_task"
RUNS_STATUS = "runs_status"
RUNS_DELETE = "runs_delete"

LOST_CHECK_SECONDS = 5  # how often, at most, dead processes are looked for


def store() -> RunStore:
    """Return the store of runs that the environment names, one object per store."""
    return _store(settings.database_url(), str(settings.home()))


@st.cache_resource(max_entries=4, show_spinner=False)
def _store(url: str, home: str) -> RunStore:
    del url, home  # the store reads them itself; here they are the key of the cache
    return RunStore()


def runs(task: str | None = None, *, only_done: bool = False, limit: int = 200) -> list[Run]:
    """Return the stored runs, newest first, after marking those whose process has died."""
    mark_lost(settings.database_url())
    found = store().list(task=task, limit=limit)
    return [run for run in found if run.status is Status.DONE] if only_done else found


@st.cache_data(ttl=LOST_CHECK_SECONDS, max_entries=4, show_spinner=False)
def mark_lost(url: str) -> None:
    """Look for runs whose process has died, at most every few seconds."""
    del url
    jobs.recover()


def theme() -> Literal["light", "dark"]:
    """Return the colour scheme that the visitor's browser shows, for the plots."""
    return "dark" if st.context.theme.type == "dark" else "light"


def chosen_run_id() -> str | None:
    """Return the run id that the address names, unchecked; None when it names none."""
    return st.query_params.get(RUN) or None


def page_file(name: str) -> str:
    """Return what `st.page_link` and `st.switch_page` take for a page of `Home.PAGES`."""
    return f"app_pages/{name}.py"
