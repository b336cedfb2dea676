"""`compare`: which of several models is better on the same examples, and is that more than luck?

Every pair is joined by example, so the test and the interval are paired; Holm's correction counts
all pairs of the comparison, over all epsilons.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from usable_core.errors import ConfigError, DatasetRefused
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.robustness import RobustnessResult
from usable_core.metrics.intervals import paired_difference
from usable_core.metrics.paired import flips, holm, mcnemar_exact
from usable_core.records import to_json

Comparable = AccuracyResult | RobustnessResult
LEVEL = 0.05
EQUAL_WITHIN = 0.01  # one point: a smaller difference seldom decides which backbone is used


@dataclass(frozen=True)
class Comparison:
    """What `compare` found.

    Attributes:
        names: One per result, each once.
        pairs: One row per pair (and epsilon): epsilon (NaN for accuracy), first, second, n,
            accuracy_first, accuracy_second, lost (right in first, wrong in second), gained,
            difference (second − first) with low and high, p (exact McNemar), p_holm, verdict.
        outcomes: One row per example that all results have (and epsilon): index, id, label, then
            per name whether that model was right. `label` is a class name.
        notes: Sentences that a reader must know.
    """

    results: tuple[Comparable, ...]
    names: tuple[str, ...]
    pairs: pd.DataFrame
    outcomes: pd.DataFrame
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """Return `pairs`."""
        return self.pairs.copy()

    @property
    def table(self) -> pd.DataFrame:
        """Return one row per model (and epsilon), of its own examples: accuracy, low, high, n."""
        rows = []
        for name, result in zip(self.names, self.results, strict=True):
            if isinstance(result, AccuracyResult):
                found = [(float("nan"), result.accuracy)]
            else:
                found = list(zip(result.epsilons, result.robust_accuracy, strict=True))
            rows += [(name, e, p.value, p.low, p.high, p.n) for e, p in found]
        return pd.DataFrame(rows, columns=["model", "epsilon", "accuracy", "low", "high", "n"])

    def verdicts(self, epsilon: float | None = None) -> list[str]:
        """Return the sentence of each pair, at one epsilon or of all."""
        at = self.pairs if epsilon is None else self.pairs[self.pairs["epsilon"] == epsilon]
        return list(at["verdict"])

    @property
    def disagreements(self) -> pd.DataFrame:
        """Return the rows of `outcomes` where some models are right and some wrong."""
        right = self.outcomes[list(self.names)].to_numpy(dtype=bool)
        return self.outcomes[right.any(axis=1) & ~right.all(axis=1)].reset_index(drop=True)

    def summary(self) -> dict[str, Any]:
        """Return models, pairs and notes as JSON."""
        found: dict[str, Any] = to_json(
            {
                "models": self.table.to_dict("records"),
                "pairs": self.pairs.to_dict("records"),
                "notes": self.notes,
            }
        )
        return found


def compare(results: Sequence[Comparable], *, names: Sequence[str] | None = None) -> Comparison:
    """Return the paired comparison of two or more results of one task on one data set.

    Args:
        results: All of accuracy, or all of robustness with the same attack and epsilons.
        names: What to call each; its model's reference by default.

    Raises:
        ConfigError: fewer than two results, or results of different questions.
        DatasetRefused: the results are not of the same examples.
    """
    _require_same_question(results)
    called = _distinct(names or [r.provenance.model for r in results])
    outcomes, notes = _join(results, called)
    rows = []
    for epsilon, at in outcomes.groupby("epsilon", dropna=False, sort=True):
        for first, second in combinations(called, 2):
            before, after = at[first].to_numpy(dtype=bool), at[second].to_numpy(dtype=bool)
            lost, gained = flips(before, after)
            found = paired_difference(lost, gained, len(at))
            rows.append(
                {
                    "epsilon": epsilon,
                    "first": first,
                    "second": second,
                    "n": len(at),
                    "accuracy_first": before.mean(),
                    "accuracy_second": after.mean(),
                    "lost": lost,
                    "gained": gained,
                    "difference": found.value,
                    "low": found.low,
                    "high": found.high,
                    "p": mcnemar_exact(lost, gained),
                }
            )
    pairs = pd.DataFrame(rows)
    pairs["p_holm"] = holm(pairs["p"].tolist())
    pairs["verdict"] = [
        _barred(row, called, results) or _verdict(row) for row in pairs.to_dict("records")
    ]
    return Comparison(tuple(results), called, pairs, outcomes, notes)


def _require_same_question(results: Sequence[Comparable]) -> None:
    if len(results) < 2:
        raise ConfigError(f"A comparison needs two or more results, but got {len(results)}.")
    others = {type(result).__name__ for result in results if not isinstance(result, Comparable)}
    if others:
        raise ConfigError(
            f"Results of accuracy and of robustness are compared, but got {', '.join(others)}. "
            "Choose other results."
        )
    if len({type(result) for result in results}) > 1:
        raise ConfigError(
            "A comparison needs results of one kind, but got accuracy and robustness together. "
            "Compare them separately."
        )
    attacks = {r.config.question for r in results if isinstance(r, RobustnessResult)}
    if len(attacks) > 1:
        shown = "; ".join(sorted(str(a) for a in attacks))
        raise ConfigError(
            "Robust accuracies compare only under the same attack, but these differ (attacks, "
            f"norm, draws, epsilons): {shown}. Measure again with one setting."
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
    results: Sequence[Comparable], names: Sequence[str]
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the outcomes of the examples that all results have, side by side, and notes."""
    keys = ["epsilon", "id", "copy"]
    frames = [_outcomes(result, name) for name, result in zip(names, results, strict=True)]
    joined = frames[0]
    for frame in frames[1:]:
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


