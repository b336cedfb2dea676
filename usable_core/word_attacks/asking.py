"""What an attack asks a model about texts: answers, gradients to words; like lengths together."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
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

_FILLED_UP = 64  # pieces, about what a pass of none would cost
_INSTEAD = "Choose an attack that ends in `_black_box`, which asks for answers alone."


@dataclass(frozen=True, eq=False)
class Asking:
    """A model that is asked about texts.

    Attributes:
        oracle: It.
        answers: Its logits (classes,) to texts that it was asked about.
    """

    oracle: Oracle
    answers: dict[str, Tensor] = field(default_factory=dict)

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

    def reads(self, text: str) -> bool:
        """Tell whether the model reads a text and does not refuse it."""
        try:
            self.takes.read(text)
        except TextRefused:
            return False
        return True

    def logits(self, texts: Sequence[str]) -> Tensor:
        """Return logits (N, classes) of texts, on the processor; each is asked about once."""
        new = [text for text in dict.fromkeys(texts) if text not in self.answers]
        xs = [self._pieces(text) for text in new]
        for rows in self._of_like_length(xs):
            batch = partial(self._batch, xs, rows)
            for part, found in self.oracle.stream(len(rows), batch):
                for row, one in zip(rows[part], found.float().cpu(), strict=True):
                    self.answers[new[row]] = one
        none = torch.empty(0, len(self.oracle.model.labels))
        return torch.stack([self.answers[text] for text in texts]) if texts else none

    def word_gradients(self, texts: Sequence[Written], labels: Tensor) -> list[Tensor]:
        """Return how the loss of each text changes with the embeddings of its words, (W, D) each.

        The loss is the log odds of another class than its own (N,). The gradients of a word's
        pieces are summed.
        """
        table, xs = self.table, [self.takes.read(written.text) for written in texts]

        def asked(rows: np.ndarray, part: slice) -> list[Tensor]:
            own = labels[torch.from_numpy(rows[part])].to(self.oracle.device)
            found = embedding_gradients(
                self.oracle.model,
                table,
                self._batch(xs, rows, part),
                lambda logits: log_odds(logits, own, own),
            )
            pairs = zip(rows[part], found, strict=True)
            return [self._of_words(texts[row], one) for row, one in pairs]

        gradients: list[Tensor] = [torch.empty(0)] * len(xs)
        for rows in self._of_like_length(xs):
            each = self.oracle.each(len(rows), partial(asked, rows), needs_gradient=True)
            for part, found in each:
                for row, one in zip(rows[part], found, strict=True):
                    gradients[row] = one
        return gradients

    def _pieces(self, text: str) -> Tensor:
        """Return the pieces (1, 1, L) of a text that the model reads, or of an empty one."""
        return self.takes.read(text) if self.reads(text) else self.takes.read_or_empty("")

    def _of_words(self, written: Written, gradient: Tensor) -> Tensor:
        encoded = self.takes.tokenizer.encode(written.text)
        places, words = (
            torch.from_numpy(rows).to(gradient.device)
            for rows in pieces_of_words(encoded.offsets, written.spans)
        )
        summed = gradient.new_zeros(len(written.words), gradient.shape[-1])
        return summed.index_add_(0, words, gradient[places])

    def _batch(self, xs: Sequence[Tensor], rows: np.ndarray, part: slice) -> Tensor:
        return self.takes.stack([xs[row] for row in rows[part]]).to(self.oracle.device)

    def _of_like_length(self, xs: Sequence[Tensor]) -> list[np.ndarray]:
        """Return which texts are asked about together, the shortest first.

        On a processor a pass costs its pieces, those that fill a text up as well as others; on an
        accelerator the number of passes counts more.
        """
        lengths = np.array([x.shape[-1] for x in xs], dtype=np.int64)
        order = np.argsort(lengths, kind="stable")
        starts, pieces = [0], 0
        for place, length in enumerate(lengths[order].tolist()):
            filled_up = length * (place - starts[-1]) - pieces
            if filled_up > _FILLED_UP and self.oracle.device.type == "cpu":
                starts.append(place)
                pieces = 0
            pieces += length
        return np.split(order, starts[1:]) if len(order) else []
