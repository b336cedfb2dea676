"""Weights and cards on disk: written whole or not at all, read without running anything.

Weights are safetensors, or pickles that torch's weights-only reader accepts.
"""

import json
import pickle
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from usable_core.catalog.models import CARD_FILE, WEIGHTS_FILE
from usable_core.errors import CheckpointError, first_line
from usable_core.files import write_bytes, write_json

# Where training scripts nest the weights (timm, torchvision's references, Lightning).
NESTED_UNDER = ("state_dict", "model", "model_state_dict", "state_dict_ema", "model_ema")


def save_model(folder: Path, network: nn.Module, card: dict[str, Any]) -> None:
    """Write `model.safetensors` and, after it, `card.json` into a folder.

    Raises:
        StorageError: the disk is full or the folder cannot be written; nothing half-written stays.
    """
    weights = {k: v.detach().cpu().clone().contiguous() for k, v in network.state_dict().items()}
    write_bytes(Path(folder) / WEIGHTS_FILE, save(weights))
    write_json(Path(folder) / CARD_FILE, card, indent=2)


def read_card(path: Path) -> dict[str, Any]:
    """Return the card in a JSON file, or in `card.json` of a folder.

    Raises:
        CheckpointError: there is no such file, or it is no JSON object.
    """
    path = Path(path)
    path = path / CARD_FILE if path.is_dir() else path
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(
            f"Expected a model's card at {path}, but no file is there."
        ) from error
    except (ValueError, OSError) as error:
        raise CheckpointError(f"The card {path} cannot be read as JSON: {error}.") from error
    if not isinstance(card, dict):
        raise CheckpointError(f"The card {path} must be a JSON object. Write the card anew.")
    return card


def load_weights(
    network: nn.Module,
    path: Path,
    *,
    ignored: tuple[str, ...] = (),
    rename: Callable[[str], str] = str,
) -> None:
    """Copy the weights of a file into a network of the same architecture.

    Args:
        network: Receives the weights, in place.
        path: A .safetensors file, or a pickle of weights.
        ignored: Top-level parts that the file may hold and the network need not.
        rename: Turns the file's names into the network's.

    Raises:
        CheckpointError: the file is missing, damaged, holds code, or does not fit the network
            (the message names the first mismatch); the network is unchanged then.
    """
    path = Path(path)
    own = network.state_dict()
    found = {rename(key): value for key, value in read_weights(path).items()}
    found = {k: v for k, v in found.items() if k in own or k.split(".")[0] not in ignored}
    for mismatch in _mismatches({k: v for k, v in own.items() if isinstance(v, Tensor)}, found):
        raise CheckpointError(
            f"{path.name} does not fit the network: {mismatch}. "
            "Choose the architecture (and its options) that the file was made with."
        )
    state = OrderedDict(found)
    state._metadata = own._metadata  # type: ignore[attr-defined]  # MNASNet asks for its version
    # Old files lack BatchNorm's batch counters, which only matter without a momentum.
    network.load_state_dict(state, strict=False)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the name-to-tensor table of a .safetensors, .pth, .pt or .bin file, on the CPU.

    Raises:
        CheckpointError: the file is missing, damaged, or a pickle that holds more than weights.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"Expected a weights file at {path}, but no file is there.")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    table = next((content[k] for k in NESTED_UNDER if isinstance(content.get(k), Mapping)), content)
    weights = {str(key): value for key, value in table.items() if isinstance(value, Tensor)}
    if not weights:
        raise CheckpointError(
            f"{path.name} holds no weights; a table of name to tensor is expected."
        )
    if all(key.startswith("module.") for key in weights):  # saved from DataParallel
        weights = {key.removeprefix("module."): value for key, value in weights.items()}
    return weights


def _read_safetensors(path: Path) -> Mapping[str, Any]:
    try:
        tensors: Mapping[str, Any] = load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise CheckpointError(
            f"{path.name} is no complete safetensors file ({error}). Fetch or copy it again."
        ) from error
    return tensors


def _read_pickle(path: Path) -> Mapping[str, Any]:
    try:
        with warnings.catch_warnings():  # about the format; what matters ends in an error
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path.name} was refused and not run: it is damaged, or a pickle that holds more than "
            "weights and could run code. Save the network's state_dict() as safetensors instead."
        ) from error
    except (RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        reason = first_line(error) if str(error).strip() else "it ends too early"
        raise CheckpointError(
            f"{path.name} cannot be read as a weights file: {reason}. "
            "Expected .safetensors, or a .pth written by torch.save(network.state_dict(), …)."
        ) from error
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{path.name} holds a {type(content).__name__}; expected a table of name to tensor."
        )
    return content


def _mismatches(own: dict[str, Tensor], found: dict[str, Tensor]) -> Iterator[str]:
    for name, tensor in own.items():
        if name in found and found[name].shape != tensor.shape:
            file_shape, own_shape = tuple(found[name].shape), tuple(tensor.shape)
            yield f"{name} has shape {file_shape} in the file and {own_shape} in the network"
    missing = [k for k in own if k not in found and not k.endswith("num_batches_tracked")]
    if missing:
        yield f"the file lacks {len(missing)} of the network's tensors, first {missing[0]}"
    unexpected = [k for k in found if k not in own]
    if unexpected:
        yield (
            f"the file holds {len(unexpected)} tensors that the network does not have, "
            f"first {unexpected[0]}"
        )
    for name, tensor in found.items():
        if tensor.is_floating_point() and bool(tensor.isnan().any()):
            yield f"{name} holds NaN"
