"""Random numbers of one seed per example: the same in any batch, in any order, on any device.

Counter based (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): the k-th number
is a hash of the seed, the stream and k, so nothing is drawn in turn and every device can compute it
by itself. The hash is two rounds of a 32-bit integer mixer, keyed by a 64-bit mix of the seed. On a
processor it is worked out by NumPy in pieces that stay in the cache; the numbers are the same.
"""

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_PIECE = 2**14  # numbers at once on a processor: two arrays of 64 KB
_UNIT = 2.0**-24  # spacing of the uniform numbers: what a float32 holds exactly


def example_seeds(ids: Sequence[str], seed: int) -> Tensor:
    """Return one seed per example (N,) int64, from its identity and not from its place."""
    return torch.tensor([seed_of(seed, identity) for identity in ids], dtype=torch.int64)


def seed_of(seed: int, *counters: str | int) -> int:
    """Return the seed (63 bits) of one of many draws, such as that of a step of a training."""
    said = ":".join(str(part) for part in (seed, *counters))
    return int.from_bytes(hashlib.sha256(said.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *counters: str | int) -> torch.Generator:
    """Return a generator on the processor for one of many draws, whatever was drawn before."""
    return torch.Generator().manual_seed(seed_of(seed, *counters))


def seed_drawing(device: torch.device, seed: int) -> None:
    """Seed the generators that networks on a device draw from, such as those of dropout.

    They are then as after `torch.manual_seed`, which also tells devices that take no part: of a
    CUDA that is never used it notes who called, at more time than a small head's whole step.
    """
    torch.default_generator.manual_seed(seed)
    if device.type != "cpu":
        torch.get_device_module(device).manual_seed(seed)


def uniform(seeds: Tensor, shape: Sequence[int], stream: Tensor | int = 0) -> Tensor:
    """Return numbers (N, *shape) float32 in (0, 1), never the ends.

    Args:
        seeds: One per example (N,) int64; the numbers are made on its device.
        shape: Of one example's numbers.
        stream: Which of an example's independent streams, for all or per example (N,) int64.
    """
    bits = _bits(seeds, math.prod(shape), stream)
    return bits.float().add_(0.5).mul_(_UNIT).view(len(seeds), *shape)


def signs(seeds: Tensor, shape: Sequence[int], stream: Tensor | int = 0) -> Tensor:
    """Return numbers (N, *shape) float32 that are −1 or 1; arguments as for `uniform`."""
    bits = _bits(seeds, math.prod(shape), stream)
    return (bits & 1).float().mul_(2).sub_(1).view(len(seeds), *shape)


def normal(seeds: Tensor, shape: Sequence[int], stream: Tensor | int = 0) -> Tensor:
    """Return numbers (N, *shape) float32 of mean 0 and variance 1; arguments as for `uniform`.

    Reference: Box & Muller 1958.
    """
    count = math.prod(shape)
    half = -(-count // 2)
    both = uniform(seeds, (2, half), stream)
    in_cache = seeds.device.type == "cpu"
    step = _PIECE if in_cache else max(half, 1)
    for part in both if in_cache else (both,):
        for start in range(0, half, step):
            _box_muller(part[..., start : start + step])
    return both.view(len(seeds), 2 * half)[:, :count].reshape(len(seeds), *shape)


def _box_muller(both: Tensor) -> None:
    """Turn pairs of uniform numbers (..., 2, K) into pairs of normal ones, in place."""
    first, second = both.unbind(-2)
    radius = first.log().mul_(-2).sqrt_()
    angle = second * (2 * math.pi)
    torch.mul(radius, angle.cos(), out=first)
    torch.mul(radius, angle.sin_(), out=second)


def _bits(seeds: Tensor, count: int, stream: Tensor | int) -> Tensor:
    """Return 24 random bits (N, count) int32."""
    key = _mix64(seeds ^ _mix64(torch.as_tensor(stream, device=seeds.device) + _GOLDEN))
    low = (key & 0xFFFFFFFF).to(torch.int64)
    high = (key >> 32) & 0xFFFFFFFF
    low, high = (_as_int32(part)[:, None] for part in (low, high))
    if seeds.device.type == "cpu":
        return _bits_on_processor(low, high, count)
    counter = torch.arange(count, dtype=torch.int32, device=seeds.device)
    found = _mix32(counter[None] + low).bitwise_xor_(high)
    found = _mix32(found)
    return found.bitwise_right_shift_(8).bitwise_and_(0xFFFFFF)


def _bits_on_processor(low: Tensor, high: Tensor, count: int) -> Tensor:
    """Return what `_bits` returns, from both halves of the keys (N, 1) int32."""
    lows, highs = (part.numpy().view(np.uint32)[:, 0] for part in (low, high))
    found = np.empty((len(lows), count), np.uint32)
    counter, room = np.arange(min(count, _PIECE), dtype=np.uint32), np.empty(_PIECE, np.uint32)
    for start in range(0, count, _PIECE):
        for row, first, second in zip(found, lows, highs, strict=True):
            z = row[start : start + _PIECE]
            np.add(counter[: len(z)], np.uint32((int(first) + start) % 2**32), out=z)
            _mix32_in_place(z, room[: len(z)])
            np.bitwise_xor(z, second, out=z)
            _mix32_in_place(z, room[: len(z)])
            np.right_shift(z, 8, out=z)
    return torch.from_numpy(found.view(np.int32))


def _as_int32(value: Tensor) -> Tensor:
    """Return the low 32 bits as a signed number."""
    return torch.where(value >= 2**31, value - 2**32, value).to(torch.int32)


def _signed(value: int, bits: int) -> int:
    return value - 2**bits if value >= 2 ** (bits - 1) else value


_GOLDEN = _signed(0x9E3779B97F4A7C15, 64)  # 2**64 / golden ratio (Knuth)
# Steele, Lea & Flood 2014 (splitmix64), and Wellons' `lowbias32`.
_SPLITMIX = _signed(0xBF58476D1CE4E5B9, 64), _signed(0x94D049BB133111EB, 64)
_LOWBIAS = _signed(0x7FEB352D, 32), _signed(0x846CA68B, 32)


def _mix64(z: Tensor) -> Tensor:
    """Return a hash of int64 numbers; multiplication wraps, shifts fill with zeros."""
    z = (z ^ ((z >> 30) & (2**34 - 1))) * _SPLITMIX[0]
    z = (z ^ ((z >> 27) & (2**37 - 1))) * _SPLITMIX[1]
    return z ^ ((z >> 31) & (2**33 - 1))


def _mix32(z: Tensor) -> Tensor:
    """Return a hash of int32 numbers, in place."""
    z.bitwise_xor_((z >> 16) & 0xFFFF).mul_(_LOWBIAS[0])
    z.bitwise_xor_((z >> 15) & 0x1FFFF).mul_(_LOWBIAS[1])
    return z.bitwise_xor_((z >> 16) & 0xFFFF)


def _mix32_in_place(z: NDArray[np.uint32], room: NDArray[np.uint32]) -> None:
    """Turn numbers (K,) into what `_mix32` returns, with `room` for K more."""
    for shift, factor in ((16, _LOWBIAS[0]), (15, _LOWBIAS[1]), (16, None)):
        np.right_shift(z, shift, out=room)
        np.bitwise_xor(z, room, out=z)
        if factor is not None:
            np.multiply(z, np.uint32(factor % 2**32), out=z)
