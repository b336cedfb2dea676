"""Image classifiers of transformers: from a configuration to a network that returns its logits.

Nothing of a repository's own code is run, nothing is fetched, and the weights come as tensors that
were read before: transformers sees no folder of a stranger's.
"""

import json
from collections.abc import Mapping
from inspect import signature
from typing import Any, cast

import transformers
from torch import Tensor, nn
from transformers import CONFIG_MAPPING, PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
)

from usable_core.errors import CheckpointError, UnknownName, first_line
from usable_core.models.sources.loaded_networks import building, loaded_network, quiet
from usable_core.records import brief, shown

# What a configuration may say of a program rather than of a network: code and kernels of others,
# quantised weights' libraries, the form of outputs; or what belongs to one copy of it.
_NOT_OF_A_NETWORK = {
    *("auto_map", "attn_implementation", "_attn_implementation", "_attn_implementation_internal"),
    *("experts_implementation", "kernel_config", "use_kernels", "distributed_config"),
    *("dtype", "torch_dtype", "torchscript", "output_attentions", "output_hidden_states"),
    *("return_dict", "use_return_dict"),
    *("_name_or_path", "_commit_hash", "transformers_version"),
}
_OF_CLASSES = {"id2label", "label2id", "problem_type"}
_LARGEST_NUMBER = 10**6  # names are made for so many classes or layers before any is built


class Classifier(nn.Module):
    """A classifier of transformers that returns its logits alone.

    Attributes:
        head_names: The linear layers that give logits: one, or two where a teacher had its own and
            their mean is what is answered. Each is alone in a part of the network.
    """

    def __init__(self, network: PreTrainedModel, said: Mapping[str, Any]) -> None:
        """Keep a network and what its configuration says."""
        super().__init__()
        self.network = network
        self._said = json.dumps(said, sort_keys=True)
        self.head_names = tuple(
            name
            for part, module in network.named_children()
            if len(layers := _linear(module, f"network.{part}")) == 1
            for name, layer in layers.items()
            if layer.out_features == network.config.num_labels
        )

    def extra_repr(self) -> str:
        """Return what tells it from another of the same layers."""
        return self._said

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of normalised images (N, 3, H, W)."""
        return cast(Tensor, self.network(pixel_values=x).logits)


def _linear(module: nn.Module, name: str) -> dict[str, nn.Linear]:
    """Return the linear layers in a module by name, itself one perhaps."""
    found = module.named_modules(prefix=name)
    return {place: layer for place, layer in found if isinstance(layer, nn.Linear)}


def is_known(model_type: object) -> bool:
    """Tell whether a type of model is one of transformers' image classifiers."""
    known = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    return isinstance(model_type, str) and model_type in known


def of_network(config: Mapping[str, Any], *, with_classes: bool = False) -> dict[str, Any]:
    """Return what a configuration says of the network, without what it says of programs.

    Args:
        config: As config.json has it.
        with_classes: Their names and number, too.
    """
    dropped = _NOT_OF_A_NETWORK if with_classes else _NOT_OF_A_NETWORK | _OF_CLASSES
    return {
        key: of_network(value, with_classes=with_classes) if isinstance(value, dict) else value
        for key, value in config.items()
        if key not in dropped
    }


def configuration(said: Mapping[str, Any], owner: str) -> PretrainedConfig:
    """Return the configuration of a classifier, as transformers has it.

    Raises:
        UnknownName: it is of no type that transformers has an image classifier of.
        CheckpointError: transformers refuses it, or it is quantised.
    """
    kind = said.get("model_type")
    if not is_known(kind):
        raise UnknownName(
            "model_type in config.json (image classifiers of transformers)",
            str(kind)[:80],
            MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
        )
    return configured(said, owner)


def configured(said: Mapping[str, Any], owner: str) -> PretrainedConfig:
    """Return the configuration of a network of a known type, as transformers has it.

    Raises:
        CheckpointError: transformers refuses it, or it is quantised.
    """
    if "quantization_config" in said:
        raise CheckpointError(
            f"The weights of {owner} are quantised, and their gradients are not those of the "
            "network. Take the weights in float32, float16 or bfloat16."
        )
    check_numbers(said, owner)
    try:
        with quiet():
            kept = of_network(said, with_classes=True)
            return CONFIG_MAPPING[str(said["model_type"])].from_dict(kept)
    except Exception as error:  # each type checks its own entries, and raises anything
        raise CheckpointError(
            f"config.json of {owner} cannot be used by transformers {transformers.__version__}: "
            f"{first_line(error)}. Correct it, or save the model anew."
        ) from error


def check_numbers(said: object, owner: str, name: str = "it") -> None:
    """Check the whole numbers of a configuration: lists are made as long as they say.

    Raises:
        CheckpointError: one is larger than any of a network.
    """
    if isinstance(said, dict | list):
        for key, one in said.items() if isinstance(said, dict) else ((name, one) for one in said):
            check_numbers(one, owner, str(key))
    elif isinstance(said, int) and abs(said) > _LARGEST_NUMBER:
        raise CheckpointError(
            f"config.json of {owner} says that {brief(name)} is {shown(said)}, and no network has "
            f"more than {_LARGEST_NUMBER:,} there. Correct it, or save the model anew."
        )


def class_of(config: PretrainedConfig, owner: str) -> type[PreTrainedModel]:
    """Return the class of a classifier.

    Raises:
        CheckpointError: there are several of its type, and the configuration names none; or it
            classifies something else than pixels.
    """
    found = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING[type(config)]
    if isinstance(found, tuple):
        named = config.architectures
        named = named if isinstance(named, list) else []
        of_name = [one for one in found if one.__name__ in named]
        if not of_name:
            raise CheckpointError(
                f"config.json of {owner} must say in `architectures` which of "
                f"{', '.join(one.__name__ for one in found)} it is. Correct it, or save "
                "the model anew."
            )
        found = of_name[0]
    takes = signature(found.forward).parameters
    if "pixel_values" not in takes or "input_ids" in takes:
        raise CheckpointError(
            f"{owner} is a {found.__name__}, which takes numbers of words or colour clusters and "
            "no picture. Choose another model."
        )
    return cast(type[PreTrainedModel], found)


def network_of(
    config: PretrainedConfig, said: Mapping[str, Any], owner: str, tensors: Mapping[str, Tensor]
) -> Classifier:
    """Return a classifier with weights, in float32.

    Args:
        config: Its configuration.
        said: What it says of the network.
        owner: The model's reference, for sentences.
        tensors: The weights by transformers' names.

    Raises:
        CheckpointError: the weights lack a tensor, hold one more or one of another shape, or hold
            NaN or infinity.
    """
    return Classifier(loaded_network(class_of(config, owner), config, owner, tensors), said)


def random_network(config: PretrainedConfig, said: Mapping[str, Any], owner: str) -> Classifier:
    """Return a classifier with random weights.

    Raises:
        CheckpointError: as `class_of`, or it cannot be built.
    """
    with building(owner):
        return Classifier(class_of(config, owner)(config), said)
