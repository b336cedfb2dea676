"""How this process asks a model, so that all its answers are computed alike."""

from typing import Any

from usable_core.asking.batch_size import know_sizes, known_sizes
from usable_core.evaluations.specs import Precision
from usable_core.models.model import Model

precisions: dict[tuple[str, str], Precision] = {}  # found for `auto`, by model and device


def manner(model: Model) -> dict[str, Any]:
    """Return how this process asks a model, as far as it is settled; see `ask_as`."""
    found = precisions.get((model.fingerprint, str(model.device)))
    return {"sizes": known_sizes(model), "precision": found}


def ask_as(model: Model, stored: dict[str, Any]) -> None:
    """Ask a model in the batches and the precision of another process, whose `manner` it was.

    What goes on from the work of that process then rounds as it would have done.
    """
    know_sizes(model, stored["sizes"])
    if stored["precision"] is not None:
        precisions[model.fingerprint, str(model.device)] = stored["precision"]
