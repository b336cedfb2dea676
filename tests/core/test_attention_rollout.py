"""Attention rollout against products of matrices that are multiplied by hand."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from explained import attributed
from torch import nn
from toy_models import images, model_of

from usable_core.errors import ExplanationError
from usable_core.evaluations.explanation import ExplainerOptions
from usable_core.explainers.rollout import rollout

OPTIONS = ExplainerOptions(evaluations=16, segments=4)
SIZE, TOKENS, WIDTH = 8, 5, 5  # a class token and 2 x 2 patches of 4 x 4 pixels


class Given(nn.Module):
    """Self-attention whose scores are given: queries are unit vectors, keys the scores' columns."""

    def __init__(self, scores, how):
        super().__init__()
        self.how = how
        self.register_buffer("keys", scores.T * WIDTH**0.5)  # undoes the scaling by 1/sqrt(WIDTH)

    def forward(self, x):
        queries = torch.eye(TOKENS).expand(len(x), 1, TOKENS, WIDTH)
        keys = (self.keys + 0 * x.mean()).expand(
            len(x), 1, TOKENS, WIDTH
        )  # of the picture, as usual
        values = x[:, None]
        if self.how == "fused":
            return F.scaled_dot_product_attention(queries, keys, values)[:, 0]
        weights = (queries @ keys.transpose(-2, -1) * WIDTH**-0.5).softmax(-1)
        return (weights @ values)[:, 0]


class Transformer(nn.Module):
    """Two blocks; the answer is read from the class token, or from the mean over the patches."""

    def __init__(self, scores, *, how="fused", reads="class"):
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 4, 4)
        self.blocks = nn.ModuleList(Given(one, how) for one in scores)
        self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, 3)
        self.reads = reads

    def forward(self, x):
        patches = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([patches.mean(1, keepdim=True), patches], 1)
        for block in self.blocks:
            tokens = tokens + block(tokens)
        tokens = self.norm(tokens)
        return self.head(tokens[:, 0] if self.reads == "class" else tokens[:, 1:].mean(1))


def scores():
    return torch.randn(2, TOKENS, TOKENS, generator=torch.Generator().manual_seed(0)) * 2


def by_hand(read):
    """The product of the blocks, each half itself and half its softmax, in numpy."""
    rolled = np.eye(TOKENS)
    for one in scores().double().numpy():
        exact = np.exp(one)
        rolled = (0.5 * np.eye(TOKENS) + 0.5 * exact / exact.sum(1, keepdims=True)) @ rolled
    return (np.asarray(read) / np.sum(read)) @ rolled


def mapped(network, target=1):
    torch.manual_seed(0)
    return attributed(
        "attention_rollout", model_of(network, size=SIZE, classes=3), images(1)[0], target, OPTIONS
    )


@pytest.mark.parametrize("how", ["fused", "softmax"])
@pytest.mark.parametrize(("reads", "read"), [("class", [1, 0, 0, 0, 0]), ("mean", [0, 1, 1, 1, 1])])
def test_it_is_the_product_of_the_blocks_read_where_the_answer_is(how, reads, read):
    torch.manual_seed(0)

    found = mapped(Transformer(scores(), how=how, reads=reads)).values

    # An enlargement by 4 leaves the corners as they are.
    corners = found[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners == pytest.approx(by_hand(read)[1:], abs=1e-5)


def test_one_block_halves_what_a_token_was_and_what_it_hears():
    attention = torch.tensor([[0.0, 1.0], [0.5, 0.5]])

    assert rollout([attention], torch.tensor([2.0, 0.0])).tolist() == [0.5, 0.5]
    assert rollout([attention, attention], torch.tensor([1.0, 1.0])).tolist() == [0.34375, 0.65625]


class Multihead(nn.Module):
    """PyTorch's own attention, which torchvision's transformers use."""

    def __init__(self):
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.norm, self.head = nn.Identity(), nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        mixed, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.head(self.norm(tokens + mixed).mean(1))


def test_pytorchs_own_attention_is_read_with_its_heads_averaged():
    torch.manual_seed(0)
    network = Multihead().eval()
    x = images(1)[0]
    with torch.no_grad():
        tokens = network.patches(x[None]).flatten(2).transpose(1, 2)
        weights = network.attention(tokens, tokens, tokens, average_attn_weights=False)[1][0]
    expected = (0.5 * np.eye(4) + 0.5 * weights.mean(0).numpy()).mean(0)

    found = mapped(network).values

    assert found[[0, 0, -1, -1], [0, -1, 0, -1]] == pytest.approx(expected, abs=1e-5)


def test_every_class_has_the_same_map_and_the_network_is_left_alone():
    torch.manual_seed(0)
    network = Transformer(scores())

    first, second = mapped(network, 0), mapped(network, 2)

    assert np.allclose(first.values, second.values, atol=1e-6)
    assert first.output != second.output
    assert not network.training
    assert all(parameter.grad is None for parameter in network.parameters())


def test_a_network_without_attention_is_refused_in_a_sentence():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    with pytest.raises(ExplanationError, match="toy shows none: it is no transformer"):
        mapped(nn.Sequential(network, nn.Linear(4, 3)))


class Windows(nn.Module):
    """Attention within two windows of two patches each."""

    def __init__(self):
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, 4, 4, 4), nn.Linear(4, 3)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2).reshape(2 * len(x), 1, 2, 4)
        mixed = F.scaled_dot_product_attention(tokens, tokens, tokens)
        return self.head(mixed.reshape(len(x), 4, 4).mean(1))


def test_attention_within_windows_is_refused_in_a_sentence():
    with pytest.raises(ExplanationError, match="within windows"):
        mapped(Windows())


class Reduced(nn.Module):
    """Attention of all patches to two of their means, then of all to all."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 4, 4, 4), nn.LayerNorm(4)
        self.head = nn.Linear(4, 3)

    def forward(self, x):
        tokens = self.norm(self.patches(x).flatten(2).transpose(1, 2))[:, None]
        few = tokens.reshape(len(x), 1, 2, 2, 4).mean(3)
        tokens = tokens + F.scaled_dot_product_attention(tokens, few, few)
        tokens = tokens + F.scaled_dot_product_attention(tokens, tokens, tokens)
        return self.head(tokens[:, 0].mean(1))


class Channels(nn.Module):
    """Attention among 8 channels of 4 patches, as XCiT's."""

    def __init__(self):
        super().__init__()
        self.patches, self.norm = nn.Conv2d(3, 8, 4, 4), nn.LayerNorm(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        tokens = self.norm(self.patches(x).flatten(2).transpose(1, 2))
        channels = tokens.transpose(1, 2)[:, None]
        mixed = (channels @ channels.transpose(-2, -1)).softmax(-1) @ channels
        return self.head((tokens + mixed[:, 0].transpose(1, 2)).mean(1))


@pytest.mark.parametrize("make", [Reduced, Channels])
def test_attention_to_fewer_tokens_or_among_channels_is_refused(make):
    with pytest.raises(ExplanationError, match="among all patches in every block"):
        mapped(make())
