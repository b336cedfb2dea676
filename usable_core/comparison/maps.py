"""Agreement of maps of one image: between methods of a backbone, or between backbones."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usable_core.catalog import lookup
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.evidence import Floats
from usable_core.evaluations.explained import Explanation
from usable_core.metrics.agreement import (
    TOP,
    consensus,
    disagreement,
    rank_correlations,
    sign_agreements,
    top_overlaps,
)
from usable_core.records import to_json

Table = tuple[Floats, ...]


@dataclass(frozen=True)
class ComparedMap:
    """One of the maps that are compared.

    Attributes:
        name: The method or the backbone.
        credits: Credit of each superpixel (S,).
        is_signed: Whether it tells for from against; otherwise credits are magnitudes.
        settled: Superpixels (S,) whose sign is settled; None where no Monte Carlo error is known.
    """

    name: str
    credits: NDArray[np.float64]
    is_signed: bool = True
    settled: tuple[bool, ...] | None = None


@dataclass(frozen=True)
class MapAgreement:
    """How far maps agree on the same superpixels; NaN where a map is constant, so has no order.

    Attributes:
        names: The maps (M,).
        rank_correlation: Spearman (M, M), signed; of magnitudes with a map that has no signs.
        sign_agreement: Share of superpixels of one sign (M, M), of those whose sign is settled; NaN
            with a map that has no signs.
        top_overlap: Share of the `top` highest superpixels in common (M, M).
        top: How many those are.
        consensus: Mean of the maps (S,), each divided by its own largest magnitude: in [-1, 1].
        disagreement: Their standard deviation (S,), scaled likewise: in [0, 1].
        consensus_of: The maps that these two are made of: those with signs where at least one has
            them, for magnitudes cannot be added to what has a sign.
    """

    names: tuple[str, ...]
    rank_correlation: Table
    sign_agreement: Table
    top_overlap: Table
    top: int
    consensus: Floats
    disagreement: Floats
    consensus_of: tuple[str, ...]

    @property
    def mean_rank_correlation(self) -> float:
        """Return the mean over the pairs that have one; NaN without any."""
        table = np.asarray(self.rank_correlation)
        pairs = table[np.triu_indices(len(self.names), k=1)]
        known = pairs[~np.isnan(pairs)]
        return float(known.mean()) if known.size else float("nan")

    def summary(self) -> dict[str, Any]:
        """Return every number as JSON."""
        found: dict[str, Any] = to_json(self)
        found["mean_rank_correlation"] = to_json(self.mean_rank_correlation)
        return found


def compared_map(name: str, explanation: Explanation) -> ComparedMap:
    """Return a map as the credits of its superpixels, as its method's row says.

    Args:
        name: What it is called among the others.
        explanation: The map, on superpixels.

    Raises:
        UnknownName: no such method.
    """
    row = lookup(EXPLAINERS, "explanation method", str(explanation.method))
    stability = explanation.stability
    settled = None if stability is None else stability.is_settled
    return ComparedMap(name, explanation.credits, row.is_signed, settled)


def with_agreement(explanations: Sequence[Explanation]) -> tuple[Explanation, ...]:
    """Return maps of one image on the same superpixels with their `agreement`.

    It is the mean rank correlation with the others that have an order; None without any.
    """
    if len(explanations) < 2:
        return tuple(explanations)
    maps = [compared_map(str(one.method), one) for one in explanations]
    table = np.array(compare_maps(maps).rank_correlation)
    np.fill_diagonal(table, np.nan)
    known = [row[~np.isnan(row)] for row in table]
    return tuple(
        replace(one, agreement=float(others.mean()) if others.size else None)
        for one, others in zip(explanations, known, strict=True)
    )


def compare_maps(maps: Sequence[ComparedMap], *, top: int = TOP) -> MapAgreement:
    """Return how far maps on the same superpixels agree, and what they say together.

    Args:
        maps: At least one; all of as many superpixels.
        top: How many of the highest superpixels are compared.

    Raises:
        ValueError: there is none, or they are not on the same superpixels.
    """
    sizes = {len(one.credits) for one in maps}
    if len(sizes) != 1:
        raise ValueError(f"maps must be on the same superpixels, but are on {sorted(sizes)}")
    credits = [np.asarray(one.credits, dtype=np.float64) for one in maps]
    is_signed = [one.is_signed for one in maps]
    settled = [None if one.settled is None else np.asarray(one.settled) for one in maps]
    together = [i for i, signed in enumerate(is_signed) if signed or not any(is_signed)]
    shown = [credits[i] for i in together]
    return MapAgreement(
        names=tuple(one.name for one in maps),
        rank_correlation=_table(rank_correlations(credits, is_signed)),
        sign_agreement=_table(sign_agreements(credits, is_signed, settled)),
        top_overlap=_table(top_overlaps(credits, is_signed, top)),
        top=min(top, sizes.pop()),
        consensus=tuple(consensus(shown).tolist()),
        disagreement=tuple(disagreement(shown).tolist()),
        consensus_of=tuple(maps[i].name for i in together),
    )


def on_shared(
    maps: Sequence[ComparedMap], superpixels: Sequence[NDArray[np.int32]]
) -> tuple[list[ComparedMap], NDArray[np.int32]]:
    """Return the maps on the superpixels that all of them have, and which those are (K,).

    Args:
        maps: At least one, each of its own superpixels (S,).
        superpixels: Which of the picture's they are (S,), for each map: see `shared_superpixels`.
    """
    shared = functools.reduce(np.intersect1d, superpixels)
    found = []
    for one, numbers in zip(maps, superpixels, strict=True):
        places = np.flatnonzero(np.isin(numbers, shared))
        settled = None if one.settled is None else tuple(one.settled[place] for place in places)
        found.append(replace(one, credits=one.credits[places], settled=settled))
    return found, shared


def _table(numbers: NDArray[np.float64]) -> Table:
    return tuple(tuple(row) for row in numbers.tolist())
