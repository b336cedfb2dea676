"""What is recorded of each evaluated picture beside the model's answer: slices are made of it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from usable_core.datasets.columns import Column, taken
from usable_core.datasets.contents import LOOKS
from usable_core.datasets.dataset import Dataset
from usable_core.errors import DatasetRefused
from usable_core.evaluations.accuracy import ABOUT, LETTERS, AccuracyResult
from usable_core.measuring.data_doubts import places_of
from usable_core.measuring.work import Columns
from usable_core.metrics.arrays import Indices


def about_pictures(part: Dataset, rows: Indices) -> Columns:
    """Return the columns that accuracy's records hold of the examples in some rows of a part."""
    places, contents = places_of(part)[rows], part.contents()
    if part.kind == "text":
        cut = [part[int(row)][0][:LETTERS] for row in rows]
        looks: Columns = {"text": np.array(cut, dtype=object)}
    else:
        looks = dict(zip(LOOKS, contents.looks[places].T.astype(np.float64), strict=True))
    alike = {"alike": alike_rows(part)[rows]}
    columns = {
        f"{ABOUT}{name}": _array(values)
        for name, values in taken(part.columns, places.tolist()).items()
    }
    return {**looks, **alike, **columns}


def _array(values: Column) -> NDArray[np.float64] | NDArray[np.object_]:
    """Return numbers as such, NaN where one is missing; texts as objects."""
    if any(isinstance(value, str) for value in values):
        return np.array(values, dtype=object)
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def alike_rows(part: Dataset) -> NDArray[np.int64]:
    """Return, for each picture of a part, the first that is equal or nearly so (N,).

    Likeness is passed on: of frames of a film each of which is like the next, all are one group.
    """
    contents, places = part.contents(), places_of(part)
    row_of = np.full(len(contents.hashes), -1, dtype=np.int64)
    row_of[places] = np.arange(len(places))
    _, first, code = np.unique(contents.hashes[places], return_index=True, return_inverse=True)
    found = first[code]
    near = np.zeros((0, 2), dtype=np.int64) if contents.near is None else row_of[contents.near]
    near = near[(near >= 0).all(axis=1)]
    while len(near):
        before = found.copy()
        least = np.minimum(found[near[:, 0]], found[near[:, 1]])
        for side in near.T:  # a group takes the smallest number of any of its members
            np.minimum.at(found, found[side], least)
        found = found[found]
        if np.array_equal(found, before):
            break
    return found


def described(result: AccuracyResult, dataset: Dataset) -> AccuracyResult:
    """Return an answer whose records say of its pictures what a data set says now.

    Raises:
        DatasetRefused: pictures that were measured are not in it.
    """
    whole = dataset.whole or dataset
    place_of = {identity: place for place, identity in enumerate(whole.ids)}
    ids = result.records["id"].tolist()
    lost = sum(identity not in place_of for identity in ids)
    if lost:
        raise DatasetRefused(
            f"{lost:,} of the {len(ids):,} pictures that were measured are not in {whole.name}. "
            "Give the data that the run was about."
        )
    part = whole.take([place_of[identity] for identity in ids])
    kept = [name for name in result.records if not str(name).startswith(ABOUT)]
    pictures = about_pictures(part, np.arange(len(ids)))
    pictures["alike"] = result.records["index"].to_numpy()[pictures["alike"]]
    return replace(result, records=result.records[kept].assign(**pictures))
