"""Examples of a data set as tensors: all at once, or streamed with decoding ahead."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import to_dtype

from usable_core.datasets.dataset import Dataset
from usable_core.errors import DatasetRefused
from usable_core.evaluations.specs import Report, silent
from usable_core.inputs.input import Input

CHUNK = 64  # pictures per piece of work: large enough to hide the pool's overhead


class Geometry(Input, Protocol):
    """How a picture becomes pixels."""

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of the result."""


def load_pixels(
    dataset: Dataset, geometry: Geometry, report: Report = silent
) -> tuple[Tensor, Tensor]:
    """Return every picture after resize and crop; for data that fits.

    A picture that cannot be decoded is left out, and listed by `dataset.left_out`.

    Returns:
        The pictures, uint8 (n, 3, H, W), and which they are (n,) int64.

    Raises:
        DatasetRefused: not one can be decoded.
        Cancelled: through `report`.
    """
    total = len(dataset)
    pixels = torch.empty((total, 3, *geometry.crop), dtype=torch.uint8)
    done, places = 0, [torch.empty(0, dtype=torch.int64)]
    for chunk, indices in decoded(dataset, geometry, CHUNK):
        pixels[done : done + len(chunk)] = chunk
        done += len(chunk)
        places.append(indices)
        report(done, total, "Reading images")
    if total and not done:
        raise unreadable(dataset)
    return pixels[:done], torch.cat(places)


def unreadable(dataset: Dataset) -> DatasetRefused:
    """Return the refusal of a data set of which no example can be read."""
    return DatasetRefused(
        f"None of the {len(dataset)} {dataset.kind}s of {dataset.name} can be read, such as "
        f"{dataset.left_out[-1].reason}"
    )


def batches(
    dataset: Dataset, prepared: Input, batch_size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (x, y, indices), one batch after the other, decoding a few ahead.

    An example that cannot be read is left out, and listed by `dataset.left_out`. Texts of a batch
    are sorted by length, so that those of like length go through a model together.

    Yields:
        x: Images (n, 3, H, W) float32 in [0, 1], or texts (n, 1, 1, L) int64; n at most
            `batch_size`.
        y: Labels (n,) int64, indices into the data set's own labels.
        indices: Positions (n,) int64 in the data set.
    """
    targets = torch.from_numpy(dataset.targets)
    for x, indices in decoded(dataset, prepared, batch_size):
        if x.dtype == torch.uint8:
            x = to_dtype(x, torch.float32, scale=True)
        yield x, targets[indices], indices


def decoded(dataset: Dataset, prepared: Input, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches as they are kept and which they are (n,); few pieces wait in memory.

    What cannot be read is left out, and listed by `dataset.left_out`.
    """

    def piece(start: int) -> tuple[Tensor, Tensor] | None:
        stop = min(start + size, len(dataset))
        tried = [(dataset.tried(i, prepared.read), i) for i in range(start, stop)]
        found = [(example, i) for example, i in tried if example is not None]
        if not found:
            return None
        found.sort(key=lambda pair: pair[0].shape[-1])  # pictures are all of one size
        return prepared.stack([x for x, _ in found]), torch.tensor([i for _, i in found])

    workers = max(
        1, min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4)
    )
    waiting: deque[Future[tuple[Tensor, Tensor] | None]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for start in range(0, len(dataset), size):
                waiting.append(pool.submit(piece, start))
                if len(waiting) > workers + 1 and (done := waiting.popleft().result()):
                    yield done
            while waiting:
                if done := waiting.popleft().result():
                    yield done
        finally:
            for future in waiting:
                future.cancel()
