"""Corrupted images that several models are shown: made once, while they are measured together."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from usable_core.catalog import implementation
from usable_core.catalog.corruptions import CORRUPTIONS

if TYPE_CHECKING:
    from torch import Tensor

MOST_BYTES = 256 * 2**20  # of all that is kept; more is made anew for each model

Made = dict[tuple[str, str, int], "Tensor"]
_made: ContextVar[Made | None] = ContextVar("made", default=None)


@contextmanager
def shared() -> Iterator[None]:
    """Keep corrupted images for whoever corrupts the same ones again, until it is over."""
    token = _made.set({})
    try:
        yield
    finally:
        _made.reset(token)


def corrupter(x: "Tensor", seeds: "Tensor") -> "Callable[[str, int], Tensor]":
    """Return a function of a corruption and a severity: images x (N, 3, H, W) under it.

    Args:
        x: Images in [0, 1].
        seeds: One per image (N,) int64.
    """

    def make(name: str, severity: int) -> "Tensor":
        found: Tensor = implementation(CORRUPTIONS[name].function)(x, severity, seeds)
        return found

    made = _made.get()
    if made is None:
        return make
    digest = hashlib.blake2b(str((tuple(x.shape), x.dtype, x.device)).encode())
    for tensor in (x, seeds):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    which = digest.hexdigest()

    def remembered(name: str, severity: int) -> "Tensor":
        key = which, name, severity
        if key in made:
            return made[key]
        found = make(name, severity)
        if sum(one.nbytes for one in made.values()) + found.nbytes <= MOST_BYTES:
            made[key] = found
        return found

    return remembered
