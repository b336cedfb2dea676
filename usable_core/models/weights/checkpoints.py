"""Weights and cards on disk: written whole or not at all, read without running anything."""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn

from usable_core.catalog.model_files import weights_file
from usable_core.catalog.models import CARD_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from usable_core.errors import CheckpointError
from usable_core.files import replacing, why, write_bytes, write_json
from usable_core.json_files import read_json
from usable_core.models.weights.facts import Facts, facts_of
from usable_core.models.weights.formats import AGAIN, format_of
from usable_core.models.weights.nearest import nearest
from usable_core.models.weights.nesting import entries, flat
from usable_core.models.weights.opcodes import WHOLE
from usable_core.models.weights.pickles import is_whole_network, read_pickle
from usable_core.models.weights.safetensors_files import read_safetensors
from usable_core.models.weights.tables import Search, Table, chosen, notes_of
from usable_core.records import brief

HASH = "weights_sha256"  # entry of a card
# What may be copied into each other: floats of few bits, integers that stand for floats, truth
# values and complex numbers would come in as other numbers than were meant.
_ALIKE: tuple[set[torch.dtype], ...] = (
    {torch.float16, torch.bfloat16, torch.float32, torch.float64},
    {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64},
)


@dataclass(frozen=True)
class Checkpoint:
    """A file of weights as it was read.

    Attributes:
        path: The file.
        table: The table in it that the user chose; None where none was chosen.
        tensors: All its tensors by full name, on the CPU.
        facts: What it and the configuration beside it say besides.
        has_network: It holds a whole pickled network, which is not read.
    """

    path: Path
    table: str | None
    tensors: Mapping[str, Tensor]
    facts: Facts
    has_network: bool = False


def save_model(
    folder: Path, network: nn.Module, card: dict[str, Any], tokenizer: str | None = None
) -> dict[str, Any]:
    """Write `model.safetensors` and `card.json` into a folder; return the card as it was written.

    The card holds the hash of the weights, and both files are whole before either takes its name,
    the card first: where the process dies in between, an older pair is whole, or loading says that
    the two do not belong together (`check_pair`).

    Args:
        folder: Where they go.
        network: Has the weights.
        card: All else that is known.
        tokenizer: Of a network of texts, as its file has it; the card holds its hash, too.

    Raises:
        StorageError: the disk is full or the folder cannot be written; nothing half-written stays.
    """
    weights = {k: v.detach().cpu().clone().contiguous() for k, v in network.state_dict().items()}
    data = save(weights)
    card = {**card, HASH: hashlib.sha256(data).hexdigest()}
    if tokenizer is not None:
        write_bytes(Path(folder) / TOKENIZER_FILE, tokenizer.encode())
    with replacing(Path(folder) / WEIGHTS_FILE) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())  # a full disk is noticed here, before the card is another
        write_json(Path(folder) / CARD_FILE, card, indent=2)
    return card


def read_card(path: Path) -> dict[str, Any]:
    """Return the card in a JSON file, or in `card.json` of a folder; `cards.checked` tells more.

    Raises:
        CheckpointError: there is no such file, or it is no JSON object.
    """
    path = Path(path)
    path = path / CARD_FILE if path.is_dir() else path
    try:
        card = read_json(path)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"Expected a model's card at {path}, but no file is there."
        ) from error
    except (ValueError, OSError) as error:
        raise CheckpointError(
            f"The card {path} cannot be read as JSON: {why(error)}. Write the card anew."
        ) from error
    if not isinstance(card, dict):
        raise CheckpointError(f"The card {path} must be a JSON object. Write the card anew.")
    return card


def check_pair(weights: Path, expected: str) -> None:
    """Check that a file of weights is the one that a card was written for.

    The whole file is hashed: a mark in both files would not tell weights that were changed or
    copied over. It takes a few milliseconds for 3 MB and about as long as the model's own
    fingerprint for any size.

    Args:
        weights: The file.
        expected: The card's SHA-256 of it in hex; empty in cards of before there was one.

    Raises:
        CheckpointError: it is another.
    """
    if not expected:
        return
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise CheckpointError(
            f"{weights.name} and its card in {weights.parent} do not belong together: the card is "
            f"of weights whose SHA-256 begins with {expected[:12]}, the file's with {found[:12]}. "
            "Perhaps a training was stopped while it wrote them, or one was copied alone. Train or "
            f"copy both again; if you changed the weights yourself, take {HASH} out of the card."
        )


def read_checkpoint(weights: str | Path) -> Checkpoint:
    """Return what a file of weights holds: safetensors, or a pickle, of which no code is run.

    Args:
        weights: A file, a folder of the Hub's form, or FILE#TABLE.

    Raises:
        CheckpointError: it is missing, damaged, of another kind, or could run code.
    """
    path, table = weights_file(str(weights))
    is_pickle = format_of(path) == "pickle"
    content = read_pickle(path) if is_pickle else read_safetensors(path)
    tensors = flat(content, path.name)
    parts = (content, *(value for _, value in entries(content)))
    has_network = any(is_whole_network(part) for part in parts)
    if not tensors:
        what = WHOLE if has_network else "a table of name to tensor is expected. " + AGAIN
        raise CheckpointError(f"{path.name} holds no weights: {what}")
    return Checkpoint(path, table, tensors, facts_of(path, content), has_network)


