"""A model from its weights file and its card: what `bundled/…` and `run/…` have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from usable_core.catalog import implementation, lookup
from usable_core.catalog.models import ARCHITECTURES
from usable_core.errors import CheckpointError
from usable_core.evaluations.specs import ModelSpec
from usable_core.labels import LabelSpace
from usable_core.models.checkpoints import load_weights
from usable_core.models.heads import replace_head
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing
from usable_core.records import from_json


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
    load_weights(network, Path(spec.weights) if spec and spec.weights else weights)
    preprocessing = from_json(Preprocessing, card["preprocessing"])
    labels = LabelSpace(tuple(card["labels"]), card.get("labels_named", True))
    return Model(reference, network, preprocessing, labels, card)


def build(architecture: str, num_classes: int, options: Mapping[str, str]) -> nn.Module:
    """Return a network with random weights: one of ours, `torchvision/NAME` or `timm/NAME`.

    Raises:
        UnknownName: no such architecture.
    """
    source, _, name = architecture.partition("/")
    if source == "torchvision":
        from usable_core.models.sources.torchvision_models import build as build_torchvision

        return replace_head(build_torchvision(name, options), num_classes)
    if source == "timm":
        from usable_core.models.sources.timm_models import build as build_timm

        return replace_head(build_timm(name, options), num_classes)
    if options:
        raise CheckpointError(
            f"{architecture} has no options, but got {', '.join(options)}. Leave --arch-option out."
        )
    row = lookup(ARCHITECTURES, "architecture", architecture)
    network: nn.Module = implementation(row.function)(num_classes)
    return network
