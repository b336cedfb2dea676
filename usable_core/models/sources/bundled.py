"""`bundled/NAME`: the backbones that come with the project, in assets/models."""

from usable_core import settings
from usable_core.catalog import lookup
from usable_core.catalog.models import BUNDLED
from usable_core.errors import CheckpointError
from usable_core.evaluations.specs import ModelSpec
from usable_core.models.checkpoints import read_card
from usable_core.models.model import Model
from usable_core.models.sources.from_card import model_from_card


def load(name: str, spec: ModelSpec) -> Model:
    """Return a bundled backbone.

    Raises:
        UnknownName: no such backbone.
        CheckpointError: its files are not there, or damaged.
    """
    lookup(BUNDLED, "bundled model", name)
    folder = settings.assets() / "models"
    weights, card = folder / f"{name}.safetensors", folder / f"{name}.json"
    if not (weights.is_file() and card.is_file()):
        raise CheckpointError(
            f"bundled/{name} is not in this installation: expected {weights.name} and {card.name} "
            f"in {folder}. Make it with `usable pretrain`, or install Usable anew."
        )
    return model_from_card(spec.reference, weights, read_card(card), spec)
