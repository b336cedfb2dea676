"""Our own small networks for 32 x 32 images: one residual, one plain, one transformer.

Each splits into `features` (N, 3, H, W) -> (N, D) and `head` (N, D) -> (N, classes).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=False),
    )


class Residual(nn.Module):
    """Two 3x3 convolutions added to their input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(width, width), _conv(width, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape of x (N, width, H, W)."""
        found: Tensor = x + self.body(x)
        return found


class SmallNetwork(nn.Module):
    """Features and a linear head; `forward_features` and `head` as in timm.

    A start that has no classes yet has a head for 0.
    """

    def __init__(self, features: nn.Module, width: int, num_classes: int) -> None:
        super().__init__()
        self.features = features
        self.head = nn.Linear(width, num_classes or 1)
        if not num_classes:  # there is nothing to draw, of which torch would warn
            self.head.weight = nn.Parameter(self.head.weight.new_empty(0, width))
            self.head.bias = nn.Parameter(self.head.bias.new_empty(0))
            self.head.out_features = 0

    def forward_features(self, x: Tensor) -> Tensor:
        """Return the pooled features (N, D) of normalised images (N, 3, H, W)."""
        found: Tensor = self.features(x)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (N, classes) of normalised images (N, 3, H, W)."""
        logits: Tensor = self.head(self.forward_features(x))
        return logits


def small_resnet(num_classes: int) -> SmallNetwork:
    """Build a residual network of four stages, 0.8 million weights.

    Width doubles where the resolution halves, by strided convolutions; a residual pair a stage.
    """
    features = nn.Sequential(
        _conv(3, 24),
        _conv(24, 40, 2),
        Residual(40),
        _conv(40, 80, 2),
        Residual(80),
        _conv(80, 160, 2),
        Residual(160),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
    return SmallNetwork(features, 160, num_classes)


def small_vgg(num_classes: int) -> SmallNetwork:
    """Build a plain stack of 3 x 3 convolutions and pooling, 0.7 million weights."""
    features = nn.Sequential(
        _conv(3, 24),
        nn.MaxPool2d(2),
        _conv(24, 48),
        _conv(48, 48),
        nn.MaxPool2d(2),
        _conv(48, 96),
        _conv(96, 96),
        nn.MaxPool2d(2),
        _conv(96, 192),
        _conv(192, 192),
        nn.MaxPool2d(2),
        nn.Flatten(),
    )
    return SmallNetwork(features, 192 * 4, num_classes)


class Attention(nn.Module):
    """Multi-head self-attention over tokens (N, T, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (N, T, D)."""
        n, tokens, width = x.shape
        qkv = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        found: Tensor = self.out(mixed.transpose(1, 2).reshape(n, tokens, width))
        return found


class TransformerBlock(nn.Module):
    """Pre-norm attention and MLP, each added to its input."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))

    def forward(self, x: Tensor) -> Tensor:
        """Return tokens (N, T, D)."""
        x = x + self.attention(self.norm1(x))
        found: Tensor = x + self.mlp(self.norm2(x))
        return found


class VisionTransformer(nn.Module):
    """Convolutional stem to 8 x 8 tokens, learned positions, blocks, mean over the tokens."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 32, 2), _conv(32, 64), nn.Conv2d(64, width, 2, 2))
        self.positions = nn.Parameter(torch.randn(1, 64, width) * 0.02)
        blocks = (TransformerBlock(width, heads, 2 * width) for _ in range(depth))
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        """Return features (N, D) of images (N, 3, 32, 32)."""
        tokens = self.stem(x).flatten(2).transpose(1, 2)  # (N, D, 8, 8) -> (N, 64, D)
        found: Tensor = self.norm(self.blocks(tokens + self.positions)).mean(1)
        return found


def small_vit(num_classes: int) -> SmallNetwork:
    """Build a vision transformer: 64 tokens, width 96, 5 blocks, 3 heads, 0.4 million weights."""
    return SmallNetwork(VisionTransformer(96, 5, 3), 96, num_classes)