def load_weights(
    network: nn.Module,
    source: Checkpoint | str | Path,
    *,
    ignored: tuple[str, ...] = (),
    rename: Callable[[str], str] = str,
) -> tuple[str, ...]:
    """Copy the weights of a file into a network, wherever in the file they are.

    Args:
        network: Receives the weights, in place.
        source: A file as it was read, or as `read_checkpoint` takes it.
        ignored: Top-level parts that the file may hold and the network need not.
        rename: Turns the file's names into the network's.

    Returns:
        What a reader of the network's numbers must know: which of several tables was taken, and
        what was left out.

    Raises:
        CheckpointError: the file is missing, damaged, holds code, or does not fit the network
            (the message says what is missing, and what is there); the network is unchanged then.
    """
    checkpoint = source if isinstance(source, Checkpoint) else read_checkpoint(source)
    own = network.state_dict()
    tensors = {k: v for k, v in own.items() if isinstance(v, Tensor)}
    search = Search(tensors, checkpoint.tensors, rename, ignored)
    tables = [search.with_head(table) for table in search.tables()]
    covering = [table for table in tables if search.covers(table)]
    best = covering or tables[:1] or [Table("", {}, rest=tuple(checkpoint.tensors))]
    table = chosen(search, best, checkpoint.table, checkpoint.path.name) if covering else best[0]
    for mismatch in _mismatches(search, table, checkpoint):
        raise CheckpointError(f"{checkpoint.path.name} does not fit the network: {mismatch}")
    found = {own_name: checkpoint.tensors[name] for own_name, name in table.names.items()}
    state = OrderedDict(found)
    state._metadata = own._metadata  # type: ignore[attr-defined]  # MNASNet asks for its version
    network.load_state_dict(state, strict=False)
    narrowed = _narrowed(search, table, checkpoint.path.name)
    return (*notes_of(search, table, covering, checkpoint.path.name), *narrowed)


def _narrowed(search: Search, table: Table, file: str) -> tuple[str, ...]:
    """Return what is to be said of numbers that the file holds in another precision."""
    found = {
        f"{search.found[at].dtype}".removeprefix("torch.")
        for name, at in table.names.items()
        if search.found[at].is_floating_point() and search.found[at].dtype != search.own[name].dtype
    }
    said = f"{file} holds its weights as {', '.join(sorted(found))}; the network computes with "
    return (f"{said}float32.",) if found else ()


def _mismatches(search: Search, table: Table, checkpoint: Checkpoint) -> Iterator[str]:
    """Yield in what a table does not fit, each with what to do."""
    if checkpoint.has_network and not search.fitting(table):
        yield WHOLE
    if difference := _differences(search, table):
        yield f"{difference}. {_advice(search, table, checkpoint)}"
    for name, at in table.names.items():
        own, tensor = search.own[name], search.found[at]
        if not are_alike(own.dtype, tensor.dtype):
            yield (
                f"{brief(at)} holds {tensor.dtype}, where the network has {own.dtype}. Save it as "
                "such."
            )
        elif tensor.is_floating_point() and not bool(tensor.to(own.dtype).isfinite().all()):
            what = "infinity" if tensor.isnan().logical_not().all() else "NaN"
            if bool(tensor.isfinite().all()):
                what = f"numbers that {own.dtype} cannot hold"
            advice = "Take a checkpoint from before the training went wrong"
            yield f"{brief(at)} holds {what}. {advice}."


def are_alike(own: torch.dtype, found: torch.dtype) -> bool:
    """Tell whether numbers of a file may be copied into a network's own, and stay what they are."""
    return found in next((kinds for kinds in _ALIKE if own in kinds), {own})


def _differences(search: Search, table: Table) -> str:
    """Return what of the network a table lacks or has in another shape, and what is there."""
    parts = []
    if wrong := search.misshapen(table):
        at = table.names[wrong[0]]
        file_shape, own_shape = tuple(search.found[at].shape), tuple(search.own[wrong[0]].shape)
        others = f" (and {len(wrong) - 1} more differ)" if len(wrong) > 1 else ""
        parts.append(
            f"{brief(at)} has shape {file_shape} in the file and {own_shape} in the network{others}"
        )
    if missing := search.missing(table):
        parts.append(
            f"the file lacks {len(missing)} of the network's {len(search.needed)} tensors, first "
            f"{', '.join(missing[:3])}"
        )
    if rest := search.unexpected(table):
        parts.append(
            f"the file holds {len(rest)} tensors that the network does not have, first "
            f"{', '.join(map(brief, rest[:3]))}"
        )
    return "; ".join(parts)


def _advice(search: Search, table: Table, checkpoint: Checkpoint) -> str:
    """Return what to do about a table that does not fit: the nearest network that would."""
    wrong, last = search.misshapen(table), search.needed[-1].rpartition(".")[0]
    if wrong and not search.missing(table) and not search.unexpected(table):
        shapes = [(search.found[table.names[n]].shape, search.own[n].shape) for n in wrong]
        file, own = shapes[0]
        if all(name.rpartition(".")[0] == last for name in wrong) and file[1:] == own[1:]:
            return f"Its head is for {file[0]} classes: --arch-option num_classes={file[0]}."
        if all(name.rpartition(".")[2].startswith("pos_embed") for name in wrong):
            return (
                "Its position embeddings are for another image size: give it, --arch-option "
                "img_size=… (image_size=… for torchvision)."
            )
        if len(wrong) == 1 and len(file) == 4 and file[:1] + file[2:] == own[:1] + own[2:]:
            return f"Its pictures have other channels: --arch-option in_chans={file[1]}."
    return nearest(search, checkpoint.facts.architecture)
