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
from usable_core.errors import DatasetRefused
from usable_core.evaluations.specs import Report, silent

CHUNK = 64  # pictures per piece of work: large enough to hide the pool's overhead


class Geometry(Protocol):
    """How a picture becomes pixels: the half of `models.preprocessing` that data sets need."""

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of the result."""

    def pixels(self, image: Image.Image) -> Tensor:
        """Return the RGB picture resized and cropped, uint8 (3, H, W)."""


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
    for chunk, indices in _decoded(dataset, geometry, CHUNK):
        pixels[done : done + len(chunk)] = chunk
        done += len(chunk)
        places.append(indices)
        report(done, total, "Reading images")
    if total and not done:
        raise unreadable(dataset)
    return pixels[:done], torch.cat(places)


def unreadable(dataset: Dataset) -> DatasetRefused:
    """Return the refusal of a data set of which no picture can be decoded."""
    return DatasetRefused(
        f"None of the {len(dataset)} pictures of {dataset.name} can be decoded, such as "
        f"{dataset.left_out[-1].reason}"
    )


def batches(
    dataset: Dataset, geometry: Geometry, batch_size: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield (x, y, indices) in order, decoding a few batches ahead.

    A picture that cannot be decoded is left out, and listed by `dataset.left_out`.

    Yields:
        x: Images (n, 3, H, W) float32 in [0, 1], n at most `batch_size`.
        y: Labels (n,) int64, indices into the data set's own labels.
        indices: Positions (n,) int64 in the data set.
    """
    targets = torch.from_numpy(dataset.targets)
    for pixels, indices in _decoded(dataset, geometry, batch_size):
        yield to_dtype(pixels, torch.float32, scale=True), targets[indices], indices


def _decoded(dataset: Dataset, geometry: Geometry, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield uint8 (n, 3, H, W) and which they are (n,), in order; few pieces wait in memory."""

    def piece(start: int) -> tuple[Tensor, Tensor] | None:
        stop = min(start + size, len(dataset))
        tried = [(dataset.tried(i, geometry.pixels), i) for i in range(start, stop)]
        found = [(pixels, i) for pixels, i in tried if pixels is not None]
        if not found:
            return None
        return torch.stack([pixels for pixels, _ in found]), torch.tensor([i for _, i in found])

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
