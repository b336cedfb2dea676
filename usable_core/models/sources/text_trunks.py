"""Networks of texts that were trained for no classes: where fine-tuning and probes can start.

They come as a plain encoder (`BertModel`), or with the head of a language model or another task,
which is left out. A new head reads what the network makes of a whole text. A pooler between them
(BERT's) would be random, or was trained for another purpose, so it is left out as well: an encoder,
in which each state has seen the whole text, gives the mean of the states of its pieces (Reimers &
Gurevych 2019, arXiv:1908.10084); a decoder, in which each has seen those before, that of the last.
"""

import json
from collections.abc import Mapping
from inspect import Parameter, signature
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from transformers import PretrainedConfig, PreTrainedModel
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_MAPPING,
)

from usable_core.errors import CheckpointError
from usable_core.inputs.tokens import PADDING
from usable_core.models.modes import frozen
from usable_core.models.sources.classifiers import is_known
from usable_core.models.sources.loaded_networks import building, loaded_network
from usable_core.models.sources.text_classifiers import ENDING, GIVEN, last_states

Pooling = Literal["mean", "last"]
POOLING = "pooling"  # the option that says it
_TYPES = {
    *MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    *MODEL_FOR_MASKED_LM_MAPPING_NAMES,
    *MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
}
_WITHOUT_POOLER = "add_pooling_layer"  # what classes of transformers call that setting
_SAME = 1e-6  # of the largest number: how far rounding may move a state


class TextTrunk(nn.Module):
    """A network of texts, what it makes of a whole text, and a linear head on that.

    Attributes:
        head_names: Of the head; it has no classes until it is replaced.
    """

    head_names = ("head",)

    def __init__(self, network: PreTrainedModel, said: Mapping[str, Any], pooling: Pooling) -> None:
        """Keep a network, what its configuration says, and which states its head reads."""
        super().__init__()
        self.network, self.pooling = network, pooling
        self._said = json.dumps(said, sort_keys=True)
        own = network.config.pad_token_id
        self._filling = own if isinstance(own, int) and own >= 0 else 0
        self.dropout = nn.Dropout(_dropout_of(network.config))
        self.head: nn.Linear = _NoClasses(_width_of(network), 0)

    def extra_repr(self) -> str:
        """Return what tells it from another of the same layers."""
        return f"{self.pooling} {self._said}"

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of texts (N, 1, 1, L), those that are shorter filled up."""
        logits: Tensor = self.head(self.dropout(self.forward_features(x)))
        return logits

    def forward_features(self, x: Tensor) -> Tensor:
        """Return what the head reads (N, D)."""
        ids = x.flatten(1)
        is_text = ids != PADDING
        filled = torch.where(is_text, ids, self._filling)
        found = self.network(input_ids=filled, attention_mask=is_text.long())
        states = cast(Tensor, found.last_hidden_state)  # (N, L, D)
        if self.pooling == "last":
            return last_states(states, x)
        share = is_text[..., None].to(states)
        return (states * share).sum(1) / share.sum(1)


class _NoClasses(nn.Linear):
    """A head of no classes, which has nothing to begin with."""

    def reset_parameters(self) -> None:
        """Leave it empty."""


def is_text_trunk(said: Mapping[str, Any]) -> bool:
    """Tell whether a configuration is of a network of texts that was trained for no classes."""
    kind, named = said.get("model_type"), said.get("architectures")
    names = [name for name in named if isinstance(name, str)] if isinstance(named, list) else []
    is_text = isinstance(kind, str) and kind in _TYPES and not is_known(kind)
    return is_text and bool(names) and not any(name.endswith(ENDING) for name in names)


def text_trunk_of(
    config: PretrainedConfig, said: Mapping[str, Any], owner: str, tensors: Mapping[str, Tensor]
) -> TextTrunk:
    """Return a network of texts with weights, in float32; arguments as of `network_of`.

    Raises:
        CheckpointError: as `network_of`, or it does not turn the pieces of a text into states.
    """
    kind = _class_of(config, owner)
    network = loaded_network(kind, config, owner, tensors, is_part=True, **_without_pooler(kind))
    return TextTrunk(network, said, _pooling_of(network, owner))


def random_text_trunk(
    config: PretrainedConfig, said: Mapping[str, Any], owner: str, pooling: object
) -> TextTrunk:
    """Return a network of texts with random weights; arguments as of `network_of`.

    Raises:
        CheckpointError: as `text_trunk_of`, or it cannot be built.
    """
    if pooling not in ("mean", "last"):
        raise CheckpointError(
            f"{POOLING} of {owner} must be mean or last, but is {str(pooling)[:40]!r}. Write the "
            "card anew."
        )
    kind = _class_of(config, owner)
    with building(owner):
        return TextTrunk(kind(config, **_without_pooler(kind)), said, pooling)


def _class_of(config: PretrainedConfig, owner: str) -> type[PreTrainedModel]:
    kind = MODEL_MAPPING.get(type(config), None)
    kind = kind[0] if isinstance(kind, tuple) else kind
    takes = signature(kind.forward).parameters if kind is not None else {}
    lacking = [
        name
        for name, one in takes.items()
        if one.default is Parameter.empty and one.kind is Parameter.POSITIONAL_OR_KEYWORD
    ]
    is_fit = takes.keys() >= GIVEN and not {*lacking} - {"self", *GIVEN} and "bbox" not in takes
    if not is_fit or config.is_encoder_decoder:
        raise CheckpointError(
            f"{owner} ({config.model_type}) does not read a text alone, from its first piece to "
            "its last, so no head for classes can be put on it. Choose an encoder (BERT, …) or a "
            "decoder (GPT, …)."
        )
    return cast(type[PreTrainedModel], kind)


def _without_pooler(kind: type[PreTrainedModel]) -> dict[str, bool]:
    has_choice = _WITHOUT_POOLER in signature(kind.__init__).parameters
    return {_WITHOUT_POOLER: False} if has_choice else {}


def _pooling_of(network: PreTrainedModel, owner: str) -> Pooling:
    """Return which states are of the whole text: asked of the network, whose name says nothing."""
    ids = torch.tensor([[1, 2, 3], [1, 2, 4]]) % network.config.vocab_size
    try:
        with frozen(network), torch.no_grad():
            states = network(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
            one, other = states[:, 0]
    except Exception as error:  # each class of transformers answers in its own way
        raise CheckpointError(
            f"{owner} ({network.config.model_type}) gives no states of a text's pieces, so no head "
            "for classes can be put on it. Choose an encoder (BERT, …) or a decoder (GPT, …)."
        ) from error
    return "last" if (one - other).abs().max() <= _SAME * states.abs().max() else "mean"


def _dropout_of(config: PretrainedConfig) -> float:
    """Return the share that is dropped before a head: as the classifier of its type has it."""
    for name in ("classifier_dropout", "seq_classif_dropout", "hidden_dropout_prob"):
        found = getattr(config, name, None)
        if isinstance(found, float | int) and 0 <= found < 1:
            return float(found)
    return 0.0


def _width_of(network: PreTrainedModel) -> int:
    """Return how many numbers a state has."""
    config = network.config
    width = getattr(config, "word_embed_proj_dim", None) or config.hidden_size  # of OPT
    return int(width)
