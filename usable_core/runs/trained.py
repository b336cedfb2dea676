"""What a training run left: a model that is loaded as `run/ID`."""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath

from usable_core.catalog.architectures import ARCHITECTURES, BUNDLED
from usable_core.catalog.model_files import kept_in
from usable_core.catalog.models import CARD_FILE, WEIGHTS_FILE
from usable_core.errors import CheckpointError
from usable_core.files import is_there
from usable_core.runs.run import RunHead
from usable_core.runs.store import RunStore
from usable_core.runs.uploads import data_title
from usable_core.tasks import TASKS


def titles_of(trainings: Iterable[RunHead]) -> dict[str, str]:
    """Return what the models of training runs are called, by their references, each name once.

    That is the name that a run was given, else its backbone and data: `ResNet · Digits`. Of several
    of one name the later ones have a number, so that no name changes when a new one is trained.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for run in sorted(trainings, key=lambda run: run.id):
        if run.reference in found:  # an earlier one measured the same
            continue
        backbone = _backbone(run.model_name or "", found)
        usual = " · ".join([backbone, *([data_title(run.data_name)] if run.data_name else [])])
        name = called = run.name or usual
        number = 1
        while name in taken:
            number += 1
            name = f"{called} {number}"
        taken.add(name)
        found[run.reference] = name
    return found


def _backbone(name: str, known: Mapping[str, str]) -> str:
    """Return what the model is called that a training began with."""
    if name in known:
        return known[name]
    source, _, rest = name.partition("/")
    if source == "bundled" and rest in BUNDLED:
        return BUNDLED[rest].title
    if name in ARCHITECTURES:
        return ARCHITECTURES[name].title
    return "Model" if source == "run" else PurePath(rest or name).name


def model_files(run_id: str) -> tuple[Path, ...]:
    """Return the weights and the card of the model that a run trained, a tokenizer between them.

    Raises:
        UnknownName: there is no run of this id.
        CheckpointError: it left no model (it is not over, or it trained nothing).
    """
    store = RunStore()
    run = store.get(run_id)
    folder = store.folder(run_id)
    lacking = [name for name in store.gone(run_id) if name in (WEIGHTS_FILE, CARD_FILE)]
    if lacking and (told := store.elsewhere(run_id)):
        raise CheckpointError(told)
    if lacking and TASKS[run.task].makes_model:
        raise CheckpointError(
            f"The model of run/{run_id} is gone: {' and '.join(lacking)} was deleted from "
            f"{folder}. Ask for the training again."
        )
    if not is_there(folder / WEIGHTS_FILE):
        raise CheckpointError(
            f"run/{run_id} has no model: it is a {run.task} run, {str(run.status).lower()}. "
            "Choose a pre-training or fine-tuning run that is done."
        )
    return kept_in(folder)
