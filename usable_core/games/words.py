"""`Text`: a text and its words, as the players of games.

A text with words hidden is written anew and cut into pieces anew, as a person who changed it would
have it read: what a word's pieces are depends on its neighbours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.catalog import lookup
from usable_core.catalog.explainers import TEXT_BACKGROUNDS
from usable_core.errors import ExplanationError
from usable_core.games.game import Answers, Budget, Game
from usable_core.inputs.tokens import Tokens
from usable_core.metrics.arrays import Segments
from usable_core.texts import Span, word_spans

NEUTRAL = "…"  # says as little as a sign can


@dataclass(frozen=True, eq=False)
class Text:
    """A text as a model reads it, and all that games on it share.

    Attributes:
        text: It, cleaned.
        takes: What the model takes.
        answers: The model's answers to the text with words hidden, by background; of one model.
    """

    text: str
    takes: Tokens
    answers: dict[str, Answers] = field(default_factory=dict)

    @cached_property
    def _pieces(self) -> tuple[list[int], list[Span]]:
        """Number and place of each piece that the model reads."""
        found = self.takes.tokenizer.encode(self.text)
        return found.ids, found.offsets

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Where each word begins and ends, of those that the model reads any of."""
        places = word_spans(self.text)
        read = np.zeros(len(self.text) + 1, dtype=bool)
        for low, high in self._pieces[1]:
            read[low:high] = True
        return tuple(span for span in places if read[slice(*span)].any())

    @property
    def words(self) -> tuple[str, ...]:
        """Its words, in order."""
        return tuple(self.text[low:high] for low, high in self.spans)

    @cached_property
    def segments(self) -> Segments:
        """Number of each word (1, W): each is a player."""
        return np.arange(len(self.spans), dtype=np.int32)[None]

    @cached_property
    def word_of_piece(self) -> tuple[np.ndarray, np.ndarray]:
        """The pieces that are of a word (P,), by their place, and which word each is of (P,)."""
        return pieces_of_words(self._pieces[1], self.spans)

    @cached_property
    def x(self) -> Tensor:
        """The numbers of its pieces (1, 1, L)."""
        return self.takes.read(self.text)

    def hiding(self, background: str, device: torch.device) -> "WordHiding":
        """Return the text with what stands for its hidden words.

        Raises:
            UnknownName: no such background.
            ExplanationError: the model has no mask.
        """
        return WordHiding(self, stand_in(self.takes, background), device)

    def game(
        self, oracle: Oracle, background: str, budget: Budget, *, precision: str = "float32"
    ) -> Game:
        """Return the game of its words behind a background, see `Picture.game`."""
        key = background if precision == "float32" else f"{background}, {precision}"
        hide = self.hiding(background, oracle.device)
        answers = self.answers.setdefault(key, {})
        return Game(oracle, hide, self.segments, answers=answers, budget=budget)


def pieces_of_words(pieces: Sequence[Span], words: Sequence[Span]) -> tuple[np.ndarray, np.ndarray]:
    """Return the pieces that are of a word (P,), by their place, and which word each is of (P,).

    Both are given by where they begin and end in a text.
    """
    owner = np.full(max((high for _, high in (*pieces, *words)), default=0) + 1, -1)
    for number, (low, high) in enumerate(words):
        owner[low:high] = number
    found = []
    for place, (low, high) in enumerate(pieces):
        own = owner[low:high]
        if (own := own[own >= 0]).size:
            found.append((place, int(np.bincount(own).argmax())))
    places, numbers = np.array(found, dtype=np.int64).reshape(-1, 2).T
    return places, numbers


class WordHiding:
    """A text whose words can be hidden."""

    def __init__(self, text: Text, instead: str, device: torch.device) -> None:
        """Keep what stands for a hidden word; empty where it is left out."""
        self._text, self._instead, self._device = text, instead, device

    def __call__(self, stays: Tensor) -> Tensor:
        """Return texts (N, 1, 1, L) of which the words `stays` (N, 1, W) bool are visible."""
        takes = self._text.takes
        written = [self.written(row) for row in stays.flatten(1).tolist()]
        return takes.stack([takes.read_or_empty(one) for one in written]).to(self._device)

    def written(self, stays: Sequence[bool]) -> str:
        """Return the text of which some words stay (W,)."""
        text, parts, end = self._text.text, list[str](), 0
        for (low, high), is_there in zip(self._text.spans, stays, strict=True):
            parts += [text[end:low], text[low:high] if is_there else self._instead]
            end = high
        whole = "".join([*parts, text[end:]])
        return whole if self._instead else re.sub(r"\s+", " ", whole).strip()


def usual_background(takes: Tokens) -> str:
    """Return what hides words where nothing is asked for: the model's mask where it has one."""
    return "mask" if takes.mask else "delete"


def stand_in(takes: Tokens, background: str) -> str:
    """Return what stands for a hidden word; empty where it is left out.

    Raises:
        UnknownName: no such background.
        ExplanationError: the model has no mask.
    """
    lookup(TEXT_BACKGROUNDS, "background of texts", background)
    if background == "mask" and not takes.mask:
        raise ExplanationError(
            "The model's tokenizer has no mask, as those of GPT and its kind. Choose the "
            "background delete or neutral."
        )
    return {"mask": takes.mask or "", "delete": "", "neutral": NEUTRAL}[background]
