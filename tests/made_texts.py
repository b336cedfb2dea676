"""Tiny random classifiers of texts of transformers, one of each type, saved as people save them.

Made on demand: importing this module imports no transformers.
"""

import json

import torch

CLASSES = ("calm", "angry", "sad")
TEXTS = (
    "a small test",
    "It rained all day, and nobody minded: the garden needed it.",
    "no",
    "Why would anyone read this twice?  Nobody knows!",
    "naïve café — déjà vu 42",
)
_BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
}
_LLAMA = dict(_BERT, num_key_value_heads=2, head_dim=8)
_GPT = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 40}
# What makes each type small.
SMALL = {
    "albert": dict(_BERT, embedding_size=8),
    "bert": _BERT,
    "deberta-v2": dict(_BERT, relative_attention=True, pos_att_type=["p2c", "c2p"]),
    "distilbert": {
        "dim": 16,
        "hidden_dim": 24,
        "n_layers": 2,
        "n_heads": 2,
        "max_position_embeddings": 40,
    },
    "electra": dict(_BERT, embedding_size=8),
    "mpnet": _BERT,
    "roberta": _BERT,
    "gpt2": _GPT,
    "gpt_neo": {
        "hidden_size": 16,
        "num_layers": 2,
        "num_heads": 2,
        "attention_types": [[["global", "local"], 1]],
        "max_position_embeddings": 40,
    },
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "opt": dict(_BERT, ffn_dim=24, word_embed_proj_dim=16),
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
}
DECODERS = ("gpt2", "gpt_neo", "llama", "mistral", "opt", "qwen2", "qwen3")


def save_tokenizer(folder, *, is_decoder=False, **settings):
    """Write a byte-level tokenizer of a few hundred pieces; decoders have no piece that fills up.

    `settings` are those of transformers' own class.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<end>"] if is_decoder else ["<begin>", "<fill>", "<end>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    said = {"eos_token": "<end>"}
    if not is_decoder:
        places = [(name, tokenizer.token_to_id(name)) for name in ("<begin>", "<end>")]
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<begin> $A <end>", special_tokens=places
        )
        said |= {"pad_token": "<fill>", "mask_token": "<mask>", "cls_token": "<begin>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **{**said, **settings})
    fast.save_pretrained(folder)
    return fast


def save_classifier(folder, kind, *, seed=0, classes=CLASSES, **changes):
    """Write a random classifier of a type with its tokenizer, and return transformers' own two."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    is_decoder = kind in DECODERS
    tokenizer = save_tokenizer(folder, is_decoder=is_decoder)
    own = {"pad_token_id": None if is_decoder else tokenizer.pad_token_id}
    own |= {"bos_token_id": 0, "eos_token_id": tokenizer.eos_token_id}
    names = dict(enumerate(classes))
    config = AutoConfig.for_model(
        kind,
        **{**SMALL[kind], "vocab_size": len(tokenizer), **own, **changes},
        id2label=names,
        label2id={name: i for i, name in names.items()},
    )
    torch.manual_seed(seed)
    network = AutoModelForSequenceClassification.from_config(config).eval()
    with torch.no_grad():
        for weight in network.parameters():  # some begin with heads of zeros
            weight.add_(0.2 * torch.randn_like(weight))
    network.save_pretrained(folder)
    return network, AutoTokenizer.from_pretrained(folder)


def change(path, **values):
    """Change fields of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
