"""`compare`: which of several models is better on the same examples, and is that more than luck?

Every pair is joined by example, so the test and the interval are paired; the intervals hold
together for all pairs of the comparison under all conditions (budgets, corruptions), and Holm's
correction counts the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from usable_core.comparison.groups import groups
from usable_core.comparison.joining import (
    EXAMPLE,
    join,
    one_model_twice,
    outcomes,
    require_same_question,
)
from usable_core.comparison.names import distinct, short_names
from usable_core.comparison.simultaneous import critical_value, paired_interval
from usable_core.comparison.verdicts import order, status, unranked, upper_bounds, verdict
from usable_core.evaluations.result import Condition, Measured
from usable_core.metrics.classification import share
from usable_core.metrics.paired import holm, mcnemar_exact
from usable_core.records import to_json

Key = tuple[object, ...]  # the values of a condition, NaN as None


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        names: One per result, each once.
        short: What they are called in sentences and figures, each once.
        pairs: One row per pair and condition, within a condition what is shown first and then the
            best: epsilon (NaN where there is none; corruption and severity beside it where there
            are), first, second, n, accuracy_first, accuracy_second, lost (right in first, wrong in
            second), gained, difference (second − first) with low and high (which hold together for
            all rows), p (exact McNemar), p_holm, status (`better`, `equal` within a point,
            `undecided` or `unranked`), verdict.
        outcomes: One row per example that all results have and condition: index, id, label, then
            per name whether that model was right. `label` is a class name.
        notes: Sentences that a reader must know.
        conditions: Columns that say under which condition an outcome holds.
        critical: How many standard errors the intervals reach.
    """

    results: tuple[Measured, ...]
    names: tuple[str, ...]
    short: tuple[str, ...]
    pairs: pd.DataFrame
    outcomes: pd.DataFrame
    notes: tuple[str, ...]
    conditions: tuple[str, ...]
    critical: float

    def to_frame(self) -> pd.DataFrame:
        """Return `pairs`."""
        return self.pairs.copy()

    @property
    def table(self) -> pd.DataFrame:
        """Return one row per model and condition, of its own examples.

        Columns: model, the conditions, accuracy, low, high (of this number alone), n, group
        (letters: models that share one are not shown to differ; empty where they are not ranked).
        """
        rows = []
        letters = self._letters
        for name, result in zip(self.names, self.results, strict=True):
            found = outcomes(result, name)
            for values, at in found.groupby(list(self.conditions), dropna=False, sort=True):
                accuracy = astuple(share(at[name].to_numpy(dtype=bool)))
                rows.append((name, *values, *accuracy, letters.get((name, _key(values)), "")))
        columns = ["model", *self.conditions, "accuracy", "low", "high", "n", "group"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def relative(self) -> pd.DataFrame:
        """Return what is relative to the first model, such as mCE.

        Columns: model, reference, metric (a key of `METRICS`), value, low, high, n.
        """
        first, *others = zip(self.names, self.results, strict=True)
        rows = [
            (name, first[0], n.metric, *astuple(n.found))
            for name, result in others
            for n in result.relative_to(first[1])
        ]
        columns = ["model", "reference", "metric", "value", "low", "high", "n"]
        return pd.DataFrame(rows, columns=columns)

    def table_under(self, condition: Condition | None = None) -> pd.DataFrame:
        """Return the rows of `table` under one condition, or under all."""
        return _under(self.table, condition)

    def pairs_under(self, condition: Condition | None = None) -> pd.DataFrame:
        """Return the rows of `pairs` under one condition, or under all."""
        return _under(self.pairs, condition)

    def verdicts(self, condition: Condition | None = None) -> list[str]:
        """Return the sentence of each pair, under one condition or under all."""
        return list(self.pairs_under(condition)["verdict"])

    def said(self, condition: Condition) -> str:
        """Return a condition in words, such as `ε = 4/255`; empty where there is none."""
        return self.results[0].said(condition)

    def quantity(self, condition: Condition) -> str:
        """Return what was measured under a condition: `robust accuracy at ε = 4/255 (L∞, pgd)`."""
        return self.results[0].quantity(condition)

    def called(self, name: str) -> str:
        """Return the short name of a name."""
        return self.short[self.names.index(name)]

    def disagreements_under(self, condition: Condition | None = None) -> pd.DataFrame:
        """Return the rows of `outcomes` where some models are right and some wrong."""
        found = _under(self.outcomes, condition)
        right = found[list(self.names)].to_numpy(dtype=bool)
        return found[right.any(axis=1) & ~right.all(axis=1)].reset_index(drop=True)

    def apart(self, first: str, second: str, condition: Condition | None = None) -> pd.DataFrame:
        """Return the rows of `outcomes` where exactly one of two models is right.

        Args:
            first: One of `names`.
            second: Another.
            condition: Only under this condition; None for all.
        """
        found = _under(self.outcomes, condition)
        return found[found[first] != found[second]].reset_index(drop=True)

    @property
    def disagreements(self) -> pd.DataFrame:
        """Return the rows of `outcomes` where some models are right and some wrong."""
        return self.disagreements_under()

    def summary(self) -> dict[str, Any]:
        """Return models, pairs and notes as JSON, and what is relative where there is any."""
        models = [
            row | {"short_name": self.called(str(row["model"]))}
            for row in self.table.to_dict("records")
        ]
        found: dict[str, Any] = to_json(
            {
                "models": models,
                "pairs": self.pairs.to_dict("records"),
                "critical_value": self.critical,
                "notes": self.notes,
            }
        )
        relative = self.relative.to_dict("records")
        return found | ({"relative": to_json(relative)} if relative else {})

    @property
    def _letters(self) -> dict[tuple[str, Key], str]:
        """Return the groups of each ranked model under each condition."""
        found: dict[tuple[str, Key], str] = {}
        for values, at in self.pairs.groupby(list(self.conditions), dropna=False, sort=False):
            ranked = at[at["status"] != "unranked"]
            sides = ((ranked[which], ranked[f"accuracy_{which}"]) for which in ("first", "second"))
            accuracy = {n: a for pair in sides for n, a in zip(*pair, strict=True)}
            best_first = sorted(accuracy, key=lambda name: -accuracy[name])
            better = ranked[ranked["status"] == "better"]
            letters = groups(best_first, list(zip(better["first"], better["second"], strict=True)))
            found |= {(name, _key(values)): letter for name, letter in letters.items()}
        return found


def compare(
    results: Sequence[Measured],
    *,
    names: Sequence[str] | None = None,
    titles: Mapping[str, str] | None = None,
) -> Comparison:
    """Return the paired comparison of two or more results of one kind on one data set.

    Args:
        results: Answers to the same question about several models, example by example.
        names: What to call each; its model's reference by default, and shorter in sentences.
        titles: What people call a reference, such as the title of the training behind `run/ID`.

    Raises:
        ConfigError: fewer than two results, or results of different questions.
        DatasetRefused: the results are not of the same examples.
    """
    require_same_question(results)
    called = distinct(names or [r.provenance.model for r in results])
    short = called if names else short_names(results, titles)
    joined, notes = join(results, called)
    conditions = tuple(c for c in joined if c not in (*EXAMPLE, *called))
    rows, critical = measured(joined, called, conditions)
    pairs = judged(rows, results, dict(zip(called, short, strict=True)), critical)
    notes = (*notes, *one_model_twice(results, short), *_about_intervals(len(pairs), critical))
    return Comparison(tuple(results), called, short, pairs, joined, notes, conditions, critical)


def judged(
    rows: Sequence[dict[Any, Any]],
    results: Sequence[Measured],
    short: Mapping[str, str],
    critical: float,
) -> pd.DataFrame:
    """Return the rows of `measured` with status and sentence, in the order of `Comparison.pairs`.

    Args:
        rows: Pairs.
        results: The answers that are compared.
        short: Name of each answer to what it is called in a sentence.
        critical: The critical value of the intervals.
    """
    for row in rows:
        quantity = results[0].quantity(row)
        if weak := upper_bounds(row, tuple(short), results):
            row |= {"status": "unranked", "verdict": unranked(row, quantity, short, weak)}
        else:
            row["status"] = status(row["low"], row["high"])
            row["verdict"] = verdict(row, quantity, short, critical)
    return pd.DataFrame(sorted(rows, key=lambda row: (row.pop("place"), *order(row))))


def measured(
    joined: pd.DataFrame, names: Sequence[str], conditions: Sequence[str]
) -> tuple[list[dict[Any, Any]], float]:
    """Return what is counted of each pair under each condition, and the critical value."""
    chosen = list(combinations(range(len(names)), 2))
    cells = [
        (values, at.sort_values("index")[list(names)].to_numpy(dtype=bool))
        for values, at in joined.groupby(list(conditions), dropna=False, sort=True)
    ]
    columns = [
        (len(names) * place + i, len(names) * place + j)
        for place in range(len(cells))
        for i, j in chosen
    ]
    critical = critical_value(np.hstack([right for _, right in cells]), columns)
    rows: list[dict[Any, Any]] = []
    for place, (values, right) in enumerate(cells):
        condition = dict(zip(conditions, values, strict=True))
        counts = right.astype(np.float64)
        both = np.rint(counts.T @ counts).astype(int)
        for i, j in chosen:
            own = both[i, i], both[j, j]
            counted = _pair(own, both[i, j], len(right), critical)
            pair = {"first": names[i], "second": names[j], "place": place}
            rows.append({**condition, **pair, **counted})
    for row, p in zip(rows, holm([row["p"] for row in rows]), strict=True):
        row["p_holm"] = p
    return rows, critical


def _pair(own: tuple[int, int], both: int, n: int, critical: float) -> dict[str, Any]:
    """Return what is counted of two models: right each, right together, of n examples."""
    lost, gained = int(own[0] - both), int(own[1] - both)
    found = paired_interval(lost, gained, n, critical)
    return {
        "n": n,
        "accuracy_first": own[0] / n,
        "accuracy_second": own[1] / n,
        "lost": lost,
        "gained": gained,
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p": mcnemar_exact(lost, gained),
    }


def _about_intervals(count: int, critical: float) -> tuple[str, ...]:
    """Return what makes the intervals of several pairs wider than those of one."""
    if count == 1:
        return ()
    return (
        f"The {count} intervals hold together in 95 of 100 such comparisons: each reaches "
        f"{critical:.2f} standard errors, where one alone would reach 1.96. p is of the exact "
        "McNemar test, corrected by Holm for as many.",
    )


def _under(table: pd.DataFrame, condition: Condition | None) -> pd.DataFrame:
    for column, value in (condition or {}).items():
        table = table[table[column] == value]
    return table


def _key(values: Sequence[object]) -> Key:
    return tuple(None if value != value else value for value in values)
