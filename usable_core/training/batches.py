"""Which examples go through a network together in an epoch."""

from collections.abc import Sequence

import torch
from torch import Tensor

WINDOW = 50  # batches that are sorted together; as transformers' own LengthGroupedSampler


def balanced(labels: Tensor, generator: torch.Generator) -> Tensor:
    """Return as many indices as there are labels (N,), of each class equally often by chance."""
    counts = labels.bincount().clamp_min(1)
    return torch.multinomial(1.0 / counts[labels], len(labels), True, generator=generator)


def batches(
    order: Tensor, lengths: Tensor | None, size: int, generator: torch.Generator
) -> Sequence[Tensor]:
    """Return the batches of an epoch, each the indices (B,) of its examples.

    Examples of other lengths than one another are sorted within windows of many batches, whose
    order is then drawn: a batch is filled up to its longest, and who is in it is still by chance.

    Args:
        order: Indices (N,) of the epoch's examples, in a random order.
        lengths: Of each (N,); None where all are of one size.
        size: Examples in a batch; the last may have fewer.
        generator: Source of the randomness (on the CPU).
    """
    if lengths is None:
        return torch.split(order, size)
    windows = torch.split(order, WINDOW * size)
    by_length = torch.cat([rows[lengths[rows].argsort(stable=True)] for rows in windows])
    found = torch.split(by_length, size)
    return [found[i] for i in torch.randperm(len(found), generator=generator)]
