"""How many examples go through a model at once: tried on real work, halved when memory ends."""

import copy
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from usable_core.errors import UsableError
from usable_core.models.model import Model
from usable_core.models.modes import channels_last, frozen

# Pixels per pass that are worth trying. CPUs are fastest while activations stay in their caches
# (4 to 16 images of 224 x 224, 64 to 256 of 32 x 32); GPUs want enough to fill them.
_PIXELS = {"cpu": (2**16, 2**20, 256), "cuda": (2**20, 2**24, 2048), "mps": (2**18, 2**22, 512)}
_TEXTS = {"cpu": 32, "cuda": 256, "mps": 64}  # per pass, those of like length together
_SLOWER = 1.25  # a larger batch that is this much slower ends the search
_TRIES = 3  # of a size, the fastest of which counts
_PROBE_SECONDS = 2.0  # at most this long before real work, when the search cannot be real work
MANY = 2**30  # images at once, where nobody knows
_TIMED_SECONDS, _TIMED_PASSES = 0.5, 3  # at least this long, and so many

Part = TypeVar("Part")

_searches: dict[tuple[str, str, str], "BatchSize"] = {}


class BatchSize:
    """The number of examples per pass: tries candidates while working, then keeps the fastest.

    Attributes:
        current: Examples in the next pass.
        halvings: Sentences, one for each time that memory ran out.
        is_provisional: Whether it was settled for a few examples, and is not to be remembered.
    """

    def __init__(self, candidates: list[int]) -> None:
        self._candidates = sorted(candidates)
        self._times: dict[int, list[float]] = {size: [] for size in self._candidates}
        self._is_warm = False
        self.halvings: list[str] = []
        self.is_provisional = False
        self.current = self._candidates[0]

    @property
    def is_settled(self) -> bool:
        """Whether the search is over."""
        return len(self._candidates) == 1

    @property
    def is_begun(self) -> bool:
        """Whether any size was timed."""
        return any(self._times.values())

    @property
    def largest(self) -> int:
        """The largest number that may still be asked for."""
        return self._candidates[-1]

    def record(self, count: int, seconds: float) -> None:
        """Take note of a pass over `count` examples; the very first one is a warm-up."""
        if self.is_settled or count != self.current:
            return
        if not self._is_warm:
            self._is_warm = True
            return
        self._times[count].append(seconds / count)
        if len(self._times[count]) >= _TRIES or seconds > 0.5:  # long passes are steady enough
            self._advance()

    def settle(self) -> None:
        """End the search with the fastest so far."""
        timed = {size: min(times) for size, times in self._times.items() if times}
        self.current = min(timed, key=timed.__getitem__) if timed else self.current
        self._candidates = [self.current]

    def halve(self) -> None:
        """Go on with half as many, for memory ran out.

        Raises:
            UsableError: a single example does not fit.
        """
        if self.current == 1:
            raise UsableError(
                "Memory ran out on a single image. Choose a smaller model or image size, or a "
                "machine with more memory."
            )
        smaller = self.current // 2
        self.halvings.append(
            f"Memory ran out with {self.current} images at once; went on with {smaller}."
        )
        self.current, self._candidates = smaller, [smaller]

    def _advance(self) -> None:
        best = min(min(times) for times in self._times.values() if times)
        later = [size for size in self._candidates if size > self.current]
        if not later or min(self._times[self.current]) > _SLOWER * best:
            self.settle()
        else:
            self.current = later[0]


def batch_size(
    model: Model,
    *,
    fixed: int | None = None,
    needs_gradient: bool = False,
    precision: str = "float32",
) -> BatchSize:
    """Return the size to work with: `fixed`, or what is remembered, or a search that begins."""
    if fixed is not None:
        return BatchSize([fixed])
    known = _searches.get(_key(model, needs_gradient, precision))
    size = copy.deepcopy(known) if known else BatchSize(_candidates(model, needs_gradient))
    size.halvings = []
    return size


def remember(
    model: Model, size: BatchSize, *, needs_gradient: bool = False, precision: str = "float32"
) -> None:
    """Keep how far the search came for this model on this device, until the process ends."""
    if not size.is_provisional:
        _searches[_key(model, needs_gradient, precision)] = copy.deepcopy(size)


def known_sizes(model: Model) -> dict[str, int]:
    """Return the settled sizes of a model on its device, by precision and direction in words."""
    own = model.fingerprint, str(model.device)
    return {k[2]: s.current for k, s in _searches.items() if k[:2] == own and s.is_settled}


def know_sizes(model: Model, sizes: dict[str, int]) -> None:
    """Work with the sizes of `known_sizes`, so that another process's work is gone on with."""
    for words, size in sizes.items():
        _searches[model.fingerprint, str(model.device), words] = BatchSize([size])


