"""Models and data sets so simple that the right answer is known."""

import copy
import functools

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from torch import nn

from usable_core.datasets.dataset import Dataset, hash_all, hash_bytes
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.labels import LabelSpace
from usable_core.models.model import Model


class LinearNetwork(nn.Module):
    """Logits are weight @ pixels + bias."""

    def __init__(self, weight, bias):
        super().__init__()
        self.linear = nn.Linear(weight.shape[1], weight.shape[0])
        self.linear.weight.data = weight.clone()
        self.linear.bias.data = bias.clone()

    def forward(self, x):
        return self.linear(x.flatten(1))


def model_of(network, *, size=8, classes=10, names=None, mean=(0.0,) * 3, std=(1.0,) * 3):
    labels = (
        LabelSpace(tuple(names)) if names else LabelSpace(tuple(str(i) for i in range(classes)))
    )
    return Model("toy", network, Preprocessing(None, (size, size), mean=mean, std=std), labels)


def linear_model(size=8, classes=3, seed=0):
    """A random linear classifier of images `size` x `size`, centred so that all classes occur."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(classes, 3 * size * size, generator=generator) / size
    return model_of(LinearNetwork(weight, -weight.sum(1) / 2), size=size, classes=classes)


def images(count=40, size=8, seed=1, low=0.3, high=0.7):
    """Images so far from 0 and 1 that small perturbations are never clipped."""
    generator = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(count, 3, size, size, generator=generator)


def dataset_of(pixels, targets, names):
    """A data set of uint8 pictures (N, H, W, 3)."""
    ids = tuple(hash_bytes(p.tobytes() + bytes([i % 256])) for i, p in enumerate(pixels))
    return Dataset(
        "toy",
        LabelSpace(tuple(names)),
        np.asarray(targets, dtype=np.int64),
        ids,
        lambda i: Image.fromarray(pixels[i]),
        hash_all(ids),
    )


def digit_pixels():
    """Real digits (1797, 8, 8, 3) uint8 and their labels."""
    digits = load_digits()
    grey = np.round(digits.images * (255 / 16)).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=3), digits.target


def small_network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


def digits_model(epochs=6):
    """A copy of a network trained on the first 1,297 digits, once in a session."""
    return model_of(copy.deepcopy(_digits_network(epochs)))


@functools.cache
def _digits_network(epochs):
    pixels, targets = digit_pixels()
    x = torch.from_numpy(pixels[:1297]).permute(0, 3, 1, 2).float() / 255
    y = torch.from_numpy(targets[:1297])
    network = small_network()
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
    return network


def digits_dataset(start=1297, stop=1797):
    pixels, targets = digit_pixels()
    return dataset_of(pixels[start:stop], targets[start:stop], [str(i) for i in range(10)])
