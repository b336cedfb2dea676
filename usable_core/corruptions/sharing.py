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

MOST_BYTES = 256 * 2**20  # of one model's corrupted images; more are made anew for each model

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


def corrupter(x: "Tensor", seeds: "Tensor", planned: int) -> "Callable[[str, int], Tensor]":
    """Return a function of a corruption and a severity: images x (N, 3, H, W) under it.

    Args:
        x: Images in [0, 1].
        seeds: One per image (N,) int64.
        planned: Bytes of all corrupted images of the question: too many are not kept.
    """

    def make(name: str, severity: int) -> "Tensor":
        found: Tensor = implementation(CORRUPTIONS[name].function)(x, severity, seeds)
        return found

    made = _made.get()
    if made is None or planned > MOST_BYTES:
        return make
    digest = hashlib.blake2b(str((tuple(x.shape), x.dtype, x.device)).encode())
    for tensor in (x, seeds):
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    which = digest.hexdigest()

    def remembered(name: str, severity: int) -> "Tensor":
        key = which, name, severity
        if key not in made:
            made[key] = make(name, severity)
        return made[key]

    return remembered
