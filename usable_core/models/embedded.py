"""A model of one text as a model of its pieces' embeddings, to which gradients can go back."""

import copy
from collections.abc import Callable, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from usable_core.errors import NoGradients
from usable_core.evaluations.specs import InputKind
from usable_core.inputs.tokens import PADDING, Tokens
from usable_core.models.model import Model


class AtEmbeddings(nn.Module):
    """A network of one text whose pieces at some places are given as vectors.

    They are put in place of what the network's own table gives (not as `inputs_embeds`, with which
    decoders read another piece than the last of a text), so the table's own vectors give its own
    answer to the bit.
    """

    x: Tensor
    places: Tensor

    def __init__(self, network: nn.Module, x: Tensor, places: Sequence[int]) -> None:
        """Keep a network of texts, a text (1, 1, L), and which of its pieces are given (P,)."""
        super().__init__()
        self.network = network
        self.register_buffer("x", x[None], persistent=False)
        self.register_buffer("places", torch.as_tensor(places), persistent=False)

    @property
    def _table(self) -> nn.Module:
        return cast(nn.Module, cast(Any, self.network).network.get_input_embeddings())

    def forward(self, e: Tensor) -> Tensor:
        """Return logits (N, classes) of vectors (N, D, 1, P)."""

        def given(_: nn.Module, __: object, own: Tensor) -> Tensor:
            return own.index_copy(1, self.places, e.squeeze(2).mT.to(own))

        handle = self._table.register_forward_hook(given)
        try:
            logits: Tensor = self.network(self.x.expand(len(e), -1, -1, -1))
        finally:
            handle.remove()
        return logits

    def vectors(self) -> Tensor:
        """Return the table's own vectors (D, 1, P) of the pieces."""
        return self._of(self.x.flatten()[self.places])

    def repeated(self, piece: int) -> Tensor:
        """Return the table's vector of one piece at each place (D, 1, P)."""
        return self._of(torch.full_like(self.places, piece))

    def _of(self, ids: Tensor) -> Tensor:
        with torch.no_grad():
            found: Tensor = self._table(ids[None])
        return found[0].mT[:, None].clone()


class _Given:
    """Vectors as they are: what such a model takes."""

    kind: InputKind = "text"
    window = 1

    def __init__(self, takes: Tokens) -> None:
        self._takes = takes

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - all else is as of the text's own
        return getattr(self._takes, name)

    def normalise(self, x: Tensor) -> Tensor:
        """Return vectors as they are."""
        return x


def at_embeddings(model: Model, x: Tensor, places: Sequence[int]) -> tuple[Model, AtEmbeddings]:
    """Return a model of the embeddings (N, D, 1, P) of some pieces of one text (1, 1, L).

    Raises:
        NoGradients: the network shows no table of embeddings.
    """
    table_of(model, "Choose LIME or Kernel SHAP.")
    network = AtEmbeddings(model.network, x.to(model.device), places).to(model.device)
    found = copy.copy(model)
    found.network, found.input = network, cast(Any, _Given(cast(Tokens, model.input)))
    found.fingerprint = f"{model.fingerprint} at its embeddings"
    return found, network


def table_of(model: Model, instead: str) -> nn.Module:
    """Return the layer that turns a model's pieces into embeddings.

    Args:
        model: Of texts.
        instead: What to do where there is none, a sentence.

    Raises:
        NoGradients: the network shows none.
    """
    inner = getattr(model.network, "network", None)
    if inner is None or not hasattr(inner, "get_input_embeddings"):
        raise NoGradients(
            f"{model.name} shows no embeddings of its pieces, which gradients are taken to. "
            f"{instead}"
        )
    return cast(nn.Module, inner.get_input_embeddings())


def embedding_gradients(
    model: Model, table: nn.Module, x: Tensor, loss: Callable[[Tensor], Tensor]
) -> Tensor:
    """Return the gradients (N, L, D) of texts' losses at what the table gives of their pieces.

    Args:
        model: Of texts, frozen.
        table: Its `table_of`.
        x: Texts (N, 1, 1, L).
        loss: Logits (N, classes) to losses (N,).
    """
    leaves: list[Tensor] = []

    def given(_: nn.Module, __: object, own: Tensor) -> Tensor:
        leaves.append(own.detach().requires_grad_())
        return leaves[-1]

    handle = table.register_forward_hook(given)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            losses = loss(model(x))
            (found,) = torch.autograd.grad(losses.sum(), leaves[-1])
    finally:
        handle.remove()
    return found.nan_to_num(0.0, 0.0, 0.0)


def mean_states(model: Model, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return logits (N, classes) of texts (N, 1, 1, L), and means (N, D) of their last states.

    These are the outputs of what lies below the head, averaged over a text's pieces; None where the
    network does not show them.
    """
    inner = getattr(model.network, "network", None)
    base = getattr(inner, getattr(inner, "base_model_prefix", "") or "-", None)
    states: list[Tensor] = []
    if not isinstance(base, nn.Module):
        return model(x), None
    handle = base.register_forward_hook(lambda _, __, found: states.append(found[0]))
    try:
        logits = model(x)
    finally:
        handle.remove()
    is_text = (x.flatten(1) != PADDING).to(states[-1])[..., None]
    return logits, (states[-1] * is_text).sum(1).float() / is_text.sum(1)
