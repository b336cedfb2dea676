"""Which models of a comparison may be the best under one condition, and how likely each is."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from usable_core.comparison.pairs import Comparison
from usable_core.comparison.standings import errors_together, examples_for, placed
from usable_core.evaluations.result import Condition
from usable_core.metrics.arrays import Floats
from usable_core.metrics.classification import share
from usable_core.metrics.shrinkage import chances, possible_values
from usable_core.verdicts.standing import Standing


@dataclass(frozen=True)
class Leaders:
    """Where the models of a comparison stand under one condition.

    Attributes:
        names: Those that are ranked.
        short: What they are called.
        standing: Where each stands.
        chances: How likely each is the best, shrunken.
        sentence: Who may be the best, how likely the first is, and what would separate two.
    """

    names: tuple[str, ...]
    short: tuple[str, ...]
    standing: Standing
    chances: Floats
    sentence: str


def conditions_of(found: Comparison) -> list[Condition]:
    """Return every condition of a comparison, without what has no value."""
    rows = found.pairs[list(found.conditions)].drop_duplicates().to_dict("records")
    return [{name: value for name, value in row.items() if value == value} for row in rows]


def leaders(found: Comparison, condition: Condition) -> Leaders | None:
    """Return who may be the best under one condition; None where fewer than two are ranked."""
    pairs = found.pairs_under(condition)
    ranked = pairs[pairs["status"] != "unranked"]
    names = [n for n in found.names if n in {*ranked["first"], *ranked["second"]}]
    if len(names) < 2:
        return None
    outcomes = found.outcomes
    for column, value in condition.items():
        outcomes = outcomes[outcomes[column] == value]
    right = outcomes[names].to_numpy(dtype=np.float64)
    better = [
        (places[1], places[0]) if row["low"] > 0 else places
        for row in ranked.to_dict("records")
        for places in [(names.index(row["first"]), names.index(row["second"]))]
        if row["status"] == "better"
    ]
    own = [share(column > 0) for column in right.T]
    stand = placed(
        own,
        better,
        found.critical,
        n=len(right),
        needed=examples_for(right, found.critical),
    )
    errors = errors_together([(right, outcomes["index"].to_numpy())])
    chance = chances(possible_values(right.mean(axis=0)[None], errors)[:, 0])
    short = tuple(map(found.called, names))
    quantity = found.quantity({**dict.fromkeys(found.conditions), **condition})
    said = stand.sentence(short, quantity, chance.tolist())
    return Leaders(tuple(names), short, stand, chance, said)


def said_of_each(found: Comparison) -> Iterator[dict[str, object]]:
    """Yield, per condition under which models are ranked, who may be the best, as JSON takes it."""
    for condition in conditions_of(found):
        if (at := leaders(found, condition)) is not None:
            close = at.standing.is_too_close
            yield {
                **{str(name): value for name, value in condition.items()},
                "sentence": at.sentence,
                "best": [at.names[k] for k in at.standing.best],
                "examples_to_separate": at.standing.examples,
                "chance_first": None
                if close
                else dict(zip(at.names, at.chances.tolist(), strict=True)),
            }
