"""`hf/FOLDER` and `hf/ID[@REVISION]`: classifiers of transformers, and timm's on the hub."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig

from usable_core.catalog.hub import CONFIG_FILE, WEIGHTS, folder_of, hub_name, is_folder_name
from usable_core.errors import CheckpointError, UnknownName
from usable_core.evaluations.passports import Passport
from usable_core.evaluations.specs import ModelSpec
from usable_core.files import is_file, why
from usable_core.inputs.input import Input
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.json_files import parsed_json, read_json
from usable_core.labels import LabelSpace
from usable_core.models.model import Model
from usable_core.models.sizes import built
from usable_core.models.sources import text_trunks, timm_models
from usable_core.models.sources.cards_inside import entry_of
from usable_core.models.sources.classifiers import (
    check_numbers,
    class_of,
    configuration,
    configured,
    network_of,
    of_network,
    random_network,
)
from usable_core.models.sources.fetching import described, fetch
from usable_core.models.sources.imagenet import known_as_imagenet
from usable_core.models.sources.processors import has_processor, passport_of
from usable_core.models.sources.text_classifiers import (
    is_text_classifier,
    random_text_network,
    text_network_of,
)
from usable_core.models.sources.tokenizer_files import tokens_of
from usable_core.models.weights.facts import facts_of
from usable_core.models.weights.safetensors_files import read_safetensors
from usable_core.records import brief

_CONFIG = "config"  # the option that holds a network's configuration
_TIMM = "timm_wrapper"
# What the user must say where a folder does not: there is no usual way to prepare pictures.
_NEEDED = ("resize", "crop", "mean", "std")
_AGAIN = "Fetch or copy the model again."
_MULTI_LABEL = "multi_label_classification"


def load(name: str, spec: ModelSpec) -> Model:
    """Return the classifier in a folder, or of the hub.

    Raises:
        CheckpointError: it cannot be had, is no classifier of pictures into one of several classes,
            its weights are no safetensors or do not fit, or its pictures are prepared in a way that
            cannot be done here.
    """
    if spec.weights or spec.arch_options:
        raise CheckpointError(
            f"{spec.reference} comes with its weights and settings: leave --weights and "
            "--arch-option out, or give a folder with the weights that are meant."
        )
    folder = folder_of(name) or fetch(hub_name(name))
    said, owner = _config(folder), spec.reference
    own = entry_of(said, owner)  # where it was exported here
    if _is_timm(said):
        return _through_timm(folder, said, spec, own)
    is_trunk = text_trunks.is_text_trunk(said)
    is_text = is_trunk or is_text_classifier(said)
    config = configured(said, owner) if is_text else configuration(said, owner)
    if not is_trunk:
        _check_classes(config, said, owner)
    path, tensors = _weights(folder)
    make = text_trunks.text_trunk_of if is_trunk else text_network_of if is_text else network_of
    if not is_text:
        class_of(config, owner)
        takes: Input = _preprocessing(folder, config, spec)
    network = built(
        owner,
        lambda: make(config, of_network(said), owner, tensors),
        weights=path,
        is_usual=True,  # what is refused is what it allocates
    )
    if is_text:
        takes = tokens_of(folder, config, network, owner)
    options = {_CONFIG: json.dumps(of_network(said), sort_keys=True)}
    options |= {text_trunks.POOLING: str(network.pooling)} if is_trunk else {}
    card = own | {
        "title": name.rstrip("/").rsplit("/", 1)[-1],
        "architecture": f"hf/{config.model_type}",
        "arch_options": options,
        "weights": _origin(name, folder),
    }
    if is_trunk:
        return Model(owner, network, takes, LabelSpace(()), card, _narrowed(tensors))
    labels, where = facts_of(folder / WEIGHTS[0], {}).labels_for(config.num_labels, spec.labels)
    names = LabelSpace.unnamed(config.num_labels) if labels is None else known_as_imagenet(labels)
    return Model(owner, network, takes, names, card, (*_narrowed(tensors), *where))


def known(name: str, spec: ModelSpec) -> Passport | None:
    """Return what the hub says of a model that is not here; None of one that is.

    Raises:
        CheckpointError: the hub cannot be reached, or has no such model as safetensors.
    """
    if folder_of(name) is not None:
        return None
    download, said = described(hub_name(name))
    return Passport(
        spec.reference,
        f"hf/{said['type']}" if said["type"] else "",
        weights=f"{download.repository} at {download.revision}",
        licence=said["licence"],
        download=download,
    )


def build(name: str, options: Mapping[str, Any]) -> nn.Module:
    """Return a classifier of the type `name` with random weights.

    Args:
        name: As `model_type` of config.json has it.
        options: `config`: that file's content, as JSON; `pooling`, of a network of texts that had
            no head for classes of its own.

    Raises:
        UnknownName: transformers has no classifier of this type, or another option is said.
        CheckpointError: there is no configuration, or it is none.
    """
    if others := sorted(options.keys() - {_CONFIG, text_trunks.POOLING}):
        raise UnknownName(f"option of hf/{name}", others[0], [_CONFIG])
    try:
        said = parsed_json(str(options.get(_CONFIG, "{}")).encode())
    except ValueError as error:
        raise CheckpointError(
            f"The configuration of hf/{name} is no JSON: {error}. Write the card anew."
        ) from error
    if not isinstance(said, dict) or not said:
        raise CheckpointError(
            f"hf/{name} is built by a configuration, and the card holds none. Write it anew."
        )
    said = {**said, "model_type": name}
    owner = f"hf/{name}"
    if _is_timm(said):
        raise CheckpointError(f"{owner} holds a model of timm's: name it timm/NAME.")
    if text_trunks.POOLING in options:
        own, pooling = configured(said, owner), options[text_trunks.POOLING]
        return text_trunks.random_text_trunk(own, of_network(said), owner, pooling)
    if is_text_classifier(said):
        return random_text_network(configured(said, owner), of_network(said), owner)
    config = configuration(said, owner)
    return random_network(config, of_network(said), owner)


def _config(folder: Path) -> dict[str, Any]:
    try:
        said = read_json(folder / CONFIG_FILE)
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"{CONFIG_FILE} of {folder.name} cannot be read as JSON: {why(error)}. {_AGAIN}"
        ) from error
    if not isinstance(said, dict):
        raise CheckpointError(f"{CONFIG_FILE} of {folder.name} must be a JSON object. {_AGAIN}")
    return said


def _is_timm(said: Mapping[str, Any]) -> bool:
    return said.get("model_type") == _TIMM or (
        "model_type" not in said and {"architecture", "pretrained_cfg"} <= said.keys()
    )


def _through_timm(
    folder: Path, said: Mapping[str, Any], spec: ModelSpec, own: Mapping[str, Any]
) -> Model:
    """Return the classifier of timm in a folder, prepared as timm prepares it."""
    if not is_file(folder / WEIGHTS[0]):
        raise CheckpointError(f"Expected {WEIGHTS[0]} in {folder}, but it is not there.")
    if said.get("problem_type") == _MULTI_LABEL:
        raise _several_at_once(spec.reference)
    check_numbers(said, spec.reference)
    name = str(said.get("architecture"))
    try:
        model = timm_models.load(name, replace(spec, weights=str(folder)))
    except UnknownName as error:
        raise CheckpointError(
            f"{CONFIG_FILE} of {folder.name} names what timm lacks: {error}"
        ) from error
    title = folder.name if is_folder_name(_name(spec)) else _name(spec)
    model.card = {**own, **model.card, "title": title}
    return model


def _name(spec: ModelSpec) -> str:
    return spec.reference.partition("/")[2]


def _check_classes(config: PretrainedConfig, said: Mapping[str, Any], owner: str) -> None:
    """Check that a model tells one of several classes.

    Raises:
        CheckpointError: it gives one number, or several classes at once.
    """
    if said.get("problem_type") == _MULTI_LABEL:
        raise _several_at_once(owner)
    if config.num_labels < 2 or said.get("problem_type") == "regression":
        raise CheckpointError(
            f"{owner} gives {config.num_labels} number(s) and no classes (regression): there is "
            "nothing to be right or wrong about. Choose a classifier of at least two classes."
        )
    channels = getattr(config, "num_channels", 3)
    if channels != 3:
        raise CheckpointError(
            f"{owner} takes pictures of {channels} channel(s), and pictures here have 3 (RGB). "
            "Choose another model."
        )


def _several_at_once(owner: str) -> CheckpointError:
    return CheckpointError(
        f"{owner} gives several classes at once (problem_type multi_label_classification): each "
        "by a sigmoid of its own. Accuracy and attacks here are of one class for each picture. "
        "Choose a classifier of one class for each picture."
    )


def _preprocessing(folder: Path, config: PretrainedConfig, spec: ModelSpec) -> Preprocessing:
    """Return a folder's passport; where it holds none, what the user's values are put upon.

    Raises:
        CheckpointError: the folder says nothing and the user too little.
    """
    if has_processor(folder):
        return passport_of(folder, config)
    given = {name for name, _ in spec.preprocessing}
    if lacking := [name for name in _NEEDED if name not in given]:
        raise CheckpointError(
            f"{spec.reference} does not say how its pictures are prepared (no "
            "preprocessor_config.json), and a wrong way gives wrong numbers without a sign. Say "
            f"it: --preprocessing {' --preprocessing '.join(f'{name}=…' for name in lacking)}"
        )
    side = getattr(config, "image_size", None)
    side = side if isinstance(side, int) and side > 0 else 224  # replaced by what is given
    return Preprocessing(side, (side, side))


def _weights(folder: Path) -> tuple[Path, Mapping[str, Tensor]]:
    """Return the file of weights and its tensors; of several files the largest, and those of all.

    Raises:
        CheckpointError: a file is missing or damaged, or no safetensors.
    """
    if is_file(folder / WEIGHTS[0]):
        return folder / WEIGHTS[0], read_safetensors(folder / WEIGHTS[0])
    try:
        index = read_json(folder / WEIGHTS[1])
        shards = sorted({str(name) for name in index["weight_map"].values()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CheckpointError(
            f"{WEIGHTS[1]} of {folder.name} does not say which files hold the weights. {_AGAIN}"
        ) from error
    if not shards:
        raise CheckpointError(f"{WEIGHTS[1]} of {folder.name} names no weights. {_AGAIN}")
    tensors: dict[str, Tensor] = {}
    for shard in shards:
        if Path(shard).name != shard or not is_file(folder / shard):
            raise CheckpointError(
                f"{WEIGHTS[1]} of {folder.name} names {shard[:80]!r}, but no such file is beside "
                f"it. {_AGAIN}"
            )
        own = read_safetensors(folder / shard)
        if twice := sorted(own.keys() & tensors.keys()):
            raise CheckpointError(
                f"{folder.name} holds {brief(twice[0])} twice, in {shard} and in a file before it. "
                f"{_AGAIN}"
            )
        tensors |= own
    largest = max((folder / shard for shard in shards), key=lambda path: path.stat().st_size)
    return largest, tensors


def _narrowed(tensors: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Return what is to be said of numbers that the files hold in another precision."""
    kinds = {t.dtype for t in tensors.values() if t.is_floating_point()} - {torch.float32}
    found = sorted(f"{kind}".removeprefix("torch.") for kind in kinds)
    said = f"Its weights are stored as {', '.join(found)}; the network computes with float32."
    return (said,) if found else ()


def _origin(name: str, folder: Path) -> str:
    if is_folder_name(name):
        return folder.name
    hub = hub_name(name)
    return f"{hub.id}, revision {hub.revision} (commit {folder.name[:12]})"