def _outcomes(result: Comparable, name: str) -> pd.DataFrame:
    """Return epsilon, index, id, label, copy and whether `name` was right, per record.

    `copy` counts the examples of one id, so that images which occur twice are joined once each.
    """
    frame = result.records.sort_values("index")
    if isinstance(result, AccuracyResult):
        frame = frame.assign(epsilon=np.nan)
    classes = np.asarray(result.provenance.class_names, dtype=object)
    return pd.DataFrame(
        {
            "epsilon": frame["epsilon"],
            "index": frame["index"],
            "id": frame["id"],
            "label": classes[frame["label"].to_numpy()],
            "copy": frame.groupby(["epsilon", "id"], dropna=False).cumcount(),
            name: frame["prediction"] == frame["label"],
        }
    )


def _barred(row: dict[str, Any], names: Sequence[str], results: Sequence[Comparable]) -> str | None:
    """Return why a pair is not ranked: an attack that failed a check proves nothing; else None."""
    if not row["epsilon"] > 0:  # accuracy, or the clean images
        return None
    weak = [
        name
        for name, result in zip(names, results, strict=True)
        if name in (row["first"], row["second"])
        and isinstance(result, RobustnessResult)
        and result.is_upper_bound_only
    ]
    if not weak:
        return None
    return (
        f"{row['first']} and {row['second']} are not ranked: a check of the attack on "
        f"{' and '.join(weak)} failed, so what it left is an upper bound only."
    )


def _verdict(row: dict[str, Any]) -> str:
    """Return one sentence: better, equal within a point, or not shown to differ."""
    low, high = 100 * row["low"], 100 * row["high"]
    if row["p_holm"] < LEVEL:
        better, worse = row["second"], row["first"]
        if row["difference"] < 0:
            better, worse, low, high = worse, better, -high, -low
        return (
            f"{better} is better than {worse} by {100 * abs(row['difference']):.1f} points "
            f"(95 % interval {low:.1f} to {high:.1f})."
        )
    inner = paired_difference(row["lost"], row["gained"], row["n"], confidence=0.90)
    if inner.low > -EQUAL_WITHIN and inner.high < EQUAL_WITHIN:
        return (
            f"{row['first']} and {row['second']} are equal within "
            f"{100 * EQUAL_WITHIN:.0f} point (two one-sided tests at 5 %)."
        )
    return (
        f"No difference shown between {row['first']} and {row['second']}: {_signed(low)} to "
        f"{_signed(high)} points are all plausible with {row['n']} examples."
    )


def _signed(points: float) -> str:
    return f"{points:+.1f}".replace("-", "−")