def best_batch_size(
    model: Model,
    *,
    needs_gradient: bool = False,
    images: Tensor | None = None,
    at_most: int = MANY,
) -> BatchSize:
    """Return how many images per pass are fastest on the model's device; timed once, then known.

    Args:
        model: Pixels to logits.
        needs_gradient: Whether a pass goes back to the pixels as well.
        images: Real images (N, 3, H, W) to time with, repeated as needed; None takes grey ones.
        at_most: How many there ever are at once: larger sizes are not worth their timing.
    """
    size = batch_size(model, needs_gradient=needs_gradient)
    if images is None or len(images) == 0:
        images = model.input.blank(1)
    began = time.perf_counter()
    with _passes(model, images, needs_gradient=needs_gradient) as one_pass:
        while not size.is_settled and (size.current <= at_most or not size.is_begun):
            for _ in in_batches(size, size.current, one_pass):
                pass
            if time.perf_counter() - began > _PROBE_SECONDS:
                size.settle()
    remember(model, size, needs_gradient=needs_gradient)
    if not size.is_settled:  # with more examples the search goes on
        size.settle()
        size.is_provisional = True
    return size


def seconds_per_image(model: Model, *, needs_gradient: bool = False) -> float:
    """Return the median time of a pass of the best size, per image; one of about a second."""
    images = model.input.blank(1)
    best_batch_size(model, needs_gradient=needs_gradient, images=images)
    size = batch_size(model, needs_gradient=needs_gradient)
    times: list[float] = []
    with _passes(model, images, needs_gradient=needs_gradient) as one_pass:
        while len(times) < _TIMED_PASSES or sum(times) < _TIMED_SECONDS:
            began = time.perf_counter()
            for _ in in_batches(size, size.current, one_pass):
                pass
            times.append(time.perf_counter() - began)
    return statistics.median(times) / size.current


@contextmanager
def _passes(
    model: Model, images: Tensor, *, needs_gradient: bool
) -> Iterator[Callable[[slice], Tensor]]:
    """Yield a function that sends the images of a part, repeated as needed, through the model."""
    images = images.to(model.device)
    goes_back = needs_gradient and model.has_gradients and model.kind == "picture"

    def one_pass(part: slice) -> Tensor:
        x = model.laid_out(images[torch.arange(part.start, part.stop) % len(images)])
        return _gradient_pass(model, x) if goes_back else model(x).cpu()

    network, gradients = model.network, torch.set_grad_enabled
    with frozen(network), channels_last(network), gradients(goes_back):
        yield one_pass


def in_batches(
    size: BatchSize, count: int, function: Callable[[slice], Part]
) -> Iterator[tuple[slice, Part]]:
    """Yield (part, function(part)) over `count` examples, in parts of the current size.

    Args:
        size: Learns from the time of each part and is halved when memory runs out.
        count: Number of examples.
        function: Must return values that are ready, so that its time is all there is.

    Raises:
        UsableError: a single example does not fit into memory.
    """
    start = 0
    while start < count:
        part = slice(start, start + _piece(size, count - start))
        began = time.perf_counter()
        try:
            result = function(part)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            size.halve()
            continue
        size.record(part.stop - part.start, time.perf_counter() - began)
        yield part, result
        start = part.stop


def _piece(size: BatchSize, left: int) -> int:
    """Return how many of those left are next: equal parts, once the size is settled."""
    if not size.is_settled:
        return min(size.current, left)
    parts = -(-left // size.current)
    return -(-left // parts)


def _gradient_pass(model: Model, x: Tensor) -> Tensor:
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(model(x).logsumexp(1).sum(), x)
    return gradient.cpu()


def _candidates(model: Model, needs_gradient: bool) -> list[int]:
    if model.kind == "text":  # their lengths differ, so no trial would compare them fairly
        return [_TEXTS.get(model.device.type, _TEXTS["cpu"])]
    low, high, most = _PIXELS.get(model.device.type, _PIXELS["cpu"])
    pixels = model.input_size[0] * model.input_size[1]
    sizes = [2**k for k in range(12) if low <= 2**k * pixels <= high and 2**k <= most]
    sizes = sizes or [1 if pixels > high else most]
    return sizes[:-1] if needs_gradient and len(sizes) > 1 else sizes  # activations are kept


def _key(model: Model, needs_gradient: bool, precision: str) -> tuple[str, str, str]:
    return model.fingerprint, str(model.device), f"{precision} gradient={needs_gradient}"


def is_out_of_memory(error: RuntimeError) -> bool:
    """Tell whether an error of torch says that memory ran out."""
    text = str(error)
    return isinstance(error, torch.OutOfMemoryError) or (
        "can't allocate memory" in text or "not enough memory" in text
    )
