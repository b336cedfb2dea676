"""Attention rollout of a text: from which words a transformer's answer is mixed together.

The same as of pictures, whose tokens are here the pieces of the text. What comes from a word's
pieces is summed; what comes from the pieces that begin and end the text is no word's.
"""

import numpy as np

from usable_core.asking.oracle import Oracle
from usable_core.asking.outputs import check_logits
from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.attribution import Attribution
from usable_core.explainers.gradient_check import finite_output
from usable_core.explainers.rollout import attention_pass, rollout, shows_none
from usable_core.games.words import Text
from usable_core.models.embedded import at_embeddings

INSTEAD = "Choose LIME, Kernel SHAP, integrated gradients or occlusion."


def explain(oracle: Oracle, text: Text, target: int, options: ExplainerOptions) -> Attribution:
    """Return how much of each word has come into the pieces that the answer is read from.

    These are the pieces whose last attention has a gradient: the first of BERT's, the last of
    GPT's. Every class has the same map, see `rollout.explain`.

    Raises:
        NoGradients: the network shows no table of embeddings.
        ExplanationError: it has no attention among all pieces of the text.
    """
    del options  # one pass is all there is
    name, length = oracle.model.name, text.x.shape[-1]
    model, network = at_embeddings(oracle.model, text.x, range(length))
    inner = Oracle(model, on_pass=oracle.on_pass)
    with inner:
        ((_, (logits, found, read)),) = inner.each(
            1, lambda _: attention_pass(inner, network.vectors(), target)
        )
    oracle.passes = inner.passes
    check_logits(logits[None])
    output = finite_output(logits[target])
    if not found:
        raise ExplanationError(f"{shows_none(name)} {INSTEAD}")
    if any(one.weights.shape != (1, length, length) for one in found) or not read.any():
        raise ExplanationError(
            "Attention rollout needs attention among all pieces of the text in every block, but "
            f"that of {name} is within parts of it, or not what its answer is read from. {INSTEAD}"
        )
    shares = rollout([one.weights[0] for one in found], read).double().cpu().numpy()
    places, words = text.word_of_piece
    credits = np.bincount(words, shares[places], minlength=len(text.spans))
    return Attribution(credits.astype(np.float32)[None], output)
