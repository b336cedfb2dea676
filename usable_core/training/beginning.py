"""What a fine-tuning begins with: the network with a new head, and what it reads."""

import copy

import torch
from torch import nn

from usable_core.errors import CheckpointError, ConfigError
from usable_core.evaluations.training import FineTuningConfig
from usable_core.inputs.input import Input
from usable_core.inputs.prompts import with_prompt
from usable_core.inputs.tokens import Tokens
from usable_core.models.heads import head, replace_head
from usable_core.models.model import Model
from usable_core.models.sources.from_card import build, check_architecture


def with_words(takes: Input, prompt: str) -> Input:
    """Return what a model takes with the prompt of a training, if it has one."""
    if not prompt:
        return takes
    if not isinstance(takes, Tokens):
        raise ConfigError(
            "A prompt is read behind texts, and the model takes pictures. Leave it out."
        )
    return with_prompt(takes, prompt)


def architecture_of(model: Model) -> str:
    """Return how the network is built again; asked first, for without it all work would be lost."""
    head(model.network)  # a fixed program is refused by its own sentence
    architecture = model.card.get("architecture")
    if not architecture:
        raise CheckpointError(
            f"The card of {model.name} does not say its architecture, so what is trained could not "
            "be loaded again. Load it by a reference that names its architecture (keras/NAME, "
            "timm/NAME, … with --weights FILE), or give wrap_model(…, "
            'card={"architecture": "timm/NAME"}).'
        )
    check_architecture(architecture)
    return str(architecture)


def new_network(model: Model, classes: int, config: FineTuningConfig) -> nn.Module:
    """Return the network of a model with a head for other classes, in which every weight moves."""
    if config.from_scratch and model.kind == "text":
        card = model.card
        network = build(card["architecture"], classes, card.get("arch_options") or {})
    else:
        network = replace_head(copy.deepcopy(model.network), classes)
        if config.from_scratch:
            _forget(network)
    network.requires_grad_(True)
    return network.to(memory_format=torch.channels_last)


def _forget(network: nn.Module) -> None:
    """Set every weight to the random start that its layer was designed with."""
    for module in network.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
        else:
            for parameter in module.parameters(recurse=False):  # position embeddings, class tokens
                nn.init.trunc_normal_(parameter, std=0.02)  # Dosovitskiy et al. 2021
