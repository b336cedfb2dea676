"""Pictures of a data set by their identities, as records hold them; no network is loaded."""

import functools
from collections.abc import Iterator, Sequence

from PIL.Image import Image

from usable_core.datasets import load_dataset
from usable_core.datasets.dataset import Dataset


def found_pictures(reference: str, ids: Sequence[str]) -> Iterator[tuple[str, Image]]:
    """Yield the pictures that the data set has, upright and whole, with their identities.

    Args:
        reference: The data set.
        ids: Identities of its pictures, as records hold them.

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
            yield identity, dataset[places[identity]][0]


@functools.lru_cache(maxsize=1)
def _whole(reference: str) -> Dataset:
    return load_dataset(reference)
