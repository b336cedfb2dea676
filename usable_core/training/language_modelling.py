"""The loss of a language model: how well a network guesses pieces of a text from the others.

A network that reads a whole text guesses pieces that are hidden from it (Devlin et al. 2019,
arXiv:1810.04805); one that reads only what comes before guesses each next piece. Both answers are
read off the network's own table of pieces (Press & Wolf 2017, arXiv:1608.05859), so a classifier
needs no further weights for it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from usable_core.errors import CheckpointError
from usable_core.inputs.tokens import PADDING, Tokens
from usable_core.models.modes import frozen

CHOSEN = 0.15  # share of the pieces that are guessed, and of those: Devlin et al. 2019, section 3.1
MASKED, OTHER = 0.8, 0.1  # become the sign for a hidden piece; another piece; the rest stay
CAUSAL_TOLERANCE = 1e-6  # of its largest number: how far rounding may move a state


@dataclass(frozen=True)
class Guesses:
    """What a network guessed of a batch.

    Attributes:
        loss: Mean cross-entropy (nats) over the guessed pieces, a differentiable scalar.
        correct: How many of them were right.
        count: How many there were.
    """

    loss: Tensor
    correct: Tensor
    count: int


@dataclass(frozen=True)
class Asked:
    """Pieces of texts that are to be guessed.

    Attributes:
        given: The texts (N, L) as the network sees them.
        answered: At which places (N, L) its states answer.
        truth: What is right there (guessed,).
    """

    given: Tensor
    answered: Tensor
    truth: Tensor

    def parts(self, most: int) -> "Iterator[tuple[float, Asked]]":
        """Yield as few parts as have at most so many texts, each with its share of the pieces."""
        count = -(-len(self.given) // most)
        given, answered = self.given.tensor_split(count), self.answered.tensor_split(count)
        truths = torch.split(self.truth, [int(places.sum()) for places in answered])
        for one, places, truth in zip(given, answered, truths, strict=True):
            yield len(truth) / max(len(self.truth), 1), Asked(one, places, truth)


@dataclass(frozen=True)
class LanguageModelling:
    """What a network guesses, and how.

    Attributes:
        trunk: Of transformers: numbers of pieces to states; what is trained.
        is_causal: It reads only what comes before, and guesses each next piece.
        plain: Numbers (P,) of the pieces that are no signs, such as those of a text's end.
        mask: Number of the piece that stands for a hidden one; None where it is causal.
    """

    trunk: nn.Module
    is_causal: bool
    plain: Tensor
    mask: int | None

    def guesses(self, x: Tensor, generator: torch.Generator) -> Guesses:
        """Return what the network guesses of texts, in whatever mode it is.

        Args:
            x: Texts (N, 1, 1, L), those that are shorter filled up, as `Tokens.stack` makes them.
            generator: On the processor; says which pieces are hidden, whatever fills up the batch.
        """
        return self.guessed(self.asked(x, generator))

    def guessed(self, asked: Asked) -> Guesses:
        """Return what the network guesses where it is asked, in whatever mode it is."""
        logits, truth = self.logits(asked), asked.truth
        count = len(truth)
        loss = F.cross_entropy(logits, truth, reduction="sum") / max(count, 1)
        return Guesses(loss, logits.detach().argmax(1).eq(truth).sum(), count)

    def asked(self, x: Tensor, generator: torch.Generator) -> Asked:
        """Return which pieces of texts are to be guessed; arguments are those of `guesses`."""
        ids = x.flatten(1)  # (N, 1, 1, L) -> (N, L)
        if self.is_causal:
            answered, truth = F.pad(ids[:, 1:] != PADDING, (0, 1)), ids.roll(-1, 1)
            return Asked(ids, answered, truth[answered])
        answered, given = self._hidden(ids, generator)
        return Asked(given, answered, ids[answered])

    def logits(self, asked: Asked) -> Tensor:
        """Return what the network guesses (guessed, pieces), in whatever mode it is."""
        states = _states(self.trunk, asked.given)[asked.answered]
        return F.linear(states, _table(self.trunk)).float()

    def _hidden(self, ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return which pieces are guessed (N, L), and the texts as the network is given them."""
        plain = self.plain.to(ids.device)
        may_be = torch.isin(ids, plain)
        draw, fate = torch.rand(2, int(may_be.sum()), generator=generator)
        other = torch.randint(len(plain), (len(draw),), generator=generator)
        is_chosen = draw <= max(CHOSEN, float(draw.min()) if len(draw) else 0.0)  # at least one
        sign = torch.full_like(other, cast(int, self.mask)).to(ids.device)
        fate = fate.to(ids.device)
        changed = torch.where(fate < MASKED, sign, plain[other.to(ids.device)])
        changed = torch.where(fate < MASKED + OTHER, changed, ids[may_be])
        answered = may_be.masked_scatter(may_be, is_chosen.to(ids.device))
        return answered, torch.where(answered, ids.masked_scatter(may_be, changed), ids)


