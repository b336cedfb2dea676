"""Folders of weights and a description: that of Usable itself, and that of timm."""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from timm.models import save_for_hf

from usable_core import files
from usable_core.catalog.hub import CONFIG_FILE
from usable_core.errors import ExportError, StorageError, first_line
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.inputs.tokens import Tokens
from usable_core.json_files import read_json
from usable_core.models.heads import with_biases
from usable_core.models.model import Model
from usable_core.models.sources.cards_inside import ENTRY
from usable_core.models.sources.from_card import check_architecture
from usable_core.models.weights.checkpoints import save_model

Writer = Callable[[Path, dict[str, Any]], None]

INSTEAD = "Export it as safetensors, onnx or program."
# What timm's own weights want, and no others: sizes at test time, classes that start at 1.
_OF_OTHERS = ("test_input_size", "test_crop_pct", "label_offset")


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Say in a sentence that a library could not write a folder.

    Raises:
        StorageError: it could not.
    """
    try:
        with files.refusing(folder):
            yield
    except SafetensorError as error:
        raise StorageError(
            f"{folder} cannot be written: {first_line(error)}. Name another place."
        ) from error


def safetensors(model: Model) -> Writer:
    """Return what writes weights and card as a training does.

    Raises:
        ExportError: nothing says how to build the network again.
    """
    architecture = model.card.get("architecture")
    if not architecture:
        raise ExportError(
            f"{model.name} does not say how its network is built, which its card must. Export it "
            "as onnx or program, or name the architecture: wrap_model(…, card={'architecture': "
            "'timm/NAME'})."
        )
    check_architecture(str(architecture))
    network = with_biases(copy.deepcopy(model.network))
    takes = model.input
    tokenizer = takes.identity if isinstance(takes, Tokens) else None

    def write(folder: Path, card: dict[str, Any]) -> None:
        save_model(folder, network, card, tokenizer)

    return write


def timm(model: Model) -> Writer:
    """Return what writes a folder for `timm.create_model("local-dir:FOLDER", pretrained=True)`.

    Raises:
        ExportError: the network is none of timm's.
    """
    network, takes = model.network, model.preprocessing
    if not hasattr(network, "pretrained_cfg") or not hasattr(network, "reset_classifier"):
        built = model.card.get("architecture") or type(network).__name__
        raise ExportError(f"{model.name} is a network of {built}, and timm has none. {INSTEAD}")

    own = copy.deepcopy(network)
    for weight in own.parameters():
        weight.data = weight.data.contiguous()
    said = {"label_names": list(model.labels.names)} if model.labels.is_named else {}

    def write(folder: Path, card: dict[str, Any]) -> None:
        with writing(folder):
            save_for_hf(own, str(folder), dict(said), safe_serialization=True)
        config = read_json(folder / CONFIG_FILE)
        weights = config["pretrained_cfg"]
        config["pretrained_cfg"] = {k: v for k, v in weights.items() if k not in _OF_OTHERS}
        config["pretrained_cfg"] |= _transform(takes)
        files.write_json(folder / CONFIG_FILE, {**config, ENTRY: card}, indent=2)

    return write


def _transform(takes: Preprocessing) -> dict[str, Any]:
    """Return how pictures are prepared, by timm's names."""
    squashed = isinstance(takes.resize, tuple)
    side = takes.resize[0] if isinstance(takes.resize, tuple) else takes.resize or takes.crop[0]
    share = takes.crop[0] / side
    if math.floor(takes.crop[0] / share) != side:  # timm rounds down
        share = takes.crop[0] / (side + 0.5)
    return {
        "input_size": [takes.channels, *takes.crop],
        "interpolation": takes.interpolation,
        "mean": list(takes.mean[: takes.channels]),
        "std": list(takes.std[: takes.channels]),
        "crop_pct": share,
        "crop_mode": "squash" if squashed else "center",
    }
