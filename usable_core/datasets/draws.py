"""Which examples belong together: parts and samples stratified by class, the same under a seed."""

import hashlib

import numpy as np


def stratified_parts(
    targets: np.ndarray, fractions: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Return disjoint indices (sorted) per part, each class divided by `fractions`.

    The fractions sum to 1; what rounding leaves over of a class goes to the first part. A class
    with at least as many members as there are parts has at least one in each.
    """
    generator = np.random.default_rng(seed)
    parts: dict[str, list[int]] = {name: [] for name in fractions}
    first, *others = fractions
    for label in np.unique(targets):
        members = generator.permutation(np.flatnonzero(targets == label))
        least = 1 if len(members) >= len(fractions) else 0
        start = 0
        for name in reversed(others):
            size = max(int(fractions[name] * len(members) + 1e-9), least)
            parts[name].extend(members[start : start + size])
            start += size
        parts[first].extend(members[start:])
    return {name: np.sort(np.array(p, dtype=np.int64)) for name, p in parts.items()}


def together(
    targets: np.ndarray, hashes: np.ndarray, fractions: dict[str, float], seed: int
) -> dict[str, np.ndarray]:
    """Return `stratified_parts` of the different pictures: those of one hash are in one part."""
    _, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    classes = targets[first].copy()
    np.minimum.at(classes, group, targets)  # whichever comes first, where labels contradict
    parts = stratified_parts(classes, fractions, seed)
    return {name: np.flatnonzero(np.isin(group, groups)) for name, groups in parts.items()}


def stratified_sample(targets: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Return exactly `limit` indices (sorted); each class has its share, up to one example."""
    generator = np.random.default_rng(seed)
    chosen: list[int] = []
    leftover: list[int] = []
    for label in np.unique(targets):
        members = generator.permutation(np.flatnonzero(targets == label))
        size = len(members) * limit // len(targets)
        chosen.extend(members[:size])
        if len(members) * limit % len(targets):
            leftover.append(members[size])
    filling = generator.permutation(np.array(leftover, dtype=np.int64))[: limit - len(chosen)]
    return np.sort(np.concatenate([np.array(chosen, dtype=np.int64), filling]))


def nested_order(targets: np.ndarray, hashes: np.ndarray, seed: int) -> np.ndarray:
    """Return all indices so that the first of them, however many, are stratified by class.

    Example r of n of its class, in an order that the hashes and the seed draw, comes at r / n.
    """
    drawn = [hashlib.sha256(f"{seed} {one}".encode()).hexdigest() for one in hashes]
    keys, place = np.array(drawn), np.zeros(len(targets))
    for label in np.unique(targets):
        members = np.flatnonzero(targets == label)
        ordered = members[np.argsort(keys[members], kind="stable")]
        place[ordered] = np.arange(len(members)) / len(members)
    return np.lexsort((keys, place))
