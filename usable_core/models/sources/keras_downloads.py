"""Keras's published weights, fetched by us: with a look at the host first."""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from usable_core import downloads
from usable_core.catalog.known_names import keras_weights
from usable_core.evaluations.passports import Download


@contextlib.contextmanager
def fetching(take: Callable[[Download], str]) -> Iterator[None]:
    """Have Keras ask `take` for the path of each file that it would fetch."""
    utilities: Any = sys.modules["keras.src.utils.file_utils"]
    own = utilities.get_file

    def get_file(fname: str, origin: str, **_: object) -> str:
        return take(Download(origin, path=str(keras_weights() / fname)))

    utilities.get_file = get_file
    try:
        yield
    finally:
        utilities.get_file = own


def fetched(download: Download) -> str:
    """Return the path of weights, fetched where they are not here.

    Raises:
        CheckpointError: they cannot be had.
    """
    downloads.fetch(download, f"keras/{Path(download.path).name}")
    return download.path
