"""What answers about attacked texts have more: figures of the records, by epsilon of the grid."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from usable_core.evaluations.epsilon import most_words
from usable_core.metrics.classification import share
from usable_core.metrics.intervals import Proportion
from usable_core.texts import changed_words

if TYPE_CHECKING:
    import pandas as pd

    from usable_core.evaluations.robustness_result import RobustnessResult

MOST_SHORT = 0.5  # a share of texts too short to be changed, above which little was attacked


@dataclass(frozen=True)
class Similarity:
    """How similar broken texts are to what they were, to the judge.

    Attributes:
        low: The tenth percentile.
        median: The middle one.
        n: Texts.
    """

    low: float
    median: float
    n: int


def untouched(result: "RobustnessResult") -> tuple[Proportion, ...]:
    """Return, per epsilon, the share of texts too short for one word of it to be changed."""
    words = result.records_at(result.epsilons[0])["words"].to_numpy()
    return tuple(share(most_words(epsilon, words) == 0) for epsilon in result.epsilons)


def still_read(result: "RobustnessResult") -> tuple[Proportion, ...]:
    """Return, per epsilon, the share of broken texts whose answer is the same to the judge."""
    return tuple(
        share((broken["judge_prediction"] == broken["judge_clean_prediction"]).to_numpy())
        for broken in _judged(result)
    )


def similarity(result: "RobustnessResult") -> tuple[Similarity, ...]:
    """Return, per epsilon, how similar broken texts are to what they were."""
    found = []
    for broken in _judged(result):
        known = broken["similarity"].dropna().to_numpy()
        low, median = np.quantile(known, [0.1, 0.5]) if len(known) else (np.nan, np.nan)
        found.append(Similarity(float(low), float(median), len(known)))
    return tuple(found)


def _judged(result: "RobustnessResult") -> "list[pd.DataFrame]":
    """Return the broken texts at each epsilon; none without a judge."""
    broken = [result.broken(epsilon) for epsilon in result.epsilons]
    return [
        table[table["similarity"].notna() | (table["judge_prediction"] != -1)] for table in broken
    ]


def swapped_words(text: str, adversarial_text: str) -> list[tuple[str, str]]:
    """Return the words that differ between a text and what broke it, old and new, in order."""
    return [(old, new) for _, old, new in changed_words(text, adversarial_text) if old != new]


def of_texts(result: "RobustnessResult") -> dict[str, Any]:
    """Return what the summary of an answer about texts has more."""
    has_judge = result.config.judge is not None
    return {
        "untouched": untouched(result),
        "judge": cast(Any, result.config.judge).reference if has_judge else None,
        "still_read": still_read(result) if has_judge else None,
        "similarity": similarity(result) if has_judge else None,
    }
