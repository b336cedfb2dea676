"""`torchvision/NAME[@WEIGHTS]`: every classification builder that torchvision lists."""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from torch import nn
from torchvision import models
from torchvision.models import WeightsEnum

from usable_core import downloads
from usable_core.errors import CheckpointError, UnknownName
from usable_core.evaluations.passports import Download, Passport
from usable_core.evaluations.specs import ModelSpec
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.seen import expected
from usable_core.models.sizes import built, parameter_count, without_numbers
from usable_core.models.sources.imagenet import imagenet_labels, known_as_imagenet
from usable_core.models.sources.options import (
    call_builder,
    default_hub_folder,
    number_of_classes,
    settings_of,
)
from usable_core.models.sources.passports import Transform, passport
from usable_core.models.weights.checkpoints import load_weights, read_checkpoint
from usable_core.models.weights.facts import Facts

# Heads that only help training; torchvision's files hold them, a card's weights do not.
AUXILIARY = ("aux1", "aux2", "AuxLogits")
# A setting of MobileNetV3 that is its function's, not its class's.
_SIDE = 224  # pixels: what torchvision builds a transformer for unless told
_OF_FUNCTIONS = frozenset({"width_mult"})
# DenseNet's files have the layer names of torchvision 0.1 (torchvision/models/densenet.py).
OLD_DENSENET = re.compile(r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)")
_FROM_SCRATCH = (
    "Its input is taken as torchvision's own weights take it (transform_input=true). Weights that "
    "were trained from scratch take it as it is: --arch-option transform_input=false."
)


def load(name: str, spec: ModelSpec) -> Model:
    """Return a torchvision classifier with its own weights, or with those of `spec.weights`.

    Raises:
        UnknownName: no such builder or weights.
        CheckpointError: not a classifier, or its weights cannot be had or do not fit.
    """
    builder, _, tag = name.partition("@")
    own = read_checkpoint(spec.weights) if spec.weights else None
    facts = own.facts if own else Facts()
    said, doubts = facts.options_for(builder)
    options = {**said, **dict(spec.arch_options)}
    reference = _weights_of(builder, tag)
    if own is None:
        options = {**_sized(builder, reference), **options}
    # Refuses what is wrong before anything is fetched.
    file = own.path if own else None
    make = partial(build, builder, options)
    network = built(spec.reference, make, weights=file, is_usual=not options)
    notes = load_weights(
        network,
        own or fetch(reference, name),
        ignored=AUXILIARY,
        rename=lambda key: OLD_DENSENET.sub(r"\1\2", key),
    )
    known = _recognised(builder, own.path) if own and not tag else reference
    card = {
        "title": name,
        "architecture": f"torchvision/{builder}",
        "arch_options": options,
        "weights": own.path.name if own else str(reference),
    }
    transform = transform_of(known or reference, is_guess=known is None)
    is_turned = getattr(network, "transform_input", False) and "transform_input" not in options
    if known is None and is_turned:
        notes = (*notes, _FROM_SCRATCH)
    count = number_of_classes(network)
    labels, where = facts.labels_for(count, spec.labels)
    return Model(
        spec.reference,
        network,
        passport(transform, facts, network),
        known_as_imagenet(labels) if labels else _labels(known or reference, count),
        card,
        (*doubts, *notes, *where),
    )


def build(name: str, options: Mapping[str, str]) -> nn.Module:
    """Return the network `name` with random weights, as torchvision's files expect it.

    Raises:
        UnknownName: no such builder.
        CheckpointError: not a classifier of pictures, or an option it does not have.
    """
    _check_name(name)
    builder = models.get_model_builder(name)
    network = call_builder(f"torchvision/{name}", builder, options, settings(name))
    for part in AUXILIARY:
        if hasattr(network, part):
            setattr(network, part, None)
    # Inception and GoogLeNet: no such heads, and input as TensorFlow has it, (x − 0.5) / 0.5.
    for switch, is_on in (("aux_logits", False), ("transform_input", True)):
        if hasattr(network, switch) and (switch == "aux_logits" or switch not in options):
            setattr(network, switch, is_on)
    return network


def settings(name: str) -> frozenset[str]:
    """Return the options of an architecture of torchvision."""
    return settings_of(models.get_model_builder(name)) | _OF_FUNCTIONS


