"""A model from its weights file and its card: `bundled/NAME` and `run/ID`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from usable_core.catalog import implementation, lookup
from usable_core.catalog.models import ARCHITECTURES, WEIGHTS_FILE, files_of, source_of
from usable_core.errors import CheckpointError
from usable_core.evaluations.specs import ModelSpec
from usable_core.labels import LabelSpace
from usable_core.models.heads import replace_head
from usable_core.models.model import Model
from usable_core.models.preprocessing import GUESS, Preprocessing
from usable_core.models.weights.checkpoints import load_weights, read_card
from usable_core.records import from_json


def load(_name: str, spec: ModelSpec) -> Model:
    """Return the model whose weights and card its source names.

    Raises:
        CheckpointError: they are damaged, or do not fit each other.
    """
    weights, card = files_of(spec.reference)
    return model_from_card(spec.reference, weights, read_card(card), spec)


def model_in(folder: Path, reference: str | None = None) -> Model:
    """Return the model that `save_model` wrote into a folder, named by `reference`, else the path.

    Raises:
        CheckpointError: it is not there, or damaged.
    """
    weights = folder / WEIGHTS_FILE
    return model_from_card(reference or str(folder), weights, read_card(folder))


def model_from_card(
    reference: str, weights: Path, card: dict[str, Any], spec: ModelSpec | None = None
) -> Model:
    """Return the model that a card describes, with the weights of a file.

    Raises:
        CheckpointError: the card lacks an entry, or the weights do not fit it.
    """
    lacking = [k for k in ("architecture", "labels", "preprocessing") if k not in card]
    if lacking:
        raise CheckpointError(f"The card of {reference} lacks {', '.join(lacking)}.")
    options = {**card.get("arch_options", {}), **dict(spec.arch_options if spec else ())}
    network = build(card["architecture"], len(card["labels"]), options)
    notes = load_weights(network, spec.weights if spec and spec.weights else weights)
    preprocessing = from_json(Preprocessing, card["preprocessing"])
    # Whatever it was when its training began, it is what the network was trained with.
    told = {name: said.removeprefix(GUESS) for name, said in preprocessing.sources.items()}
    preprocessing = replace(preprocessing, sources=told)
    labels = LabelSpace(tuple(card["labels"]), card.get("labels_named", True))
    return Model(reference, network, preprocessing, labels, card, notes)


def build(architecture: str, num_classes: int, options: Mapping[str, str]) -> nn.Module:
    """Return a network with random weights: one of ours, or `SOURCE/NAME`.

    Raises:
        UnknownName: no such architecture.
        CheckpointError: its source builds none, or it does not have these options.
    """
    check_architecture(architecture)
    if "/" in architecture:
        row, name = source_of(architecture)
        return replace_head(implementation(str(row.build))(name, options), num_classes)
    if options:
        raise CheckpointError(
            f"{architecture} has no options, but got {', '.join(options)}. Leave --arch-option out."
        )
    network: nn.Module = implementation(ARCHITECTURES[architecture].function)(num_classes)
    return network


def check_architecture(architecture: str) -> None:
    """Check that a network can be built by the name of its architecture, without building it.

    Raises:
        UnknownName: no such architecture of ours, or no such source.
        CheckpointError: its source builds none.
    """
    if "/" not in architecture:
        lookup(ARCHITECTURES, "architecture", architecture)
    elif source_of(architecture)[0].build is None:
        raise CheckpointError(
            f"The source of {architecture} builds no architectures, so a model that is trained "
            "from it could not be loaded again. Choose a model of another source."
        )
