"""What models are called everywhere on the pages: short, never an id, a hash or a path."""

from collections.abc import Sequence

import streamlit as st

from dashboard import stored
from usable_core.catalog import titles
from usable_core.errors import UsableError
from usable_core.evaluations.result import Measured
from usable_core.runs import uploads
from usable_core.runs.run import Run
from usable_core.runs.trained import titles_of
from usable_core.tasks import TASKS


def trainings() -> list[Run]:
    """Return the runs that made models, newest first."""
    making = [name for name, task in TASKS.items() if task.makes_model]
    found = [run for name in making for run in stored.runs(name, only_done=True)]
    return sorted(found, key=lambda run: run.created, reverse=True)


def training_titles() -> dict[str, str]:
    """Return what the models trained here are called, by their references."""
    return titles_of(trainings())


def model_title(reference: str) -> str:
    """Return what one model is called: `ResNet`, `ResNet · Digits`, `resnet50`."""
    if reference.partition("/")[0] == "run":
        return training_titles().get(reference, "a model trained here")
    return titles.model_title(reference)


def names_of(results: Sequence[Measured]) -> list[str]:
    """Return what people call the models of these results, each name once."""
    from usable_core.comparison.names import short_names  # numbers, which a first page spares

    return list(short_names(results, training_titles()))


def picture_title(name: str) -> str:
    """Return what a picture of the gallery or an upload is called; empty where nobody said."""
    from usable_core.images import gallery  # decoders, which a first page spares

    own = next((row.title for row in gallery() if row.name == name), "")
    try:
        return own or st.session_state.get(f"title_{name}") or uploads.title(name)
    except UsableError:  # it is gone; Explain says so
        return ""
