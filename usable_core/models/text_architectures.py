"""Our own small networks of texts: an encoder and a decoder of transformers, with a tokenizer.

Both are of the types `bert` and `gpt2` of transformers, so that they are built again, and loaded
into transformers itself, as any other of those.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from tokenizers.processors import TemplateProcessing
from torch import nn

from usable_core.inputs.tokens import Tokens
from usable_core.models.sources.from_card import build
from usable_core.models.sources.text_trunks import POOLING, Pooling

PIECES = 6000  # at most
SEEN = 1000  # characters of the texts for each piece: what is seen a few times is not learnt
FEWEST = 300  # the bytes alone are 256
LONGEST = 128  # pieces of a text
LAYERS, WIDTH, HEADS = 4, 128, 4
INNER = 4 * WIDTH  # Vaswani et al. 2017, arXiv:1706.03762
FILL, BEGIN, END, MASK = "[PAD]", "[CLS]", "[SEP]", "[MASK]"
TEXT_END = "<|endoftext|>"  # begins and ends each text of the decoder
GPT_FILL = "<|pad|>"  # of its own, else the last piece of a text could not be told


@dataclass(frozen=True)
class TextStart:
    """A network of texts with random weights.

    Attributes:
        network: Its head has no classes yet.
        takes: Its tokenizer.
        architecture: How it is built again, with what options.
    """

    network: nn.Module
    takes: Tokens
    architecture: str
    arch_options: dict[str, str]


def bert(texts: Iterable[str]) -> TextStart:
    """Build an encoder of 4 layers, with pieces of words learned from texts."""
    tokenizer = _tokenizer(texts, [FILL, BEGIN, END, MASK], BEGIN, END)
    said = {
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": INNER,
        "max_position_embeddings": LONGEST,
        "pad_token_id": tokenizer.token_to_id(FILL),
    }
    return _start("bert", "mean", tokenizer, said, END, MASK)


def gpt(texts: Iterable[str]) -> TextStart:
    """Build a decoder of 4 layers, with pieces of words learned from texts."""
    tokenizer = _tokenizer(texts, [GPT_FILL, TEXT_END], TEXT_END, TEXT_END)
    end = tokenizer.token_to_id(TEXT_END)
    said = {
        "vocab_size": tokenizer.get_vocab_size(),
        "n_embd": WIDTH,
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_positions": LONGEST,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": tokenizer.token_to_id(GPT_FILL),
    }
    return _start("gpt2", "last", tokenizer, said, TEXT_END, None)


def _tokenizer(texts: Iterable[str], signs: list[str], begin: str, end: str) -> Tokenizer:
    """Return a tokenizer learned from texts; each text begins and ends with a sign.

    Of few texts its pieces are short, for a network learns of a piece where it meets it.
    Its pieces are of bytes, so that every text can be written in them. WordPiece would do for the
    encoder, but tokenizers' trainer of it finds other pieces at each run.
    """
    known = list(texts)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=min(max(sum(map(len, known)) // SEEN, FEWEST), PIECES),
        special_tokens=signs,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(known, trainer)
    places = [(sign, tokenizer.token_to_id(sign)) for sign in sorted({begin, end})]
    tokenizer.post_processor = TemplateProcessing(single=f"{begin} $A {end}", special_tokens=places)
    return tokenizer


def _start(
    kind: str,
    pooling: Pooling,
    tokenizer: Tokenizer,
    said: dict[str, Any],
    end: str,
    mask: str | None,
) -> TextStart:
    options = {"config": json.dumps(said, sort_keys=True), POOLING: pooling}
    architecture = f"hf/{kind}"
    sources = dict.fromkeys(("tokenizer", "longest"), "made for the texts of the pre-training")
    count, number = tokenizer.get_vocab_size(), cast(int, tokenizer.token_to_id(end))
    takes = Tokens(tokenizer, LONGEST, LONGEST, count, mask, number, sources)
    return TextStart(build(architecture, 0, options), takes, architecture, options)
