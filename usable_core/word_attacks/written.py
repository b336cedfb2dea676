"""`Written`: a text as its words and what stands between them, of which words are swapped."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from usable_core.games.words import Text
from usable_core.texts import Span, word_spans


@dataclass(frozen=True, eq=False)
class Written:
    """A text; what follows the last word that a model reads of it is one with the last gap.

    Attributes:
        words: Its words (W,).
        gaps: What stands before, between and after them (W + 1,).
    """

    words: tuple[str, ...]
    gaps: tuple[str, ...]

    @classmethod
    def of(cls, text: Text) -> "Written":
        """Return a text as a model reads it."""
        ends = [0, *(place for span in text.spans for place in span), len(text.text)]
        gaps = zip(ends[::2], ends[1::2], strict=True)
        return cls(text.words, tuple(text.text[low:high] for low, high in gaps))

    @cached_property
    def text(self) -> str:
        """The whole text."""
        return self._joined(self.words, self.gaps)

    @property
    def read(self) -> str:
        """Return the text up to its last word."""
        return self._joined(self.words, (*self.gaps[:-1], ""))

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Where each word begins and ends."""
        found, end = [], 0
        for gap, word in zip(self.gaps, self.words, strict=False):
            found.append((end + len(gap), end + len(gap) + len(word)))
            end = found[-1][1]
        return tuple(found)

    def stands(self, place: int) -> bool:
        """Tell whether people count the word at a place as one, apart from its neighbours."""
        return self.spans[place] in word_spans(self.read)

    def is_after_space(self, place: int) -> bool:
        """Tell whether a space stands before a word."""
        return self.gaps[place][-1:].isspace()

    def swapped(self, place: int, word: str) -> "Written":
        """Return the text with another word at a place."""
        return replace(self, words=(*self.words[:place], word, *self.words[place + 1 :]))

    def without(self, place: int) -> str:
        """Return the text without a word and the space before it."""
        gaps = list(self.gaps)
        gaps[place] = gaps[place].rstrip() if gaps[place + 1][:1].isspace() else gaps[place]
        return self._joined((*self.words[:place], "", *self.words[place + 1 :]), gaps).strip()

    @staticmethod
    def _joined(words: Sequence[str], gaps: Sequence[str]) -> str:
        pairs = zip(gaps, (*words, ""), strict=True)
        return "".join(part for pair in pairs for part in pair)
