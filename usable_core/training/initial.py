"""The network that a fine-tuning starts from: pretrained, or with random weights, the head new."""

import copy

import torch
from torch import nn

from usable_core.evaluations.training import FineTuningConfig
from usable_core.models.heads import replace_head
from usable_core.models.model import Model
from usable_core.models.sources.from_card import build


def new_network(model: Model, classes: int, config: FineTuningConfig) -> nn.Module:
    """Return a copy of a model's network with a new head for `classes`, as a training asks for."""
    if config.from_scratch and model.kind == "text":
        card = model.card
        network = build(card["architecture"], classes, card.get("arch_options") or {})
    else:
        network = replace_head(copy.deepcopy(model.network), classes)
        if config.from_scratch:
            forget(network)
    network.requires_grad_(True)
    return network.to(memory_format=torch.channels_last)


def forget(network: nn.Module) -> None:
    """Set every weight to the random start that its layer was designed with."""
    for module in network.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
        else:
            for parameter in module.parameters(recurse=False):  # position embeddings, class tokens
                nn.init.trunc_normal_(parameter, std=0.02)  # Dosovitskiy et al. 2021
