"""Folders that transformers' Auto classes read: network, configuration, tokenizer or processor."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerFast
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

from usable_core import files
from usable_core.catalog.hub import CONFIG_FILE
from usable_core.errors import ExportError
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.inputs.tokens import Tokens
from usable_core.json_files import read_json
from usable_core.models.exporting.folders import INSTEAD, writing
from usable_core.models.model import Model
from usable_core.models.sources.cards_inside import ENTRY
from usable_core.models.sources.classifiers import Classifier
from usable_core.models.sources.loaded_networks import quiet
from usable_core.models.sources.processor_fields import RESAMPLING
from usable_core.models.sources.text_classifiers import TextClassifier
from usable_core.models.sources.text_trunks import TextTrunk

Writer = Callable[[Path, dict[str, Any]], None]

PROCESSOR = "preprocessor_config.json"


def transformers(model: Model) -> Writer:
    """Return what writes a folder for transformers' Auto classes.

    Raises:
        ExportError: transformers has no class that computes the same.
    """
    network = _of_transformers(model)
    names = model.labels.names if model.labels.is_named else ()
    network.config.id2label = dict(enumerate(names)) or network.config.id2label
    network.config.label2id = {name: index for index, name in enumerate(names)}
    takes = model.input

    def write(folder: Path, card: dict[str, Any]) -> None:
        with quiet(), writing(folder):
            network.save_pretrained(folder)
            if isinstance(takes, Tokens):
                _tokenizer(takes, network.config.pad_token_id).save_pretrained(folder)
        config = read_json(folder / CONFIG_FILE)
        files.write_json(folder / CONFIG_FILE, {**config, ENTRY: card}, indent=2)
        if isinstance(takes, Preprocessing):
            files.write_json(folder / PROCESSOR, _processor(takes), indent=2)

    return write


def _of_transformers(model: Model) -> PreTrainedModel:
    """Return the class of transformers that a model is, with its weights.

    Raises:
        ExportError: there is none.
    """
    network = model.network
    if isinstance(network, TextTrunk):
        return _with_head(network, model.name)
    if isinstance(network, (Classifier, TextClassifier)):
        found = copy.deepcopy(network.network)
        return cast(PreTrainedModel, found)
    built = model.card.get("architecture") or type(network).__name__
    raise ExportError(f"{model.name} is a network of {built}, and transformers has none. {INSTEAD}")


def _with_head(trunk: TextTrunk, owner: str) -> PreTrainedModel:
    """Return a classifier of transformers that reads a text as a trunk with its head does.

    Raises:
        ExportError: there is none, as of the mean of a text's states.
    """
    own = trunk.network
    kind = MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING.get(type(own.config), None)
    if trunk.pooling != "last" or kind is None:
        raise ExportError(
            f"{owner} classifies by the mean of a text's last states, and transformers has no "
            f"classifier of {own.config.model_type} that does. {INSTEAD}"
        )
    config = copy.deepcopy(own.config)
    config.num_labels = trunk.head.out_features
    with quiet():
        network = cast(PreTrainedModel, kind(config)).eval()
    base = cast(nn.Module, getattr(network, network.base_model_prefix))
    base.load_state_dict(own.state_dict())
    heads = [layer for layer in network.children() if isinstance(layer, nn.Linear)]
    norms = [layer for layer in base.modules() if isinstance(layer, nn.LayerNorm)]
    if len(heads) != 1 or not norms:
        raise ExportError(
            f"{owner} ends in a linear layer on the last state, and the classifier of "
            f"{own.config.model_type} of transformers does not. {INSTEAD}"
        )
    with torch.no_grad():
        heads[0].weight.copy_(trunk.head.weight)
        if "bias" in dict(heads[0].named_parameters()):
            heads[0].bias.copy_(trunk.head.bias)
        else:
            norms[-1].bias.add_(_moved(trunk.head))
    return network


def _moved(head: nn.Linear) -> Tensor:
    """Return the shortest vector that, added to a head's input, stands for its biases.

    Decoders' classifiers have none, and the norm before them has: W (h + v) = W h + b.
    """
    weight, bias = head.weight.double(), head.bias.double()
    moved: Tensor = torch.linalg.pinv(weight) @ bias
    return moved.float()


def _tokenizer(takes: Tokens, filling: int | None) -> PreTrainedTokenizerFast:
    own = Tokenizer.from_str(takes.identity)
    signs = {"pad_token": filling, "eos_token": takes.end}
    said = {name: own.id_to_token(n) for name, n in signs.items() if n is not None and n >= 0}
    said |= {"mask_token": takes.mask} if takes.mask else {}
    return PreTrainedTokenizerFast(
        tokenizer_object=own,
        model_max_length=takes.longest,
        clean_up_tokenization_spaces=False,
        **said,
    )


def _processor(takes: Preprocessing) -> dict[str, Any]:
    """Return how pictures are prepared, as a processor's fields.

    CLIP's does each step that its fields ask for and no other.
    """
    if isinstance(takes.resize, tuple):
        size: dict[str, int] = dict(zip(("height", "width"), takes.resize, strict=True))
    else:
        size = {"shortest_edge": takes.resize or 0}
    is_cropped = takes.resize != takes.crop
    is_squashed = isinstance(takes.resize, tuple)
    return {
        "image_processor_type": "ViTImageProcessor" if is_squashed else "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": takes.resize is not None,
        "size": size,
        "resample": RESAMPLING[takes.interpolation],
        "do_center_crop": is_cropped,
        "crop_size": dict(zip(("height", "width"), takes.crop, strict=True)),
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(takes.mean),
        "image_std": list(takes.std),
    }
