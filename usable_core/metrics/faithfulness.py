"""Orders in which superpixels are hidden or shown, and curves on the true share of the pixels.

Reference: Petsiuk et al. 2018, arXiv:1806.07421 (deletion and insertion).
"""

import numpy as np

from usable_core.metrics.arrays import Floats, Indices, Masks, Segments

Order = Indices

STEPS = 20


def credit_order(credits: Floats, sizes: Floats, *, is_signed: bool, seed: int = 0) -> Order:
    """Return superpixels (S,) by their credit per pixel, highest first.

    Per pixel, for pixels are the axis of the curves: it is the order of the smallest area of a
    model that adds credits up (Smith 1956's rule). Ties are broken by lot, so that a map without
    an order is as good as chance.

    Args:
        credits: Credit of each superpixel (S,).
        sizes: Its pixels (S,).
        is_signed: Whether the credits have signs; otherwise magnitudes count.
        seed: Of the lot.
    """
    density = (credits if is_signed else np.abs(credits)) / sizes
    lot = np.random.default_rng(seed).permutation(len(credits))
    return np.asarray(lot[np.argsort(-density[lot], kind="stable")])


def centre_order(segments: Segments) -> Order:
    """Return superpixels (S,) from the picture's centre outwards, by their mean distance."""
    height, width = segments.shape
    rows, columns = np.indices(segments.shape)
    distance = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    places = segments.ravel()
    mean = np.bincount(places, weights=distance.ravel()) / np.bincount(places)
    return np.argsort(mean, kind="stable")


def plain_order(segments: Segments) -> Order:
    """Return segments (S,) as they are taken by who knows nothing of what they hold.

    From the centre outwards in a picture; one after the other in a text, whose words are one row.
    """
    return np.arange(segments.size) if len(segments) == 1 else centre_order(segments)


def random_orders(superpixels: int, count: int, seed: int) -> list[Order]:
    """Return `count` random orders of superpixels, the same under a seed."""
    generator = np.random.default_rng(seed)
    return [generator.permutation(superpixels) for _ in range(count)]


def cuts(order: Order, sizes: Floats, steps: int = STEPS) -> tuple[Order, Floats]:
    """Return after how many superpixels a curve is read (K,), and the share of pixels then (K,).

    Those whose shares are nearest to 0, 1/steps, …, 1; both ends are always among them. With fewer
    superpixels than steps there are fewer points.
    """
    shares = np.concatenate([[0.0], np.cumsum(sizes[order]) / sizes.sum()])
    shares[-1] = 1.0
    wanted = np.linspace(0, 1, steps + 1)
    nearest = np.unique(np.abs(shares[:, None] - wanted).argmin(axis=0))
    return nearest, shares[nearest]


def changed(order: Order, counts: Order) -> Masks:
    """Return which superpixels are among the first of an order, (K, S) for counts (K,)."""
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return np.asarray(place < counts[:, None])


def read_at(fractions: Floats, outputs: Floats, wanted: Floats) -> Floats:
    """Return a curve (K,) at other fractions, straight between its points."""
    return np.asarray(np.interp(wanted, fractions, outputs))
