"""Pictures as a program that answers them has them: opened one by one, then made the input."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.pixels import unreadable
from usable_core.errors import DatasetRefused
from usable_core.evaluations.cost import CostConfig
from usable_core.measuring.provenance import evaluated_part
from usable_core.models.model import Model

MOST_PICTURES = 64  # different ones that are opened in turn


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures that are opened and made the model's input, each in turn.

    Attributes:
        model: Whose input they become.
        part: Where they are taken from; None for a grey one.
        readable: Which of them can be decoded, the first `MOST_PICTURES`.
        size: Width and height of the median one.
    """

    model: Model
    part: Dataset | None
    readable: tuple[int, ...] = ()
    size: tuple[int, int] | None = None

    @classmethod
    def of(cls, model: Model, dataset: Dataset | None, config: CostConfig) -> "Pictures":
        """Return the first pictures that the question asks about and that can be decoded.

        Raises:
            DatasetRefused: there are none.
        """
        if dataset is None or config.dataset is None:
            return cls(model, None)
        part = evaluated_part(model, dataset, config.dataset)
        if len(part) == 0:
            raise DatasetRefused(f"{part.name} has no pictures. Choose another part of it.")
        sizes: dict[int, tuple[int, int]] = {}
        for index in range(len(part)):
            size = part.tried(index, lambda image: (model.preprocessing.pixels(image), image.size))
            if size is not None:
                sizes[index] = size[1]
            if len(sizes) == MOST_PICTURES:
                break
        if not sizes:
            raise unreadable(part)
        width, height = np.median(list(sizes.values()), axis=0).astype(int).tolist()
        return cls(model, part, tuple(sizes), (width, height))

    def opened(self, start: int, count: int) -> list[Image.Image]:
        """Return the next pictures, decoded; the first follow the last."""
        if self.part is None:
            return []
        places = (self.readable[(start + k) % len(self.readable)] for k in range(count))
        return [self.part[place][0] for place in places]

    def images(self, opened: Sequence[Image.Image], count: int) -> Tensor:
        """Return opened pictures as images (N, 3, H, W) on the model's device; else grey ones."""
        if self.part is None:
            x = torch.full((count, 3, *self.model.input_size), 0.5)
        else:
            x = torch.stack([self.model.preprocessing.geometry(image) for image in opened])
        return self.model.laid_out(x.to(self.model.device))

    @property
    def pieces(self) -> None:
        """Return that pictures have no pieces."""
        return None

    def some(self, count: int) -> Tensor:
        """Return images (count, 3, H, W) as they would be timed."""
        return self.images(self.opened(0, count), count)

    largest = some  # all are of the size that the model takes
