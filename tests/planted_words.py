"""A model of texts that is known to the last digit: the words that it minds are summed."""

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from torch import nn

from usable_core.inputs.tokens import PADDING, Tokens
from usable_core.labels import LabelSpace
from usable_core.models.model import Model

CLASSES = ("bad", "good")


class _Summed(nn.Module):
    base_model_prefix = "base"

    def __init__(self, weights):
        super().__init__()
        self.table = nn.Embedding(len(weights), 2)
        self.table.weight.data = torch.tensor(weights)

    def get_input_embeddings(self):
        return self.table


class Planted(nn.Module):
    """Logits (bad, good): what words say for each, and a little for bad."""

    def __init__(self, weights, ending):
        super().__init__()
        self.network, self.ending = _Summed(weights), ending

    def forward(self, x):
        ids = x.flatten(1)
        says = self.network.table(ids.clamp_min(0)) * (ids != PADDING)[..., None]
        return self.ending(says.sum(1) + torch.tensor([0.5, 0.0]))


def planted(name="planted", *, longest=64, ending=None, **says):
    """Return a model in which each word of `says` speaks for good by so much, others do not."""
    plain = ["film", "the", "was", "story", "actor", "seen", "again", "that", "calm", "table"]
    words = ["[UNK]", *plain, *says]
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = [[0.0, float(says.get(word, 0))] for word in words]
    takes = Tokens(tokenizer, longest=longest, most=512, known=len(words))
    return Model(name, Planted(weights, ending or nn.Identity()), takes, LabelSpace(CLASSES))
