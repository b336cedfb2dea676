"""Where a model fails: the slices of the examples on which it is worse than on the rest.

Single conditions and pairs of two are searched. Each slice has an exact test against the rest
(Fisher); a pair must also be worse than what is left of either of its two conditions, so that it is
no mere part of a slice that is known. All p-values are corrected for the number searched (Holm),
which holds whatever the slices have in common: where nothing is wrong with any slice, one is named
in at most 5 % of cases.

Reference: Fisher 1935; Holm 1979; the search is that of Chung et al. 2019, "Slice Finder", ICDE,
whose correction is for a stream of hypotheses.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.metrics.arrays import Floats, Indices, Masks
from usable_core.metrics.excess import excess_p
from usable_core.metrics.intervals import CONFIDENCE, Proportion, exact
from usable_core.metrics.paired import holm
from usable_core.records import to_json
from usable_core.verdicts.conditions import Condition, Features, conditions, features_of

LEAST = 10  # examples in a slice, and outside of it
LEVEL = 1 - CONFIDENCE
MOST = 10  # slices that are named
MOST_FOUND = 300  # that are compared with each other
ALIKE = 0.5  # of the examples of two slices in both: they are then one finding


@dataclass(frozen=True)
class Slice:
    """Some of the examples, with how often the model is right there.

    Attributes:
        conditions: What they have in common, one condition or two.
        found: The share that is right; its interval holds together with those of all slices that
            were searched.
        elsewhere: The share that is right on all other examples.
        p: Of the exact test, as if nothing else had been looked at.
        p_corrected: Corrected for the number searched.
    """

    conditions: tuple[Condition, ...]
    found: Proportion
    elsewhere: Proportion
    p: float
    p_corrected: float

    @property
    def text(self) -> str:
        """Return what they have in common, in words."""
        return " and ".join(condition.text for condition in self.conditions)

    @property
    def sentence(self) -> str:
        """Return the finding: `brightness below 0.2: 61 % of 84 (45 to 75 %), elsewhere 93 %`."""
        low, high = (f"{100 * end:.0f}" for end in (self.found.low, self.found.high))
        return (
            f"{self.text}: {100 * self.found.value:.0f} % of {self.found.n:,} ({low} to {high} %), "
            f"elsewhere {100 * self.elsewhere.value:.0f} %"
        )

    @property
    def p_text(self) -> str:
        """Return the corrected p-value as it is written."""
        return "below 1e-10" if self.p_corrected < 1e-10 else f"{self.p_corrected:.2g}"

    def members(self, result: AccuracyResult) -> Masks:
        """Return which examples of an answer are in it (N,); none where that is not recorded."""
        features = features_of(result)
        if not all(condition.column in features for condition in self.conditions):
            return np.zeros(result.n, dtype=bool)
        return _members(self.conditions, features)


@dataclass(frozen=True)
class Slices:
    """What a search found.

    Attributes:
        worst: The slices that are shown to be worse than the rest, those first where most is lost.
        searched: How many slices were tested.
        columns: What they were made of.
        n: Examples.
        least: Smallest number of examples in a slice.
    """

    worst: tuple[Slice, ...]
    searched: int
    columns: tuple[str, ...]
    n: int
    least: int

    @property
    def sentence(self) -> str:
        """Return the finding in one sentence."""
        if not self.searched:
            return (
                f"No slice has {self.least} of the {self.n:,} examples inside and outside: too few "
                "to search."
            )
        if not self.worst:
            return f"None of {self.searched:,} slices is shown to be worse than the rest."
        words = "is" if len(self.worst) == 1 else "are"
        return (
            f"{len(self.worst)} of {self.searched:,} slices {words} shown to be worse than the "
            f"rest; most is lost where {self.worst[0].sentence}."
        )

    def summary(self) -> dict[str, Any]:
        """Return the finding as JSON, each slice with its words."""
        worst = [{"text": one.text, **to_json(one)} for one in self.worst]
        return {"sentence": self.sentence, **to_json(self), "worst": worst}


def worst_of(result: AccuracyResult, *, least: int = LEAST) -> Slices:
    """Return the slices on which a model is shown to be worse than on the rest.

    Args:
        result: The answer.
        least: Smallest number of examples in a slice, and outside of it.
    """
    features = features_of(result)
    search = _Search(features, ~result.correct, least)
    return Slices(search.worst(), len(search.p), tuple(features), result.n, least)


class _Search:
    """Every slice with at least some examples inside and outside, and its exact test."""

    def __init__(self, features: Features, is_wrong: Masks, least: int) -> None:
        self.features, self.is_wrong = features, is_wrong
        singles = list(conditions(features))
        masks = [single.holds(features) for single in singles]
        sizes = [int(mask.sum()) for mask in masks]
        n = len(is_wrong)
        kept = [i for i, size in enumerate(sizes) if least <= size <= n - least]
        self.singles = [singles[i] for i in kept]
        self.masks = np.array([masks[i] for i in kept], dtype=bool).reshape(len(kept), n)
        self.pairs, sizes_of_pairs, wrong_of_pairs = self._pairs(least)
        size, wrong = self.masks.sum(axis=1), (self.masks & is_wrong).sum(axis=1)
        total = np.array(n), np.array(is_wrong.sum())
        of_pairs = excess_p(*total, sizes_of_pairs, wrong_of_pairs)
        for one in self.pairs.T:  # within either of its conditions, too
            p = excess_p(size[one], wrong[one], sizes_of_pairs, wrong_of_pairs)
            of_pairs = np.maximum(of_pairs, p)
        self.p: Floats = np.concatenate([excess_p(*total, size, wrong), of_pairs])

    def _pairs(self, least: int) -> tuple[Indices, Indices, Indices]:
        """Return the pairs (P, 2) of conditions, their examples (P,) and the wrong ones (P,)."""
        from scipy.sparse import csr_array  # here, for scipy costs every page's start 0.3 s

        table = csr_array(self.masks, dtype=np.float32)
        size_of = np.triu((table @ table.T).toarray().astype(np.int64), k=1)
        wrong = csr_array(self.masks & self.is_wrong, dtype=np.float32)
        wrong_of = (table @ wrong.T).toarray().astype(np.int64)
        column = np.unique([single.column for single in self.singles], return_inverse=True)[1]
        size = self.masks.sum(axis=1)
        is_kept = (size_of >= least) & (size_of < np.minimum.outer(size, size))
        first, second = np.nonzero(is_kept & (column[:, None] != column))
        return np.stack([first, second], axis=1), size_of[first, second], wrong_of[first, second]

    def worst(self) -> tuple[Slice, ...]:
        """Return the slices that are shown to be worse, each finding once."""
        corrected = holm(self.p.tolist())
        shown = np.flatnonzero(corrected <= LEVEL)
        shown = shown[np.argsort(self.p[shown], kind="stable")][:MOST_FOUND]
        kept: list[tuple[Slice, Masks]] = []
        seen = set[tuple[object, ...]]()
        for place in shown:
            parts = self._conditions(int(place))
            key = tuple(
                (c.column, c.relation, c.value if c.relation == "is" else "") for c in parts
            )
            mask = _members(parts, self.features)
            if key in seen or any(_overlap(mask, other) > ALIKE for _, other in kept):
                continue
            seen.add(key)
            kept.append((self._slice(parts, mask, int(place), corrected), mask))
        found = [one for one, _ in kept]
        return tuple(sorted(found, key=_lost, reverse=True)[:MOST])

    def _conditions(self, place: int) -> tuple[Condition, ...]:
        if place < len(self.singles):
            return (self.singles[place],)
        return tuple(self.singles[i] for i in self.pairs[place - len(self.singles)])

    def _slice(
        self, parts: tuple[Condition, ...], mask: Masks, place: int, corrected: Floats
    ) -> Slice:
        right = ~self.is_wrong
        confidence = 1 - LEVEL / len(self.p)
        found, elsewhere = (
            exact(int(right[rows].sum()), int(rows.sum()), confidence) for rows in (mask, ~mask)
        )
        return Slice(parts, found, elsewhere, float(self.p[place]), float(corrected[place]))


def _members(parts: Sequence[Condition], features: Features) -> Masks:
    found: NDArray[np.bool_] = np.logical_and.reduce([part.holds(features) for part in parts])
    return found


def _overlap(first: Masks, second: Masks) -> float:
    return float((first & second).sum() / (first | second).sum())


def _lost(one: Slice) -> float:
    """Return how many answers are wrong that would be right if it were as good as elsewhere."""
    return one.found.n * (one.elsewhere.value - one.found.value)
