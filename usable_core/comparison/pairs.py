"""`compare`: which of several models is better on the same examples, and is that more than luck?

Every pair is joined by example, so the test and the interval are paired; Holm's correction counts
all pairs of the comparison, under all conditions (budgets, corruptions).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from usable_core.comparison.verdicts import barred, upper_bounds, verdict
from usable_core.errors import ConfigError, DatasetRefused
from usable_core.evaluations.result import Condition, Measured, question
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import paired_difference
from usable_core.metrics.paired import flips, holm, mcnemar_exact
from usable_core.records import to_json

EXAMPLE = ["index", "id", "label", "copy"]  # what is no condition in a table of outcomes


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        names: One per result, each once.
        pairs: One row per pair and condition: epsilon (NaN where there is none; corruption and
            severity beside it where there are), first, second, n, accuracy_first, accuracy_second,
            lost (right in first, wrong in second), gained, difference (second − first) with low and
            high, p (exact McNemar), p_holm, verdict.
        outcomes: One row per example that all results have and condition: index, id, label, then
            per name whether that model was right. `label` is a class name.
        notes: Sentences that a reader must know.
        conditions: Columns that say under which condition an outcome holds.
    """

    results: tuple[Measured, ...]
    names: tuple[str, ...]
    pairs: pd.DataFrame
    outcomes: pd.DataFrame
    notes: tuple[str, ...]
    conditions: tuple[str, ...] = ("epsilon",)

    def to_frame(self) -> pd.DataFrame:
        """Return `pairs`."""
        return self.pairs.copy()

    @property
    def table(self) -> pd.DataFrame:
        """Return one row per model and condition, of its own examples: accuracy, low, high, n."""
        rows = []
        for name, result in zip(self.names, self.results, strict=True):
            found = _outcomes(result, name)
            for values, at in found.groupby(list(self.conditions), dropna=False, sort=True):
                rows.append((name, *values, *astuple(share(at[name].to_numpy(dtype=bool)))))
        columns = ["model", *self.conditions, "accuracy", "low", "high", "n"]
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

    def pairs_under(self, condition: Condition | None = None) -> pd.DataFrame:
        """Return the rows of `pairs` under one condition, or under all."""
        found = self.pairs
        for column, value in (condition or {}).items():
            found = found[found[column] == value]
        return found

    def verdicts(self, condition: Condition | None = None) -> list[str]:
        """Return the sentence of each pair, under one condition or under all."""
        return list(self.pairs_under(condition)["verdict"])

    def said(self, condition: Condition) -> str:
        """Return a condition in words, such as `ε = 4/255`; empty where there is none."""
        return self.results[0].said(condition)

    @property
    def disagreements(self) -> pd.DataFrame:
        """Return the rows of `outcomes` where some models are right and some wrong."""
        right = self.outcomes[list(self.names)].to_numpy(dtype=bool)
        return self.outcomes[right.any(axis=1) & ~right.all(axis=1)].reset_index(drop=True)

    def is_unranked(self, row: Condition) -> bool:
        """Tell whether a model of a pair is an upper bound only, so that the pair ranks nothing."""
        return bool(upper_bounds(row, self.names, self.results))

    def summary(self) -> dict[str, Any]:
        """Return models, pairs and notes as JSON, and what is relative where there is any."""
        found: dict[str, Any] = to_json(
            {
                "models": self.table.to_dict("records"),
                "pairs": self.pairs.to_dict("records"),
                "notes": self.notes,
            }
        )
        relative = self.relative.to_dict("records")
        return found | ({"relative": to_json(relative)} if relative else {})


def compare(results: Sequence[Measured], *, names: Sequence[str] | None = None) -> Comparison:
    """Return the paired comparison of two or more results of one kind on one data set.

    Args:
        results: Answers to the same question about several models, example by example.
        names: What to call each; its model's reference by default.

    Raises:
        ConfigError: fewer than two results, or results of different questions.
        DatasetRefused: the results are not of the same examples.
    """
    _require_same_question(results)
    called = _distinct(names or [r.provenance.model for r in results])
    outcomes, notes = _join(results, called)
    conditions = tuple(c for c in outcomes if c not in (*EXAMPLE, *called))
    rows: list[dict[str, Any]] = []
    for values, at in outcomes.groupby(list(conditions), dropna=False, sort=True):
        for first, second in combinations(called, 2):
            pair = {"first": first, "second": second}
            condition = dict(zip(conditions, values, strict=True))
            rows.append(condition | pair | _pair(at[first], at[second]))
    pairs = pd.DataFrame(rows)
    pairs["p_holm"] = holm(pairs["p"].tolist())
    pairs["verdict"] = [
        barred(row, called, results) or verdict(row) for row in pairs.to_dict("records")
    ]
    return Comparison(tuple(results), called, pairs, outcomes, notes, conditions)


