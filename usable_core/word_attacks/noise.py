"""Random swaps: what a text loses without an adversary, by the same share of its words."""

from collections.abc import Sequence

import numpy as np

from usable_core.word_attacks.asking import Asking
from usable_core.word_attacks.swaps import Swaps
from usable_core.word_attacks.written import Written


def random_swaps(
    asking: Asking, swaps: Swaps, texts: Sequence[Written], seeds: Sequence[int], most: np.ndarray
) -> np.ndarray:
    """Return the answers (N, E) to texts whose words are swapped at random.

    Args:
        asking: The model.
        swaps: What words are swapped for.
        texts: They (N,).
        seeds: Of the draws of each (N,).
        most: How many words are swapped of each (N, E); fewer where fewer can be.
    """
    drawn = [
        _drawn(asking, swaps, text, seed, counts.tolist())
        for text, seed, counts in zip(texts, seeds, most, strict=True)
    ]
    unique = list(dict.fromkeys(text for row in drawn for text in row))
    answers = dict(zip(unique, asking.logits(unique).argmax(1).tolist(), strict=True))
    found = [[answers[text] for text in row] for row in drawn]
    return np.array(found, dtype=np.int32).reshape(most.shape)


def _drawn(asking: Asking, swaps: Swaps, text: Written, seed: int, counts: list[int]) -> list[str]:
    """Return a text with so many random swaps, the fewer among the more."""
    draw = np.random.default_rng([seed & 0xFFFFFFFF, seed >> 32])
    now, written = text, [text.text]
    for place in draw.permutation(len(text.words)).tolist():
        if len(written) > max(counts, default=0):
            break
        others = swaps(text.words[place], asking.takes)
        if not others:
            continue
        swapped = now.swapped(place, others[int(draw.integers(len(others)))])
        if swapped.stands(place) and asking.reads(swapped.text):
            now = swapped
            written.append(now.text)
    return [written[min(count, len(written) - 1)] for count in counts]
