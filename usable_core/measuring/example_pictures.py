"""Pictures of a data set's examples, for pages that show which ones a number is made of."""

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from usable_core.datasets import Dataset, load_dataset
from usable_core.files import write_bytes
from usable_core.images import encode_png


def save_examples(reference: str, ids: Sequence[str], folder: Path) -> None:
    """Write `{id}.png`, upright and whole, for each example that the data set (still) has.

    Args:
        reference: The data set.
        ids: Identities of its pictures, as records hold them.
        folder: Where the files go.

    Raises:
        UsableError: the data set cannot be read.
    """
    dataset = _whole(reference)
    if not set(ids) <= set(dataset.ids):  # the files may have changed since they were read
        _whole.cache_clear()
        dataset = _whole(reference)
    places = {identity: place for place, identity in enumerate(dataset.ids)}
    for identity in ids:
        if identity in places:
            picture, _ = dataset[places[identity]]
            write_bytes(folder / f"{identity}.png", encode_png(np.asarray(picture)))


@functools.lru_cache(maxsize=1)
def _whole(reference: str) -> Dataset:
    return load_dataset(reference)
