"""`timm/NAME[.TAG]`: every model of timm, with its resolved data configuration."""

import contextlib
import inspect
import urllib.error
from collections.abc import Mapping
from typing import Any, cast

import timm
from huggingface_hub.constants import ENDPOINT
from timm.data.config import resolve_data_config, resolve_model_data_config
from timm.data.imagenet_info import infer_imagenet_subset
from torch import nn

from usable_core import downloads, reach
from usable_core.errors import CheckpointError, UnknownName, first_line
from usable_core.evaluations.passports import Download, Passport
from usable_core.evaluations.specs import ModelSpec
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.seen import expected
from usable_core.models.sizes import built, parameter_count, without_numbers
from usable_core.models.sources.hub import offline_where_unreachable
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

# Settings of all of timm's models, or of its functions: older names say nothing of their class.
_COMMON = frozenset(
    {"bn_eps", "bn_momentum", "drop_rate", "global_pool", "in_chans", "num_classes"}
)


def load(name: str, spec: ModelSpec) -> Model:
    """Return a timm classifier with its own weights, or with those of `spec.weights`.

    Raises:
        UnknownName: no such model or tag.
        CheckpointError: its weights cannot be had or do not fit, or it takes no RGB pictures.
    """
    own = read_checkpoint(spec.weights) if spec.weights else None
    facts = own.facts if own else Facts()
    said, doubts = facts.options_for(name)
    options = {**said, **dict(spec.arch_options)}
    try:
        network = built(
            spec.reference,
            lambda: build(name, options) if own else _pretrained(name, options),
            weights=own.path if own else None,
            is_usual=not options,
        )
    except (CheckpointError, UnknownName) as error:
        if own is None or not said:
            raise
        place = f"config.json beside {own.path.name}"
        raise CheckpointError(f"{error} ({place} says {', '.join(said)}.)") from error
    notes = load_weights(network, own) if own else ()
    card = {
        "title": name,
        "architecture": f"timm/{name}",
        "arch_options": options,
        "weights": own.path.name if own else _config(network).get("tag", ""),
    }
    labels, where = facts.labels_for(number_of_classes(network), spec.labels)
    return Model(
        spec.reference,
        network,
        passport(
            transform_of(network, is_guess=own is not None and "." not in name), facts, network
        ),
        known_as_imagenet(labels) if labels else labels_of(network),
        card,
        (*doubts, *notes, *where),
    )


def build(name: str, options: Mapping[str, str]) -> nn.Module:
    """Return the network `name` with random weights.

    Raises:
        UnknownName: no such model or tag.
        CheckpointError: an option that it does not have.
    """
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise UnknownName("timm model", name, timm.list_models())
    tagged = timm.list_models(f"{architecture}.*", pretrained=True)
    if tag and name not in tagged:
        raise UnknownName(f"weights of timm/{architecture}", name, tagged)
    return _create(name, options)


def _create(name: str, options: Mapping[str, str], *, pretrained: bool = False) -> nn.Module:
    """Have timm create a model with the settings of its architecture, and no more of timm's own."""
    return call_builder(
        f"timm/{name}",
        lambda **own: timm.create_model(name, pretrained=pretrained, **own),
        options,
        settings(name),
    )


def settings(name: str) -> frozenset[str]:
    """Return the options of an architecture of timm."""
    own = settings_of(timm.model_entrypoint(name.partition(".")[0])) | _COMMON
    return own - inspect.signature(timm.create_model).parameters.keys()


def transform_of(network: nn.Module, *, is_guess: bool = False) -> Transform:
    """Return timm's evaluation transform of a model, as data.

    Args:
        network: Built by timm.
        is_guess: Its weights are a file's, and not timm's own.
    """
    config: dict[str, Any] = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    tag = _config(network).get("tag") or "default"
    how = f"{tag}; crop_pct {config['crop_pct']}, crop mode {config['crop_mode']}"
    return Transform(config, f"timm data configuration ({how})", is_guess)


def recipes(name: str, model: Model) -> dict[str, Preprocessing]:
    """Return how the pictures of each of timm's weights of an architecture are prepared."""
    architecture = name.partition(".")[0]
    found = {}
    for tagged in timm.list_models(f"{architecture}.*", pretrained=True):
        own: Any = timm.get_pretrained_cfg(tagged)
        config = resolve_data_config(pretrained_cfg=own.to_dict())  # type: ignore[no-untyped-call]
        found[f"timm/{tagged}"] = passport(Transform(config, tagged), Facts(), model.network)
    return found


def labels_of(network: nn.Module) -> LabelSpace:
    """Return the class names that timm knows for a model, or placeholders."""
    count = number_of_classes(network)
    own = _config(network).get("label_names")
    if own and len(own) == count:
        return LabelSpace(tuple(own))
    subset = infer_imagenet_subset(network)
    return LabelSpace.unnamed(count) if subset is None else imagenet_labels(subset)


def _config(network: nn.Module) -> Mapping[str, Any]:
    return cast(Mapping[str, Any], network.pretrained_cfg)


def _pretrained(name: str, options: Mapping[str, str]) -> nn.Module:
    random = build(name, options)  # checks name and options before anything is fetched
    config = _config(random)
    hub, url = config.get("hf_hub_id"), config.get("url")
    if not hub and not url:
        raise CheckpointError(
            f"timm/{name} has no pretrained weights. Give a file of yours: --weights FILE."
        )
    download = _download(random)
    downloads.check_allowed(download, f"timm/{name}")
    if not hub:  # its library knows the file, and would fetch it without a word
        downloads.fetch(download, f"timm/{name}")
    try:
        with offline_where_unreachable() if hub else contextlib.nullcontext():
            return _create(name, options, pretrained=True)
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = reach.unreachable(download.url) or first_line(error)
        raise downloads.missing(download, f"timm/{name}", reason) from error


def known(name: str, spec: ModelSpec) -> Passport:
    """Return what timm says of published weights, which are not loaded.

    Raises:
        UnknownName: no such model or tag.
        CheckpointError: it has no published weights, or takes no RGB pictures.
    """
    network = without_numbers(lambda: build(name, dict(spec.arch_options)))
    config, prepared = _config(network), passport(transform_of(network), Facts(), network)
    tag = config.get("tag", "")
    whose = (tag, config.get("origin_url") or config.get("paper_ids"))
    said = {
        "weights": ", ".join(filter(None, whose)),
        "licence": str(config.get("license") or ""),
        "download": _download(network),
    }
    architecture, count = f"timm/{name.partition('.')[0]}", parameter_count(network)
    return expected(spec, architecture, prepared, labels_of(network), count, said)


def _download(network: nn.Module) -> Download:
    """Return the published weights of a network of timm's, their bytes told by its parameters."""
    config = _config(network)
    hub, url = config.get("hf_hub_id"), str(config.get("url") or "")
    size = 4 * sum(each.numel() for each in (*network.parameters(), *network.buffers()))
    if not hub:
        path = str(default_hub_folder() / url.rsplit("/", 1)[-1])
        return Download(url, size, is_estimated=True, path=path)
    repository, _, revision = hub.partition("@")
    return Download(
        f"{ENDPOINT}/{repository}",
        size,
        is_estimated=True,
        repository=repository,
        revision=revision or "main",
        names=(config.get("hf_hub_filename") or "model.safetensors",),
    )
