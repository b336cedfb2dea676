"""`Text`: a text and its words, as the players of games.

A text with words hidden is written anew and cut into pieces anew, as a person who changed it would
have it read: what a word's pieces are depends on its neighbours.
"""

from collections.abc import Collection, Sequence
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
        placed: Number and place of each of its words, where some were hidden; None where each is.
    """

    text: str
    takes: Tokens
    answers: dict[str, Answers] = field(default_factory=dict)
    placed: tuple[tuple[int, Span], ...] | None = None

    @cached_property
    def _pieces(self) -> tuple[list[int], list[Span]]:
        """Number and place of each piece that the model reads."""
        found = self.takes.encoded(self.text)
        return found.ids, found.offsets

    @cached_property
    def _all(self) -> tuple[tuple[int, Span], ...]:
        return tuple(enumerate(word_spans(self.text))) if self.placed is None else self.placed

    @cached_property
    def _read(self) -> tuple[tuple[int, Span], ...]:
        """Number and place of each word that the model reads any of."""
        read = np.zeros(len(self.text) + 1, dtype=bool)
        for low, high in self._pieces[1]:
            read[low:high] = True
        return tuple((number, span) for number, span in self._all if read[slice(*span)].any())

    @property
    def spans(self) -> tuple[Span, ...]:
        """Where each word begins and ends, of those that the model reads any of."""
        return tuple(span for _, span in self._read)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Which of the whole text's words each is: the same for every model."""
        return tuple(number for number, _ in self._read)

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
        return self.takes.read_or_empty(self.text)

    def without(self, hidden: Collection[int], background: str) -> "Text":
        """Return the text with some of its words hidden for good; the others are its words.

        Args:
            hidden: Their numbers.
            background: What stands for them.

        Raises:
            UnknownName, ExplanationError: as `stand_in`.
        """
        numbers, spans = [n for n, _ in self._all], [span for _, span in self._all]
        stays = [number not in hidden for number in numbers]
        text, places = _written(self.text, spans, stays, stand_in(self.takes, background))
        kept = (number for number, is_there in zip(numbers, stays, strict=True) if is_there)
        return Text(text, self.takes, placed=tuple(zip(kept, places, strict=True)))

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
        return _written(self._text.text, self._text.spans, stays, self._instead)[0]


def _written(
    text: str, spans: Sequence[Span], stays: Sequence[bool], instead: str
) -> tuple[str, list[Span]]:
    """Return a text of which some words stay, and where these are in it.

    A word that is left out leaves no space behind it.
    """
    parts, places, length, end = list[str](), list[Span](), 0, 0
    is_open = True  # after a word that is left out, behind a space or at the beginning
    for (low, high), is_there in zip(spans, stays, strict=True):
        gap = text[end:low].lstrip() if is_open else text[end:low]
        word, end = text[low:high] if is_there else instead, high
        if is_there:
            places.append((length + len(gap), length + len(gap) + len(word)))
        parts += [gap, word]
        length += len(gap) + len(word)
        is_open = not word and (gap[-1:].isspace() or (is_open and not gap))
    rest = text[end:].lstrip() if is_open else text[end:]
    return "".join([*parts, rest]).strip() if is_open else "".join([*parts, rest]), places


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
