"""The local files behind a model's name, found without torch; see `SourceRow.files`."""

from pathlib import Path

from usable_core import settings
from usable_core.catalog import lookup
from usable_core.catalog.models import BUNDLED, CARD_FILE, WEIGHTS_FILE
from usable_core.errors import CheckpointError


def bundled(name: str) -> tuple[Path, ...]:
    """Return the weights and the card of a bundled backbone.

    Raises:
        UnknownName: no such backbone.
        CheckpointError: it is not in this installation.
    """
    lookup(BUNDLED, "bundled model", name)
    folder = settings.assets() / "models"
    weights, card = folder / f"{name}.safetensors", folder / f"{name}.json"
    if not (weights.is_file() and card.is_file()):
        raise CheckpointError(
            f"bundled/{name} is not in this installation: expected {weights.name} and {card.name} "
            f"in {folder}. Make it with `usable pretrain`, or install Usable anew."
        )
    return weights, card


def program(name: str) -> tuple[Path, ...]:
    """Return the exported program at a path.

    Raises:
        CheckpointError: it is no .pt2 file, or not there.
    """
    path = Path(name).expanduser()
    if path.suffix != ".pt2":
        raise CheckpointError(
            f"file/… takes a program written by torch.export (.pt2), not {path.name}. A file of "
            "weights goes with its architecture: torchvision/NAME or timm/NAME with --weights FILE."
        )
    if not path.is_file():
        raise CheckpointError(f"Expected an exported program at {path}, but no file is there.")
    return (path,)


def folder(name: str) -> tuple[Path, ...]:
    """Return the weights and the card of the model in a folder.

    Raises:
        CheckpointError: it has none.
    """
    path = Path(name).expanduser()
    weights, card = path / WEIGHTS_FILE, path / CARD_FILE
    if not (weights.is_file() and card.is_file()):
        raise CheckpointError(
            f"Expected {WEIGHTS_FILE} and {CARD_FILE} in the folder {path}, but they are not there."
        )
    return weights, card
