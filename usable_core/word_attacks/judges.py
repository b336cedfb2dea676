"""Whether a broken text is still the same text: what an independent model reads in it.

A success of an attack is no paraphrase. Two things are told beside it, both by a model that the
attack never asked: whether its answer to the broken text is the one that it gave to the original,
and how similar the two texts are to it, as the cosine between the means of their pieces' last
hidden states. A model that was trained to tell classes apart holds two texts of other classes for
less similar, and of a decoder each state knows only what came before: for similarity alone, an
encoder of sentences is the better judge.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from usable_core.asking.oracle import Oracle
from usable_core.metrics.arrays import Indices
from usable_core.models.embedded import mean_states


@dataclass(frozen=True, eq=False)
class Judged:
    """What a judge says of pairs of texts, the original and the broken one.

    Attributes:
        before: Its answers to the originals (N,).
        after: To the broken texts (N,).
        similarity: Of both (N,); NaN where the judge shows no hidden states.
    """

    before: Indices
    after: Indices
    similarity: NDArray[np.float32]


def judged(oracle: Oracle, originals: Sequence[str], broken: Sequence[str]) -> Judged:
    """Return what a judge says of texts (N,) and what became of them (N,)."""
    texts = [*originals, *broken]
    takes = oracle.model.input
    xs = [takes.read(text) for text in texts]
    order = np.argsort([x.shape[-1] for x in xs], kind="stable")
    answers = np.zeros(len(texts), dtype=np.int64)
    means: list[Tensor] = [torch.empty(0)] * len(texts)

    def asked(part: slice) -> tuple[Tensor, Tensor | None]:
        with torch.inference_mode():
            x = takes.stack([xs[row] for row in order[part]]).to(oracle.device)
            logits, mean = mean_states(oracle.model, x)
            return logits.argmax(1), mean

    for part, (found, mean) in oracle.each(len(texts), asked):
        answers[order[part]] = found.cpu().numpy()
        for row, one in zip(order[part], () if mean is None else mean.cpu(), strict=False):
            means[row] = one
    n = len(originals)
    similarity = [
        float(torch.nn.functional.cosine_similarity(a, b, 0)) if len(a) else np.nan
        for a, b in zip(means[:n], means[n:], strict=True)
    ]
    return Judged(answers[:n], answers[n:], np.array(similarity, dtype=np.float32))
