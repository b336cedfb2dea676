"""Gradients on a path to the embeddings of a text's pieces, summed over its words.

The same as of pictures, with the embedding of each piece as the colours of a pixel in a picture of
one row. The path begins where every piece of a word is that of the background's stand-in; what
begins and ends the text, and all places, stay.
Reference: Sundararajan et al. 2017, arXiv:1703.01365, section 6.3.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers import path_gradients
from usable_core.explainers.attribution import Attribution
from usable_core.games.words import NEUTRAL, Text, stand_in
from usable_core.metrics.arrays import Segments
from usable_core.models.embedded import at_embeddings


def explain_integrated(
    oracle: Oracle, text: Text, target: int, options: ExplainerOptions
) -> Attribution:
    """Return integrated gradients of a class's logit to words, see `path_gradients`."""
    return _of_words(path_gradients.explain_integrated, oracle, text, target, options)


def explain_expected(
    oracle: Oracle, text: Text, target: int, options: ExplainerOptions
) -> Attribution:
    """Return expected gradients of a class's logit to words, see `path_gradients`."""
    return _of_words(path_gradients.explain_expected, oracle, text, target, options)


@dataclass(frozen=True, eq=False)
class _Start:
    """Where a path begins (D, 1, P)."""

    hidden: Tensor


@dataclass(frozen=True, eq=False)
class _Row:
    """The embeddings (D, 1, P) of a text's pieces as a picture of one row.

    Attributes:
        x: They.
        segments: Word of each piece (1, P).
        start: What they are where every word is hidden.
    """

    x: Tensor
    segments: Segments
    start: Tensor

    def hiding(self, background: str, device: torch.device) -> _Start:
        """Return where the path begins."""
        return _Start(self.start.to(device))


def _of_words(
    method: Callable[..., Attribution],
    oracle: Oracle,
    text: Text,
    target: int,
    options: ExplainerOptions,
) -> Attribution:
    places, words = text.word_of_piece
    model, network = at_embeddings(oracle.model, text.x, places.tolist())
    takes = text.takes
    said = stand_in(takes, options.background) or NEUTRAL  # no vector stands for nothing
    stands = [*takes.tokenizer.encode(said, add_special_tokens=False).ids, takes.end][0]
    row = _Row(network.vectors(), words.astype(np.int32)[None], network.repeated(stands))
    inner = Oracle(model, on_pass=oracle.on_pass)
    with inner:
        found = method(inner, row, target, options)
    oracle.passes = inner.passes
    credits = np.bincount(words, found.values[0].astype(np.float64), minlength=len(text.spans))
    return replace(found, values=credits.astype(np.float32)[None])
