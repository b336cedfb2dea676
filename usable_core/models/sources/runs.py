"""`run/ID`: a model that was trained here."""

from usable_core.errors import CheckpointError
from usable_core.evaluations.specs import ModelSpec
from usable_core.models.checkpoints import WEIGHTS_FILE, read_card
from usable_core.models.model import Model
from usable_core.models.sources.from_card import model_from_card


def load(name: str, spec: ModelSpec) -> Model:
    """Return the model that the training run `name` left.

    Raises:
        UnknownName: no such run.
        CheckpointError: the run left no model (it is not over, or it trained nothing).
    """
    from usable_core.runs.store import RunStore

    store = RunStore()
    run = store.get(name)
    folder = store.folder(run.answered_by or run.id)
    if not (folder / WEIGHTS_FILE).is_file():
        raise CheckpointError(
            f"run/{name} has no model: it is a {run.task} run, {str(run.status).lower()}. "
            "Choose a pre-training or fine-tuning run that is done."
        )
    return model_from_card(spec.reference, folder / WEIGHTS_FILE, read_card(folder), spec)
