"""Sentences on the maps and figures that a data set's examples do not have, and why."""

from collections.abc import Mapping

import pandas as pd

from usable_core.catalog.explainers import EXPLAINERS
from usable_core.evaluations.explanation import ExplanationConfig
from usable_core.explainers.sanity import LEAST_WORDS


def missing_maps(
    config: ExplanationConfig, records: pd.DataFrame, refusals: Mapping[str, str]
) -> tuple[str, ...]:
    """Return a warning for each method that gave no map of some examples."""
    examples, found = records["index"].nunique(), []
    what = "texts" if "text" in records else "images"
    for method in config.methods:
        missing = examples - int((records["method"] == method).sum())
        if missing:
            title = EXPLAINERS[method].title
            found.append(
                f"{title} gave no map of {missing} of {examples} {what}: {refusals[method]}"
            )
    return tuple(found)


def short_texts(config: ExplanationConfig, records: pd.DataFrame) -> tuple[str, ...]:
    """Return a warning where texts are too short for some of what was asked for."""
    if "words" not in records or config.evidence == "none":
        return ()
    words = records.drop_duplicates("index")["words"]
    found = []
    if config.evidence == "all" and (few := int((words < LEAST_WORDS).sum())):
        found.append(
            f"{few} of {len(words)} texts have fewer than {LEAST_WORDS} words: how much their maps "
            "resemble those with random weights and of another class is left out, for rank "
            "correlations of so few are chance."
        )
    if single := int((words < 2).sum()):
        found.append(
            f"{single} of {len(words)} texts are one word: deletion and insertion are left out, "
            "for they have a single order."
        )
    return tuple(found)
