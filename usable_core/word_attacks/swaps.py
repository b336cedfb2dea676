"""What a word may be swapped for: functions `(word, takes) -> other words`, in a fixed order.

Each returns words that people count as one, see `texts.words_of`; none where a word stays.
"""

import functools
import lzma
from collections.abc import Callable, Iterator
from importlib.resources import files

from usable_core.inputs.tokens import Tokens
from usable_core.texts import words_of
from usable_core.word_corruptions.letters import ALIKE, NEAR

Swaps = Callable[[str, Tokens], tuple[str, ...]]
SYNONYMS = "synonyms.txt.xz"  # made by assets/build_synonyms.py


@functools.lru_cache(maxsize=2**15)
def typo(word: str, takes: Tokens) -> tuple[str, ...]:
    """Return a word with one slip of the fingers; of words without letters none."""
    return _words(["".join(parts) for parts in _slips(word)], word)


@functools.lru_cache(maxsize=2**15)
def homoglyph(word: str, takes: Tokens) -> tuple[str, ...]:
    """Return a word with one letter, and with all, of another alphabet where that has one alike."""
    places = [i for i, letter in enumerate(word) if letter in ALIKE]
    single = [word[:i] + ALIKE[word[i]] + word[i + 1 :] for i in places]
    return _words([*single, "".join(ALIKE.get(letter, letter) for letter in word)], word)


@functools.lru_cache(maxsize=2**15)
def synonym(word: str, takes: Tokens) -> tuple[str, ...]:
    """Return the synonyms of a word in all of its senses, in its capitals."""
    return _words([_in_capitals(one, word) for one in synonyms().get(word.lower(), ())], word)


def vocabulary(word: str, takes: Tokens) -> tuple[str, ...]:
    """Return every word that is one piece to a tokenizer; the same for all words of letters."""
    return one_piece_words(takes) if any(letter.isalpha() for letter in word) else ()


@functools.cache
def synonyms() -> dict[str, tuple[str, ...]]:
    """Return the synonyms of each word, in small letters: WordNet 3.0, antonyms left out."""
    data = files("usable_core.word_attacks").joinpath(SYNONYMS).read_bytes()
    lines = lzma.decompress(data).decode().splitlines()
    rows = (line.split() for line in lines if not line.startswith("#"))
    return {row[0]: tuple(row[1:]) for row in rows}


@functools.lru_cache(maxsize=4)
def one_piece_words(takes: Tokens) -> tuple[str, ...]:
    """Return the words of two letters or more that are one piece after a space."""
    own = takes.tokenizer
    special = {token.content for token in own.get_added_tokens_decoder().values()}
    numbers = sorted(number for piece, number in own.get_vocab().items() if piece not in special)
    said = [own.decode([number]).strip() for number in numbers if number < takes.known]
    words = list(dict.fromkeys(w for w in said if len(w) > 1 and w.isalpha()))
    cut = own.encode_batch([f" {word}" for word in words], add_special_tokens=False)
    return tuple(w for w, found in zip(words, cut, strict=True) if len(found.ids) == 1)


def _slips(word: str) -> Iterator[tuple[str, ...]]:
    """Yield the parts of a word with one slip."""
    for i, letter in enumerate(word):
        before, after = word[:i], word[i + 1 :]
        if not letter.isalpha():
            continue
        for near in NEAR.get(letter.lower(), ""):
            other = near.upper() if letter.isupper() else near
            yield before, other, after
            yield before, letter, near, after
        if len(word) > 1:
            yield before, after
        yield before, letter, letter, after
        if after[:1].isalpha():
            yield before, after[0], letter, after[1:]


def _words(found: list[str], word: str) -> tuple[str, ...]:
    """Return what people count as one word and is another than `word`, each once."""
    return tuple(w for w in dict.fromkeys(found) if w != word and words_of(w) == [w])


def _in_capitals(word: str, like: str) -> str:
    """Return a word in the capitals of another one."""
    if len(like) > 1 and like.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if like[:1].isupper() else word
