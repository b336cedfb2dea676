"""Which results can be compared, and their outcomes side by side, example by example."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from usable_core.errors import ConfigError, DatasetRefused
from usable_core.evaluations.result import Measured, question

EXAMPLE = ["index", "id", "label", "copy"]  # what is no condition in a table of outcomes


def require_same_question(results: Sequence[Measured]) -> None:
    """Check that results answer one question on one data set.

    Raises:
        ConfigError: fewer than two results, or results of different questions.
        DatasetRefused: the results are of several data sets.
    """
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


def join(results: Sequence[Measured], names: Sequence[str]) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the outcomes of the examples that all results have, side by side, and notes."""
    frames = [outcomes(result, name) for name, result in zip(names, results, strict=True)]
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


def outcomes(result: Measured, name: str) -> pd.DataFrame:
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


def one_model_twice(results: Sequence[Measured], short: Sequence[str]) -> tuple[str, ...]:
    """Return a sentence for each pair that is one and the same model."""
    marks = [result.provenance.model_fingerprint for result in results]
    return tuple(
        f"{short[i]} and {short[j]} are one and the same model: their weights have one fingerprint."
        for i, j in combinations(range(len(results)), 2)
        if marks[i] == marks[j]
    )
