"""Pictures of a data set as tensors: all at once, or streamed with decoding ahead."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms.v2.functional import to_dtype

from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.specs import Report, silent

CHUNK = 64  # pictures per piece of work: large enough to hide the pool's overhead


class Geometry(Protocol):
    """How a picture becomes pixels: the half of `models.preprocessing` that data sets need."""

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of the result."""

    def pixels(self, image: Image.Image) -> Tensor:
        """Return the RGB picture resized and cropped, uint8 (3, H, W)."""


def load_pixels(dataset: Dataset, geometry: Geometry, report: Report = silent) -> Tensor:
    """Return every picture after resize and crop, uint8 (N, 3, H, W); for data that fits.

    Raises:
        ImageRefused: a picture cannot be decoded.
        Cancelled: through `report`.
    """
    total = len(dataset)
    pixels = torch.empty((total, 3, *geometry.crop), dtype=torch.uint8)
    done = 0
    for chunk in _decoded(dataset, geometry, CHUNK):
        pixels[done : done + len(chunk)] = chunk
        done += len(chunk)
        report(done, total, "Reading images")
    return pixels


def batches(
    dataset: Dataset, geometry: Geometry, batch_size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (x, y, indices) in order, decoding a few batches ahead.

    Yields:
        x: Images (n, 3, H, W) float32 in [0, 1], n at most `batch_size`.
        y: Labels (n,) int64, indices into the data set's own labels.
        indices: Positions (n,) int64 in the data set.

    Raises:
        ImageRefused: a picture cannot be decoded.
    """
    start = 0
    targets = torch.from_numpy(dataset.targets)
    for pixels in _decoded(dataset, geometry, batch_size):
        indices = torch.arange(start, start + len(pixels))
        yield to_dtype(pixels, torch.float32, scale=True), targets[indices], indices
        start += len(pixels)


def _decoded(dataset: Dataset, geometry: Geometry, size: int) -> Iterator[Tensor]:
    """Yield uint8 (n, 3, H, W) in order; at most a few pieces wait in memory."""

    def piece(start: int) -> Tensor:
        stop = min(start + size, len(dataset))
        return torch.stack([geometry.pixels(dataset[i][0]) for i in range(start, stop)])

    workers = max(
        1, min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 4)
    )
    waiting: deque[Future[Tensor]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="decode") as pool:
        try:
            for start in range(0, len(dataset), size):
                waiting.append(pool.submit(piece, start))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
