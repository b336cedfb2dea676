"""Several candidates side by side: which may be the best, how likely each is, who is dominated.

Every number is a function of what is kept here: each candidate's numbers, and how their errors
hang together, from the examples' own outcomes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from usable_core.metrics import trade_offs
from usable_core.metrics.arrays import Floats
from usable_core.metrics.shrinkage import chances, possible_values
from usable_core.records import to_json
from usable_core.verdicts.standing import Standing, chance_text

DOMINATED = 0.05  # a candidate that is on the front less often is called dominated


@dataclass(frozen=True)
class AxisStanding:
    """Where the candidates stand in one number, in which higher is better.

    Attributes:
        name: A key of `comparison.axes.AXES`.
        title: As people call it, in the middle of a sentence.
        standing: Where each stands.
    """

    name: str
    title: str
    standing: Standing


@dataclass(frozen=True)
class Candidates:
    """Several candidates side by side.

    Attributes:
        names: As people call them; those that could be compared.
        axes: What they are compared on, what decides first.
        covariance: Of the errors of their numbers, axis by axis.
        notes: Sentences on who or what is left out.
        models: Their references, which decide how each looks; empty where an older version asked.
    """

    names: tuple[str, ...]
    axes: tuple[AxisStanding, ...]
    covariance: tuple[tuple[float, ...], ...]
    notes: tuple[str, ...] = ()
    models: tuple[str, ...] = ()

    @cached_property
    def values(self) -> Floats:
        """Return the numbers (A, K)."""
        return np.array([[one.value for one in axis.standing.values] for axis in self.axes])

    @cached_property
    def drawn(self) -> Floats:
        """Return draws (D, A, K) of what the true numbers may be, shrunken."""
        return possible_values(self.values, np.asarray(self.covariance))

    def chances(self, axis: int) -> Floats:
        """Return how likely each candidate (K,) is the best on an axis."""
        return chances(self.drawn[:, axis])

    @cached_property
    def front(self) -> tuple["Place", ...]:
        """Return, per candidate, whether another is at least as good everywhere and better once."""
        over = trade_offs.dominators(self.values)
        on_front = trade_offs.front_chances(self.drawn)
        nearest = over & ~over.any(axis=1)  # those that nobody dominates in turn
        return tuple(
            Place(float(on_front[k]), tuple(self.names[j] for j in np.flatnonzero(nearest[k])))
            for k in range(len(self.names))
        )

    def first(self, weights: Mapping[str, float] | None = None) -> Floats:
        """Return how likely each candidate (K,) is first by the weighted mean of its numbers.

        Args:
            weights: By the axes' names, 0 or more and not all 0; all alike where not given.
        """
        return trade_offs.weighted_chances(self.drawn, self.weights(weights))

    def first_along(self, axis: int, shares: Floats, weights: Mapping[str, float]) -> Floats:
        """Return how likely each is first (S, K) while an axis takes shares (S,) of the weight."""
        return trade_offs.along_one_weight(self.drawn, self.weights(weights), axis, shares)

    @cached_property
    def first_over_all_weights(self) -> Floats:
        """Return how likely each candidate (K,) is first where nothing is known of the weights."""
        return trade_offs.acceptability(self.drawn)

    @cached_property
    def shares_of_weights(self) -> Floats:
        """Return for which share of all weights each candidate (K,) is first, as measured."""
        return trade_offs.shares_of_weights(self.values)

    def weights(self, weights: Mapping[str, float] | None) -> Floats:
        """Return the weight of each axis (A,), with the sum 1."""
        given = np.array([1.0 if weights is None else weights[axis.name] for axis in self.axes])
        if not (given >= 0).all() or given.sum() <= 0:
            raise ValueError(f"weights must be 0 or more and not all 0, but are {weights}")
        return np.asarray(given / given.sum())

    @cached_property
    def sentence(self) -> str:
        """Return which set the best is in, how likely the first is, and who is dominated."""
        if not self.axes:
            return "The candidates cannot be compared."
        best = self.axes[0]
        said = best.standing.sentence(self.names, best.title, self.chances(0).tolist())
        behind = [n for n, at in zip(self.names, self.front, strict=True) if at.is_behind]
        if not behind:
            return said
        if len(behind) == 1:
            place = self.names.index(behind[0])
            by = self.front[place].dominated_by[0]
            return f"{said} {behind[0]} is dominated by {by}, which is no worse on any axis."
        named = " and ".join(behind) if len(behind) == 2 else f"{len(behind)} candidates"
        return f"{said} {named} are dominated: for each, another is no worse on any axis."

    def summary(self) -> dict[str, Any]:
        """Return all of it as JSON."""
        found: dict[str, Any] = to_json(
            {
                "sentence": self.sentence,
                "axes": [self._axis(place) for place in range(len(self.axes))],
                "models": self._models() if self.axes else [],
                "notes": self.notes,
            }
        )
        return found

    def _axis(self, place: int) -> dict[str, Any]:
        axis = self.axes[place]
        at = axis.standing
        chance = [math.nan if at.is_too_close else p for p in self.chances(place)]
        return {
            "axis": axis.name,
            "title": axis.title,
            "n": at.n,
            "best": [self.names[k] for k in at.best],
            "examples_to_separate": at.examples,
            "models": [
                {
                    "name": name,
                    "value": at.values[k].value,
                    "low": at.values[k].low,
                    "high": at.values[k].high,
                    "group": at.groups[k],
                    "chance_first": chance[k],
                }
                for k, name in enumerate(self.names)
            ],
        }

    def _models(self) -> list[dict[str, Any]]:
        """Return where each candidate stands in all axes together."""
        weighed = self.first()
        return [
            {
                "name": name,
                "dominated_by": at.dominated_by,
                "chance_on_front": at.chance,
                "first_with_equal_weights": weighed[k],
                "first_over_all_weights": self.first_over_all_weights[k],
            }
            for k, (name, at) in enumerate(zip(self.names, self.front, strict=True))
        ]


@dataclass(frozen=True)
class Place:
    """Where one candidate is beside the Pareto front.

    Attributes:
        chance: How likely no other dominates it.
        dominated_by: Names of those on the front whose measured numbers do.
    """

    chance: float
    dominated_by: tuple[str, ...]

    @property
    def is_behind(self) -> bool:
        """Tell whether it is dominated beyond doubt."""
        return bool(self.dominated_by) and self.chance < DOMINATED

    @property
    def words(self) -> str:
        """Return it in a few words."""
        if not self.dominated_by:
            return f"on the front ({chance_text(self.chance)})"
        by = self.dominated_by[0]
        if self.is_behind:
            return f"dominated by {by}"
        return f"behind {by}, not shown (on the front: {chance_text(self.chance)})"
