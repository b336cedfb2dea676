"""A model from its weights file and its card: `bundled/NAME` and `run/ID`."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from torch import nn

from usable_core.catalog import implementation, lookup
from usable_core.catalog.architectures import ARCHITECTURES
from usable_core.catalog.model_files import weights_file
from usable_core.catalog.models import WEIGHTS_FILE
from usable_core.catalog.references import files_of, source_of
from usable_core.errors import CheckpointError, UsableError
from usable_core.evaluations.specs import ModelSpec
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import GUESS, LARGEST_CROP, Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.cards import Card, checked
from usable_core.models.heads import replace_head
from usable_core.models.model import Model
from usable_core.models.sizes import built
from usable_core.models.sources.installed import function_of
from usable_core.models.sources.options import OptionValue
from usable_core.models.sources.saved_tokens import tokens_in
from usable_core.models.weights.checkpoints import check_pair, load_weights, read_card


def load(_name: str, spec: ModelSpec) -> Model:
    """Return the model whose weights and card its source names.

    Raises:
        CheckpointError: they are damaged, or do not fit each other.
    """
    weights, *_, card = files_of(spec.reference)
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
        CheckpointError: the card lacks an entry or has one that cannot be, or the weights are
            those of another or do not fit it.
    """
    told = checked(card, reference)
    takes = _input_of(told, weights.parent, reference)
    options = {**told.arch_options, **dict(spec.arch_options if spec else ())}
    own = spec.weights if spec and spec.weights else None
    if own is None:
        check_pair(weights, told.weights_sha256)
    file = weights_file(own)[0] if own else weights
    try:
        network = built(
            reference,
            lambda: build(told.architecture, len(told.labels), options),
            weights=file,
            is_usual=not options,
        )
    except UsableError as error:
        if reference in str(error) or (spec and spec.arch_options):
            raise
        raise CheckpointError(f"The card of {reference} cannot be used: {error}") from error
    notes = load_weights(network, own or weights)
    labels = LabelSpace(told.labels, told.labels_named)
    return Model(reference, network, takes, labels, card, notes)


def _input_of(told: Card, folder: Path, reference: str) -> Input:
    """Return what a card's network takes."""
    if told.tokens is not None:
        return tokens_in(folder, told.tokens, reference)
    passport = cast(Preprocessing, told.preprocessing)
    row, crop = ARCHITECTURES.get(told.architecture), passport.crop
    if row is not None and max(crop) > LARGEST_CROP * row.side:
        raise CheckpointError(
            f"The card of {reference} cannot be used: {row.title} takes pictures of {row.side} × "
            f"{row.side} pixels, and crop is {crop[0]} × {crop[1]}, over {LARGEST_CROP} times as "
            "large. Correct the card, or write it anew."
        )
    # Whatever it was when its training began, it is what the network was trained with.
    known = {name: said.removeprefix(GUESS) for name, said in passport.sources.items()}
    return replace(passport, sources=known)


def build(architecture: str, num_classes: int, options: Mapping[str, OptionValue]) -> nn.Module:
    """Return a network with random weights: one of ours, or `SOURCE/NAME`.

    Without classes (0) it is a start that tells none apart yet.

    Raises:
        UnknownName: no such architecture.
        CheckpointError: its source builds none, or it does not have these options.
    """
    check_architecture(architecture)
    if "/" in architecture:
        row, name = source_of(architecture)
        network: nn.Module = function_of(architecture, str(row.build))(name, options)
        return replace_head(network, num_classes) if num_classes else network
    if options:
        raise CheckpointError(
            f"{architecture} has no options, but got {', '.join(options)}. Leave --arch-option out."
        )
    own: nn.Module = implementation(ARCHITECTURES[architecture].function)(num_classes)
    return own


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
