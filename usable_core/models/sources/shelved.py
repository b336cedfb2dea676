"""Models of the shelf: `shelf/NAME` is what was put there under that name."""

from usable_core.catalog import implementation
from usable_core.evaluations.specs import ModelSpec
from usable_core.models.model import Model
from usable_core.shelf import meant


def load(name: str, spec: ModelSpec) -> Model:
    """Return the model of an entry, called by its name.

    Raises:
        UnknownName: the shelf holds none of this name.
        CheckpointError: a file of it is gone, or does not fit.
    """
    model: Model = implementation("usable_core.models:load_model")(meant(name, spec))
    model.name = spec.reference
    return model
