"""Which pictures are nearly equal: saved anew, cropped a little, mirrored, a little brighter.

A picture is described by the low frequencies of its thumbnail (a cosine transform), freed of mean
brightness and contrast. A mirror image has the same even horizontal frequencies and the negative of
the odd ones, so both are found in one pass. Crops are found by describing a few windows, too.

What is alike by nature, such as digits, is not a duplicate: the limit falls with the distance at
which the pictures of the data set usually have neighbours.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pairs = NDArray[np.int64]

# Distances are those of unit vectors: the square root of 2 − 2·cosine.
LARGEST = 0.12  # of near-equal pictures; planted ones reach 0.06 in 99 % (benchmarks/duplicates.py)
SMALLEST = 0.03  # however alike all pictures are; saved anew, 99 % stay within 0.014
USUAL_SHARE = 0.25  # of the usual distance; no digit is that near to another one
USUAL_NEIGHBOUR = 5  # the nearest ones may be copies
SAMPLE = 512  # pictures whose neighbours tell what is usual
LARGEST_OF_STRUCTURE = 0.35  # by luminance alone: two birds before the same blue are no duplicates
FREQUENCIES, COLOUR_FREQUENCIES, STRUCTURE_FREQUENCIES = 5, 2, 8
LEAST_CONTRAST = 2.0  # grey levels (standard deviation): below, there is nothing but noise
EDGE = 1 / 16  # of a side that is cut off: 2 of 32 pixels
# Left, top, right and bottom edges that are cut off; mirrored ones are found with them.
WINDOWS = ((0, 0, 0, 0), (1, 1, 1, 1), (1, 1, 0, 0), (1, 0, 0, 1), (0, 1, 1, 0), (0, 0, 1, 1))
MOST_PAIRS = 3_000_000  # that are held in memory
MOST_COMPARED = 1_000_000  # pairs of different pictures whose structure is compared
_COMPARED_AT_ONCE = 16_384
_ROWS, _COLUMNS = 512, 2048  # of a block of comparisons: it stays in the processor's cache
# Luminance and the two differences of colour, ITU-R BT.601.
_CHANNELS = np.array(
    [[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]], dtype=np.float32
)


def near_equal(thumbnails: NDArray[np.uint8]) -> Pairs | None:
    """Return the pairs (P, 2), first < second, of pictures that are equal or nearly so.

    None where these are too many, as of thousands of frames of one film.

    Args:
        thumbnails: (N, S, S, 3), each picture squeezed to a square.
    """
    channels = thumbnails.astype(np.float32) @ _CHANNELS.T
    has_structure = channels[..., 0].std(axis=(1, 2)) >= LEAST_CONTRAST
    places = np.flatnonzero(has_structure)
    if len(places) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    usual = _usual_distance(_described(channels[places], WINDOWS[0]))
    limit = float(np.clip(USUAL_SHARE * usual, SMALLEST, LARGEST))
    flat = np.ascontiguousarray(thumbnails[places].reshape(len(places), -1))
    _, first, group = np.unique(
        flat.view(f"V{flat.shape[1]}").ravel(), return_index=True, return_inverse=True
    )
    found = _pairs_within(channels[places[first]], limit)
    members = _of_all(found, group) if found is not None else None
    if members is None:
        return None
    first, second = np.sort(places[members], axis=1).T
    keys = np.sort(first * len(thumbnails) + second)  # each pair is there once
    return np.stack(np.divmod(keys, len(thumbnails)), axis=1)


def _pairs_within(channels: Floats, limit: float) -> Pairs | None:
    """Return the pairs (P, 2), some several times, within a distance; None of too many."""
    described = [_described(channels, window) for window in WINDOWS]
    found, count = [np.zeros((0, 2), dtype=np.int64)], 0
    for window, features in zip(WINDOWS, described, strict=True):
        for pairs in _close(features, described[0], limit):
            count += len(pairs)
            if count > MOST_COMPARED:
                return None
            for part in np.array_split(pairs, len(pairs) // _COMPARED_AT_ONCE + 1):
                found.append(part[_is_same_structure(channels, window, part)])
    return np.concatenate(found)


def _of_all(pairs: Pairs, group: NDArray[np.int64]) -> Pairs | None:
    """Return the pairs of members of groups that are pairs, and within groups; None of too many."""
    pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    sizes = np.bincount(group).astype(np.float64)
    if (sizes[pairs].prod(axis=1)).sum() + (sizes * (sizes - 1) / 2).sum() > MOST_PAIRS:
        return None
    order = np.argsort(group, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    members = [order[start:stop] for start, stop in pairwise(starts)]
    inside = [m[np.stack(np.triu_indices(len(m), 1), axis=1)] for m in members if len(m) > 1]
    is_plain = sizes[pairs].max(axis=1, initial=1) == 1
    across = [
        np.stack(np.meshgrid(members[a], members[b]), axis=-1).reshape(-1, 2)
        for a, b in pairs[~is_plain]
    ]
    return np.concatenate([order[starts[pairs[is_plain]]], *inside, *across])


@dataclass(frozen=True)
class _Features:
    """Unit vectors: those parts (N, E) that a mirror keeps and those (N, O) that it turns round."""

    even: Floats
    odd: Floats

    def take(self, rows: NDArray[np.int64]) -> "_Features":
        return _Features(self.even[rows], self.odd[rows])


def _described(
    channels: Floats, window: tuple[int, ...], *, is_structure: bool = False
) -> _Features:
    """Return the low frequencies of channels (N, S, S, 3) within a window."""
    left, top, right, bottom = window
    side = channels.shape[1]
    count = STRUCTURE_FREQUENCIES if is_structure else FREQUENCIES
    rows = _waves(side, count) @ _zoom(side, top, bottom)
    columns = _waves(side, count) @ _zoom(side, left, right)
    found = np.matmul(rows, channels.transpose(0, 3, 1, 2)) @ columns.T  # (N, 3, count, count)
    found[:, 0, 0, 0] = 0  # mean brightness
    colour = found[:, 1:, :COLOUR_FREQUENCIES, :COLOUR_FREQUENCIES]
    parts = [found[:, :1]] if is_structure else [found[:, :1], colour]
    even, odd = (
        np.concatenate([p[..., first::2].reshape(len(p), -1) for p in parts], axis=1)
        for first in (0, 1)
    )
    length = np.sqrt((even**2).sum(1) + (odd**2).sum(1))[:, None] + 1e-6
    return _Features(even / length, odd / length)


def _waves(side: int, count: int) -> Floats:
    """Return the first cosines (count, side) of an orthonormal transform (DCT-II)."""
    places = (np.arange(side) + 0.5) / side
    waves = np.sqrt(2 / side) * np.cos(np.pi * places * np.arange(count)[:, None])
    waves[0] /= np.sqrt(2)
    return np.asarray(waves, dtype=np.float32)


def _zoom(side: int, before: int, after: int) -> Floats:
    """Return the matrix (side, side) that stretches what is left between two edges, linearly."""
    start, stop = before * EDGE * side, (1 - after * EDGE) * side
    places = start + (np.arange(side) + 0.5) * (stop - start) / side - 0.5
    distances = np.abs(np.clip(places, 0, side - 1)[:, None] - np.arange(side))
    return np.asarray(np.maximum(0, 1 - distances), dtype=np.float32)


def _likeness(first: _Features, second: _Features, out: NDArray[np.float32]) -> Floats:
    """Return the cosine (A, B) of each of the first to each of the second, mirrored or not."""
    turned = np.matmul(first.odd, second.odd.T, out=out[0])
    kept = np.matmul(first.even, second.even.T, out=out[1])
    found: Floats = np.add(np.abs(turned, out=turned), kept, out=turned)
    return found


def _usual_distance(features: _Features) -> float:
    """Return how far the fifth neighbour usually is: the median of a sample of pictures."""
    count = len(features.even)
    sample = np.random.default_rng(0).permutation(count)[:SAMPLE]
    nearest = min(USUAL_NEIGHBOUR, count - 1)
    out = np.empty((2, len(sample), count), dtype=np.float32)
    likeness = _likeness(features.take(sample), features, out)
    likeness[np.arange(len(sample)), sample] = -np.inf
    cosines = np.partition(likeness, -nearest, axis=1)[:, -nearest]
    return float(np.median(np.sqrt(np.maximum(0, 2 - 2 * cosines))))


def _close(first: _Features, second: _Features, limit: float) -> Iterator[Pairs]:
    """Yield pairs (P, 2) of rows of the first and of the second within a distance of each other.

    Two vectors within the limit differ by no more in any one of their parts, so both are sorted by
    two of these, and few are compared.
    """
    coarse, fine = np.argsort(-second.even.var(axis=0))[:2]
    rows, row_strips = _sorted(first.even, coarse, fine, limit)
    columns, column_strips = _sorted(second.even, coarse, fine, limit)
    a, b = first.take(rows), second.take(columns)
    keys = b.even[:, fine]
    least = 1 - limit**2 / 2
    out = np.empty((2, _ROWS * _COLUMNS), dtype=np.float32)
    for strip in np.unique(row_strips):
        begin, end = np.searchsorted(row_strips, (strip, strip + 1))
        for start in range(begin, end, _ROWS):
            stop = min(start + _ROWS, end)
            block = a.take(np.arange(start, stop))
            low, high = block.even[0, fine] - limit, block.even[-1, fine] + limit
            for beside in (strip - 1, strip, strip + 1):
                left, right = np.searchsorted(column_strips, (beside, beside + 1))
                left, right = left + np.searchsorted(keys[left:right], (low, high))
                for at in range(left, right, _COLUMNS):
                    near = np.arange(at, min(at + _COLUMNS, right))
                    size = len(block.even) * len(near)
                    buffers = out[:, :size].reshape(2, -1, len(near))
                    likeness = _likeness(block, b.take(near), buffers)
                    if likeness.max() >= least:
                        i, j = np.nonzero(likeness >= least)
                        pairs = np.stack([rows[start + i], columns[at + j]], axis=1)
                        if (others := pairs[pairs[:, 0] != pairs[:, 1]]).size:
                            yield others


def _sorted(
    values: Floats, coarse: np.intp, fine: np.intp, width: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return an order of rows by strips of one column, then by another; and the sorted strips."""
    strips = np.floor(values[:, coarse] / width).astype(np.int64)
    order = np.lexsort((values[:, fine], strips))
    return order, strips[order]


def _is_same_structure(
    channels: Floats, window: tuple[int, ...], pairs: Pairs
) -> NDArray[np.bool_]:
    """Tell of which pairs (P,) luminance alone says the same."""
    first = _described(channels[pairs[:, 0]], window, is_structure=True)
    second = _described(channels[pairs[:, 1]], WINDOWS[0], is_structure=True)
    kept, turned = ((x * y).sum(1) for x, y in ((first.even, second.even), (first.odd, second.odd)))
    least = 1 - LARGEST_OF_STRUCTURE**2 / 2
    return np.asarray(kept + np.abs(turned) >= least)
