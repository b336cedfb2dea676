"""What models are called everywhere on the pages: short, never an id, a hash or a path."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from dashboard import state
from usable_core.catalog.models import TITLES
from usable_core.evaluations.result import Measured
from usable_core.runs.run import Run
from usable_core.runs.trained import titles_of
from usable_core.tasks import TASKS

PATHS = ("folder", "file")  # sources whose names are paths


def trainings() -> list[Run]:
    """Return the runs that made models, newest first."""
    making = [name for name, task in TASKS.items() if task.makes_model]
    found = [run for name in making for run in state.runs(name, only_done=True)]
    return sorted(found, key=lambda run: run.created, reverse=True)


def training_titles() -> dict[str, str]:
    """Return what the models trained here are called, by their references."""
    return titles_of(trainings())


def model_title(reference: str) -> str:
    """Return what one model is called: `ResNet`, `ResNet · Digits`, `resnet50`."""
    source, _, name = reference.partition("/")
    if reference in TITLES:
        return TITLES[reference]
    if source == "run":
        return training_titles().get(reference, "a model trained here")
    return PurePosixPath(name).stem if source in PATHS else name or reference


def names_of(results: Sequence[Measured]) -> list[str]:
    """Return what people call the models of these results, each name once."""
    from usable_core.comparison.names import short_names  # numbers, which a first page spares

    return list(short_names(results, training_titles()))
