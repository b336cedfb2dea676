"""What every corruption of texts has in common: how many words it changes, and its own draws.

A word is a run of letters and digits, as people count; signs and spaces between words stay, unless
they are what is corrupted.
"""

import functools
import hashlib
import re
from collections.abc import Callable

import numpy as np

from usable_core.evaluations.corruption import SEVERITIES

# Share of the words that is changed, by severity.
RATES = (0.025, 0.05, 0.1, 0.2, 0.4)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")

Draw = np.random.Generator
TextCorruption = Callable[[str, int, int], str]  # a text, a severity, a seed
Change = Callable[[str, Draw], str]  # of one word


def text_corruption(function: Callable[[str, float, Draw], str]) -> TextCorruption:
    """Return a corruption that draws by itself, and never leaves a text empty.

    `function` is given a text, the share of its words that is changed, and a generator of this
    corruption, severity and seed only, so that no two draw the same.
    """

    @functools.wraps(function)
    def corrupt(text: str, severity: int, seed: int) -> str:
        if severity not in SEVERITIES:
            raise ValueError(f"severity must be one of {SEVERITIES}, but is {severity}")
        key = hashlib.sha256(f"{function.__name__}:{severity}:{seed}".encode()).digest()
        draw = np.random.default_rng(int.from_bytes(key[:8], "big"))
        found = function(text, RATES[severity - 1], draw)
        return found if found.strip() else text

    return corrupt


def words_of(text: str) -> list[re.Match[str]]:
    """Return the words of a text, by where they are."""
    return list(_WORD.finditer(text))


def drawn(count: int, rate: float, draw: Draw) -> list[int]:
    """Return which of so many are changed, in order: on average a share of exactly `rate`."""
    size = int(rate * count + draw.random())
    return sorted(draw.permutation(count)[:size].tolist())


def with_words(text: str, rate: float, draw: Draw, change: Change) -> str:
    """Return a text of which a share of the words is changed."""
    words, parts, end = words_of(text), list[str](), 0
    for number in drawn(len(words), rate, draw):
        low, high = words[number].span()
        parts += [text[end:low], change(text[low:high], draw)]
        end = high
    return "".join([*parts, text[end:]])
