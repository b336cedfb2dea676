"""What an attack asks a model about texts: answers, gradients to words; like lengths together."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from usable_core.asking.oracle import Oracle
from usable_core.attacks.losses import log_odds
from usable_core.errors import TextRefused
from usable_core.games.words import pieces_of_words
from usable_core.inputs.tokens import Tokens
from usable_core.models.embedded import embedding_gradients, table_of
from usable_core.word_attacks.written import Written

_INSTEAD = "Choose an attack that ends in `_black_box`, which asks for answers alone."


@dataclass(frozen=True, eq=False)
class Asking:
    """A model that is asked about texts.

    Attributes:
        oracle: It.
    """

    oracle: Oracle

    @property
    def takes(self) -> Tokens:
        """Return what the model takes."""
        return cast(Tokens, self.oracle.model.input)

    @cached_property
    def table(self) -> nn.Module:
        """The layer of its embeddings.

        Raises:
            NoGradients: it shows none.
        """
        return table_of(self.oracle.model, _INSTEAD)

    def read(self, text: str) -> Tensor | None:
        """Return the pieces (1, 1, L) of a text; None where the model refuses it."""
        try:
            return self.takes.read(text)
        except TextRefused:
            return None

    def logits(self, xs: Sequence[Tensor]) -> Tensor:
        """Return logits (N, classes) of texts (1, 1, L), on the processor."""
        order = _by_length(xs)
        found = torch.empty(0, len(self.oracle.model.labels))
        for part, answers in self.oracle.stream(len(xs), lambda part: self._batch(xs, order[part])):
            if part.start == 0:
                found = torch.empty(len(xs), answers.shape[1])
            found[torch.from_numpy(order[part])] = answers.float().cpu()
        return found

    def word_gradients(
        self, texts: Sequence[Written], xs: Sequence[Tensor], y: Tensor
    ) -> list[Tensor]:
        """Return how the loss of each text changes with the embedding of its words, (W, D) each.

        The gradients of a word's pieces are summed.
        """
        table, order = self.table, _by_length(xs)

        def asked(part: slice) -> list[Tensor]:
            rows = order[part]
            labels = y[torch.from_numpy(rows)].to(self.oracle.device)
            batch = self._batch(xs, rows)
            found = embedding_gradients(
                self.oracle.model, table, batch, lambda logits: log_odds(logits, labels, labels)
            )
            return [self._of_words(texts[row], one) for row, one in zip(rows, found, strict=True)]

        gradients: list[Tensor] = [torch.empty(0)] * len(xs)
        for part, found in self.oracle.each(len(xs), asked, needs_gradient=True):
            for row, one in zip(order[part], found, strict=True):
                gradients[row] = one
        return gradients

    def _of_words(self, written: Written, gradient: Tensor) -> Tensor:
        encoded = self.takes.tokenizer.encode(written.text)
        places, words = (
            torch.from_numpy(rows).to(gradient.device)
            for rows in pieces_of_words(encoded.offsets, written.spans)
        )
        summed = gradient.new_zeros(len(written.words), gradient.shape[-1])
        return summed.index_add_(0, words, gradient[places])

    def _batch(self, xs: Sequence[Tensor], rows: np.ndarray) -> Tensor:
        return self.takes.stack([xs[row] for row in rows]).to(self.oracle.device)


def _by_length(xs: Sequence[Tensor]) -> np.ndarray:
    return np.argsort([x.shape[-1] for x in xs], kind="stable")