def _pair(first: "pd.Series[bool]", second: "pd.Series[bool]") -> dict[str, Any]:
    """Return what is counted of two models' outcomes on the same examples."""
    before, after = first.to_numpy(dtype=bool), second.to_numpy(dtype=bool)
    lost, gained = flips(before, after)
    found = paired_difference(lost, gained, len(before))
    return {
        "n": len(before),
        "accuracy_first": before.mean(),
        "accuracy_second": after.mean(),
        "lost": lost,
        "gained": gained,
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p": mcnemar_exact(lost, gained),
    }


def _require_same_question(results: Sequence[Measured]) -> None:
    if not isinstance(results, Sequence):
        raise ConfigError(f"A comparison needs a list of results, but got {results!r}.")
    if len(results) < 2:
        raise ConfigError(f"A comparison needs two or more results, but got {len(results)}.")
    if others := {type(r).__name__ for r in results if not hasattr(r, "outcomes")}:
        raise ConfigError(
            f"Answers of evaluations are compared, but got {', '.join(sorted(others))}. Choose "
            "others."
        )
    kinds = sorted({type(result).__name__.removesuffix("Result").lower() for result in results})
    if len(kinds) > 1:
        raise ConfigError(
            f"A comparison needs results of one kind, but got {' and '.join(kinds)} together. "
            "Compare them separately."
        )
    same = results[0].config.same
    asked = [question(result.config) for result in results]
    columns = zip(same, zip(*asked, strict=True), strict=True)
    differing = [name for name, values in columns if len(set(values)) > 1]
    if differing:
        shown = "; ".join(
            ", ".join(f"{name} {getattr(result.config, name)}" for name in differing)
            for result in results
        )
        raise ConfigError(
            f"Results of {kinds[0]} compare only under the same {', '.join(same)}, but these "
            f"differ: {shown}. Measure again with one setting."
        )
    data = {r.provenance.dataset_fingerprint: r.provenance.dataset for r in results}
    if len(data) > 1:
        raise DatasetRefused(
            f"A comparison needs one data set, but got {len(data)}: {', '.join(data.values())}. "
            "Choose results of the same data set."
        )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names with a number after those that occur several times."""
    total, seen = Counter(names), Counter[str]()
    found = []
    for name in names:
        seen[name] += 1
        found.append(f"{name} ({seen[name]})" if total[name] > 1 else name)
    return tuple(found)


def _join(
    results: Sequence[Measured], names: Sequence[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the outcomes of the examples that all results have, side by side, and notes."""
    frames = [_outcomes(result, name) for name, result in zip(names, results, strict=True)]
    joined = frames[0]
    for name, frame in zip(names[1:], frames[1:], strict=True):
        keys = [c for c in frame if c not in ("index", "label", name)]
        joined = joined.merge(frame.drop(columns=["index", "label"]), on=keys, how="inner")
    joined = joined.drop(columns="copy")
    sizes = [result.n for result in results]
    common = joined["index"].nunique()
    if common == 0:
        raise DatasetRefused(
            "The results have no example in common, so they cannot be compared. Measure the "
            "models on the same split of the same data set."
        )
    if all(size == common for size in sizes):
        return joined, ()
    shown = ", ".join(str(size) for size in sizes)
    return joined, (
        f"Only the {common} examples that all results have are compared; the results have {shown}.",
    )


def _outcomes(result: Measured, name: str) -> pd.DataFrame:
    """Return epsilon, further conditions, index, id, label, copy and whether `name` was right.

    `copy` counts the examples of one id, so that images which occur twice are joined once each.

    Raises:
        ConfigError: there is no right or wrong per example.
    """
    frame = result.outcomes()
    if frame is None:
        raise ConfigError(
            f"The result of {name} tells of no example whether it is right, so it cannot be "
            "compared. Choose results of another kind."
        )
    frame = frame.sort_values("index", kind="stable")
    if "epsilon" not in frame:
        frame.insert(0, "epsilon", np.nan)
    conditions = [c for c in frame if c not in (*EXAMPLE, "correct")]
    frame["copy"] = frame.groupby([*conditions, "id"], dropna=False).cumcount()
    return frame[[*conditions, *EXAMPLE, "correct"]].rename(columns={"correct": name})
