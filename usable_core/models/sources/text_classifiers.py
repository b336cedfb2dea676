"""Classifiers of texts of transformers: from a configuration to a network that gives logits.

As of `classifiers`: nothing of a repository's own code is run, nothing is fetched, and the weights
come as tensors that were read before.
"""

import json
from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from usable_core.errors import CheckpointError
from usable_core.inputs.tokens import PADDING
from usable_core.models.programs import pieces_of
from usable_core.models.sources.classifiers import is_known
from usable_core.models.sources.loaded_networks import building, loaded_network

GIVEN = {"input_ids", "attention_mask"}
ENDING = "ForSequenceClassification"


class TextClassifier(nn.Module):
    """A classifier of texts that returns its logits alone.

    What fills up a batch is hidden from it. Where its configuration names no piece for that, or one
    that there is not, it is one that no text of the batch has, for decoders take the last other one
    for a text's end.

    Attributes:
        head_names: Of the linear layer that gives logits.
    """

    def __init__(self, network: PreTrainedModel, said: Mapping[str, Any]) -> None:
        """Keep a network and what its configuration says."""
        super().__init__()
        self.network = network
        self._said = json.dumps(said, sort_keys=True)
        own = network.config.pad_token_id
        known = network.config.vocab_size
        self._own = own if isinstance(own, int) and 0 <= own < known else None
        layers = [name for name, layer in self.named_modules() if isinstance(layer, nn.Linear)]
        self.head_names = (layers[-1],)

    def extra_repr(self) -> str:
        """Return what tells it from another of the same layers."""
        return self._said

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of texts (N, 1, 1, L), those that are shorter filled up."""
        ids = x.flatten(1)
        is_text = ids != PADDING
        filling = _unused(ids) if self._own is None else self._own
        self.network.config.pad_token_id = filling
        filled = torch.where(is_text, ids, filling)
        return cast(Tensor, self.network(input_ids=filled, attention_mask=is_text.long()).logits)

    def traceable(self) -> nn.Module:
        """Return a network of the same answers that looks for no number that a batch lacks."""
        return self if self._own is not None else _LastPiece(self)

    def forward_features(self, x: Tensor) -> Tensor:
        """Return what the head reads (N, D): of decoders, which read each piece, at the last."""
        seen: list[Tensor] = []
        head = self.get_submodule(self.head_names[0])
        handle = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
        try:
            self(x)
        finally:
            handle.remove()
        found = seen[-1]
        return found if found.ndim == 2 else last_states(found, x)


class _LastPiece(nn.Module):
    """A decoder with its head on each text's last piece, whatever number fills up the shorter."""

    def __init__(self, network: TextClassifier) -> None:
        super().__init__()
        inner = network.network
        self.base = cast(nn.Module, getattr(inner, inner.base_model_prefix))
        self.head = network.get_submodule(network.head_names[0])

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of texts (N, 1, 1, L)."""
        ids, is_text = pieces_of(x.flatten(1))
        states = self.base(input_ids=ids, attention_mask=is_text).last_hidden_state
        logits: Tensor = self.head(last_states(states, x))
        return logits


def last_states(states: Tensor, x: Tensor) -> Tensor:
    """Return the states (N, D) of the last pieces of texts (N, 1, 1, L), of those of all pieces."""
    last = (x.flatten(1) != PADDING).sum(1) - 1  # texts are filled up at their ends
    rows = torch.arange(states.shape[0], device=states.device)  # of `len` a program is for so many
    return states[rows, last]


def _unused(ids: Tensor) -> int:
    """Return the smallest number that no text has."""
    used = set(ids.flatten().tolist())
    return next(number for number in range(len(used) + 1) if number not in used)


def is_text_classifier(said: Mapping[str, Any]) -> bool:
    """Tell whether a configuration is of a classifier of texts."""
    kind, named = said.get("model_type"), said.get("architectures")
    if not isinstance(kind, str) or kind not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES:
        return False
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    return not is_known(kind) or any(name.endswith(ENDING) for name in names)


def text_network_of(
    config: PretrainedConfig, said: Mapping[str, Any], owner: str, tensors: Mapping[str, Tensor]
) -> TextClassifier:
    """Return a classifier of texts with weights, in float32; arguments as of `network_of`.

    Raises:
        CheckpointError: as `network_of`, or it needs more than the numbers of pieces.
    """
    kind = _class_of(config, owner)
    return TextClassifier(loaded_network(kind, config, owner, tensors), said)


def random_text_network(
    config: PretrainedConfig, said: Mapping[str, Any], owner: str
) -> TextClassifier:
    """Return a classifier of texts with random weights; arguments as of `network_of`.

    Raises:
        CheckpointError: as `text_network_of`, or it cannot be built.
    """
    kind = _class_of(config, owner)
    with building(owner):
        return TextClassifier(kind(config), said)


def _class_of(config: PretrainedConfig, owner: str) -> type[PreTrainedModel]:
    kind = cast(type[PreTrainedModel], MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING[type(config)])
    takes = signature(kind.forward).parameters
    lacking = [
        name
        for name, one in takes.items()
        if one.default is Parameter.empty and one.kind is Parameter.POSITIONAL_OR_KEYWORD
    ]
    if not takes.keys() >= GIVEN or {*lacking} - {"self", *GIVEN} or "bbox" in takes:
        raise CheckpointError(
            f"{owner} is a {kind.__name__}, which takes more than the words of a text, such as "
            "where they stand on a page. Choose another model."
        )
    return kind
