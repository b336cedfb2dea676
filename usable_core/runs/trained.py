"""What a training run left: a model that is loaded as `run/ID`."""

from pathlib import Path

from usable_core.catalog.models import CARD_FILE, WEIGHTS_FILE
from usable_core.errors import CheckpointError
from usable_core.files import is_there
from usable_core.runs.store import RunStore
from usable_core.tasks import TASKS


def model_files(run_id: str) -> tuple[Path, ...]:
    """Return the weights and the card of the model that a run trained.

    Raises:
        UnknownName: there is no run of this id.
        CheckpointError: it left no model (it is not over, or it trained nothing).
    """
    store = RunStore()
    run = store.get(run_id)
    folder = store.folder(run_id)
    lacking = [name for name in store.gone(run_id) if name in (WEIGHTS_FILE, CARD_FILE)]
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
    return folder / WEIGHTS_FILE, folder / CARD_FILE