def transform_of(reference: WeightsEnum, *, is_guess: bool = False) -> Transform:
    """Return torchvision's own evaluation transforms of some weights, as data.

    Args:
        reference: The weights.
        is_guess: They are of the same architecture as those of a file, and not the same.
    """
    preset = reference.transforms()
    (size,), (height, width) = preset.resize_size, (preset.crop_size[0], preset.crop_size[-1])
    entries = {
        "resize": size,
        "input_size": (3, height, width),
        "interpolation": preset.interpolation.value,
        "mean": tuple(preset.mean),
        "std": tuple(preset.std),
    }
    sizes = {other.name: other.transforms().resize_size[0] for other in type(reference)}
    others = [f"{name} resizes to {side}" for name, side in sizes.items() if side != size]
    source = "; ".join([f"torchvision {reference}.transforms()", *(others if is_guess else [])])
    return Transform(entries, source, is_guess)


def recipes(name: str, model: Model) -> dict[str, Preprocessing]:
    """Return how the pictures of each of torchvision's weights of an architecture are prepared."""
    builder = name.partition("@")[0]
    return {
        str(weights): passport(transform_of(weights), Facts(), model.network)
        for weights in models.get_model_weights(builder)
    }


def fetch(reference: WeightsEnum, name: str) -> Path:
    """Return the file of some weights from torch's cache, downloaded when it is not there.

    Raises:
        CheckpointError: it is not there and cannot be downloaded.
    """
    download = _download(reference)
    downloads.fetch(download, f"torchvision/{name}")
    return Path(download.path)


def known(name: str, spec: ModelSpec) -> Passport:
    """Return what torchvision says of published weights, which are not loaded.

    Raises:
        UnknownName: no such builder or weights.
        CheckpointError: not a classifier.
    """
    builder, _, tag = name.partition("@")
    reference = _weights_of(builder, tag)
    options = {**_sized(builder, reference), **dict(spec.arch_options)}
    network = without_numbers(lambda: build(builder, options))
    prepared = passport(transform_of(reference), Facts(), network)
    said = {
        "weights": str(reference),
        "licence": str(reference.meta.get("license", "")),
        "download": _download(reference),
    }
    labels = _labels(reference, number_of_classes(network))
    count = parameter_count(network)
    return expected(spec, f"torchvision/{builder}", prepared, labels, count, said)


def _check_name(name: str) -> None:
    known = models.list_models(module=models)
    if name.startswith("quantized_"):
        raise CheckpointError(
            f"torchvision/{name} is quantized to integers and has no gradients, so it cannot be "
            f"attacked or fine-tuned. Use torchvision/{name.removeprefix('quantized_')}."
        )
    if name not in known:
        if name in models.list_models():
            raise CheckpointError(
                f"torchvision/{name} is no classifier of single pictures. Choose one of: "
                f"{', '.join(known[:5])}, …"
            )
        raise UnknownName("torchvision model", name, known)


def _sized(builder: str, reference: WeightsEnum) -> dict[str, str]:
    """Return the option without which a transformer is too small or large for its weights."""
    side = reference.transforms().crop_size[0]
    is_other = side != _SIDE and "image_size" in settings(builder)
    return {"image_size": str(side)} if is_other else {}


def _download(reference: WeightsEnum) -> Download:
    file = reference.url.rsplit("/", 1)[-1]
    prefix = re.search(r"-([0-9a-f]{8,})\.", file)
    size = int(float(reference.meta.get("_file_size", 0)) * 2**20)  # said in MiB
    path = str(default_hub_folder() / file)
    return Download(reference.url, size, path=path, sha256=prefix[1] if prefix else "")


def _recognised(builder: str, path: Path) -> WeightsEnum | None:
    """Return the weights that a file is by torchvision's name for it, which ends in its hash."""
    for reference in models.get_model_weights(builder):
        prefix = re.search(r"-([0-9a-f]{8,})\.", path.name)
        if prefix and reference.url.endswith(f"/{path.name}"):
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            return reference if digest.startswith(prefix.group(1)) else None
    return None


def _weights_of(builder: str, tag: str) -> WeightsEnum:
    _check_name(builder)
    choices = models.get_model_weights(builder)
    if tag and tag not in choices.__members__:
        raise UnknownName(f"weights of torchvision/{builder}", tag, choices.__members__)
    return choices[tag or "DEFAULT"]


def _labels(reference: WeightsEnum, count: int) -> LabelSpace:
    names = tuple(reference.meta["categories"])
    if len(names) != count:  # another head, by --arch-option num_classes=…
        return LabelSpace.unnamed(count)
    return imagenet_labels() if len(names) == 1000 else LabelSpace(names)
