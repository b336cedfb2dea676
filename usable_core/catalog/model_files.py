"""The local files behind a model's name, found without torch; see `SourceRow.files`."""

from pathlib import Path

from usable_core import settings
from usable_core.catalog import lookup
from usable_core.catalog.models import BUNDLED, CARD_FILE, WEIGHTS_FILE
from usable_core.errors import CheckpointError

CONFIG_FILE = "config.json"  # beside weights: what timm and the Hub know of them
# The weights in a folder of the Hub's form, the safest first.
IN_A_FOLDER = (
    "model.safetensors",
    "pytorch_model.bin",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
)


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


def weights_file(weights: str) -> tuple[Path, str | None]:
    """Return the file of local weights, and which of its tables is asked for (FILE#TABLE).

    Args:
        weights: The path of a file, or of a folder of the Hub's form.

    Raises:
        CheckpointError: there is no such file, or the folder holds no weights.
    """
    path, table = Path(weights).expanduser(), None
    if not path.exists() and "#" in weights:
        before, _, table = weights.rpartition("#")
        path = Path(before).expanduser()
    if path.is_dir():
        held = sorted(file.name for file in path.iterdir())
        if not (found := [path / name for name in IN_A_FOLDER if name in held]):
            raise CheckpointError(
                f"Expected {' or '.join(IN_A_FOLDER[:2])} in the folder {path}, which holds "
                f"{', '.join(held[:5]) or 'nothing'}. Give the file of weights itself."
            )
        path = found[0]
    if not path.is_file():
        raise CheckpointError(f"Expected a weights file at {path}, but no file is there.")
    return path, table


def weights_and_config(weights: str) -> tuple[Path, ...]:
    """Return the file of local weights, and the configuration beside it where there is one.

    Raises:
        CheckpointError: as `weights_file`.
    """
    path, _ = weights_file(weights)
    config = path.parent / CONFIG_FILE
    return (path, config) if config.is_file() else (path,)