def language_modelling(network: nn.Module, tokens: Tokens, owner: str) -> LanguageModelling:
    """Return what a network of transformers guesses of texts.

    Args:
        network: A classifier of texts, as its source makes it, or a network of transformers.
        tokens: What it takes.
        owner: The model's reference, for sentences.

    Raises:
        CheckpointError: its states are no longer or shorter than the rows of its table of pieces,
            or it reads whole texts and has no sign for a hidden piece.
    """
    try:
        trunk = trunk_of(network)
    except AttributeError as error:
        raise CheckpointError(
            f"{owner} is no network of transformers, whose words could be guessed. Leave language "
            "modelling out, or choose a classifier of texts of transformers (hf/…)."
        ) from error
    signs = {n for n, one in tokens.tokenizer.get_added_tokens_decoder().items() if one.special}
    plain = torch.tensor([number for number in range(tokens.known) if number not in signs])
    with frozen(trunk), torch.no_grad():
        is_causal = _is_causal(trunk, plain, owner)
    mask = None if tokens.mask is None else tokens.tokenizer.token_to_id(tokens.mask)
    if not is_causal and mask is None:
        raise CheckpointError(
            f"{owner} reads whole texts, and its tokenizer has no piece that stands for a hidden "
            "one, so that it cannot guess any. Give a tokenizer with a mask_token."
        )
    return LanguageModelling(trunk, is_causal, plain, None if is_causal else mask)


def trunk_of(network: nn.Module) -> nn.Module:
    """Return what is left of a network of transformers without its head."""
    return cast(nn.Module, getattr(network, "network", network).base_model)


def _is_causal(trunk: nn.Module, plain: Tensor, owner: str) -> bool:
    """Tell whether the state of a first piece is the same before whatever comes after."""
    device = _table(trunk).device
    first, second, third = (int(plain[k % len(plain)]) for k in range(3))
    states = _states(trunk, torch.tensor([[first, second], [first, third]], device=device))
    if states.shape[-1] != _table(trunk).shape[1]:
        raise CheckpointError(
            f"{owner} holds its pieces as {_table(trunk).shape[1]} numbers each and its states as "
            f"{states.shape[-1]}, so that no state can be read as a piece. Choose another model."
        )
    one, other = states[:, 0]
    return bool((one - other).abs().max() <= CAUSAL_TOLERANCE * states.abs().max())


def _states(trunk: nn.Module, ids: Tensor) -> Tensor:
    """Return states (N, L, D) of texts (N, L)."""
    is_text = ids != PADDING
    filled = torch.where(is_text, ids, 0)
    found = trunk(input_ids=filled, attention_mask=is_text.long())
    return cast(Tensor, found.last_hidden_state)


def _table(trunk: nn.Module) -> Tensor:
    """Return the table of pieces (pieces, D)."""
    table = cast("nn.Embedding", trunk.get_input_embeddings())  # type: ignore[operator]
    return table.weight
