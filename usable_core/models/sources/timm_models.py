"""`timm/NAME[.TAG]`: every model of timm, with its resolved data configuration."""

import math
import urllib.error
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import timm
from huggingface_hub.constants import HF_HUB_CACHE
from timm.data.config import resolve_model_data_config
from timm.data.imagenet_info import ImageNetInfo, infer_imagenet_subset
from torch import nn

from usable_core.errors import CheckpointError, UnknownName
from usable_core.evaluations.specs import ModelSpec
from usable_core.labels import LabelSpace
from usable_core.models.checkpoints import load_weights
from usable_core.models.model import Model
from usable_core.models.preprocessing import Preprocessing
from usable_core.models.sources.imagenet import imagenet_labels, split_synonyms
from usable_core.models.sources.options import (
    call_builder,
    default_hub_folder,
    missing_download,
    number_of_classes,
)


def load(name: str, spec: ModelSpec) -> Model:
    """Return a timm classifier with its own weights, or with those of `spec.weights`.

    Raises:
        UnknownName: no such model or tag.
        CheckpointError: its weights cannot be had or do not fit, or it takes no RGB pictures.
    """
    options = dict(spec.arch_options)
    if spec.weights:
        network = build(name, options)
        load_weights(network, Path(spec.weights))
    else:
        network = _pretrained(name, options)
    card = {
        "title": name,
        "architecture": f"timm/{name}",
        "arch_options": options,
        "weights": Path(spec.weights).name if spec.weights else _config(network).get("tag", ""),
    }
    return Model(spec.reference, network, passport_of(network), labels_of(network), card)


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
    return call_builder(f"timm/{name}", lambda **own: timm.create_model(name, **own), options)


def passport_of(network: nn.Module) -> Preprocessing:
    """Return timm's evaluation transform of a model, as data.

    Raises:
        CheckpointError: it takes other than RGB pictures, or pads instead of cropping.
    """
    config: dict[str, Any] = resolve_model_data_config(network)  # type: ignore[no-untyped-call]
    channels, height, width = config["input_size"]
    if channels != 3 or config["crop_mode"] not in ("center", "squash"):
        raise CheckpointError(
            f"Expected a model of RGB pictures that are cropped or squashed; this one takes "
            f"{channels} channels with crop mode {config['crop_mode']!r}. Choose another model."
        )
    scaled = [math.floor(side / config["crop_pct"]) for side in (height, width)]
    squashed = config["crop_mode"] == "squash" or scaled[0] != scaled[1]
    fields = ("resize", "crop", "interpolation", "mean", "std")
    tag = _config(network).get("tag") or "default"
    sources = dict.fromkeys(fields, f"timm data configuration ({tag})")
    sources["resize"] = (
        f"timm data configuration ({tag}): {height} / crop_pct {config['crop_pct']}, "
        f"crop mode {config['crop_mode']}"
    )
    return Preprocessing(
        resize=(scaled[0], scaled[1]) if squashed else scaled[0],
        crop=(height, width),
        interpolation=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        sources=sources,
    )


def labels_of(network: nn.Module) -> LabelSpace:
    """Return the class names that timm knows for a model, or placeholders."""
    count = number_of_classes(network)
    own = _config(network).get("label_names")
    if own and len(own) == count:
        return LabelSpace(tuple(own))
    subset = infer_imagenet_subset(network)
    if subset is None:
        return LabelSpace.unnamed(count)
    if subset == "imagenet-1k":
        return imagenet_labels()
    synonyms = tuple(split_synonyms(text) for text in ImageNetInfo(subset).label_descriptions())
    return LabelSpace(tuple(names[0] for names in synonyms), synonyms=synonyms)


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
    try:
        return call_builder(
            f"timm/{name}", lambda **own: timm.create_model(name, pretrained=True, **own), options
        )
    except (urllib.error.URLError, OSError, ValueError) as error:
        if hub:
            folder = f"models--{hub.replace('/', '--')}"
            filename = f"{folder} (what `hf download {hub}` makes on a machine with internet)"
            where = f"https://huggingface.co/{hub}/resolve/main/model.safetensors"
            raise missing_download(
                f"timm/{name}", where, Path(HF_HUB_CACHE), filename, error
            ) from error
        url = str(url)
        filename = url.rsplit("/", 1)[-1]
        raise missing_download(
            f"timm/{name}", url, default_hub_folder(), filename, error
        ) from error
