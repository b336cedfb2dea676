"""Looking at a data set: classes, parts, equal pictures, thumbnails of some of each class."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from usable_core import images
from usable_core.datasets.contents import Contents
from usable_core.datasets.dataset import Dataset
from usable_core.evaluations.accuracy import LETTERS
from usable_core.evaluations.look import FOLDER, LookConfig, LookResult
from usable_core.evaluations.specs import Report
from usable_core.files import make_folder, write_bytes

SIDE = 96  # px of a thumbnail
PER_CLASS = 4
MOST_CLASSES = 50
MOST_PROBLEMS = 24  # examples that leak or contradict

Pairs = NDArray[np.int64]


def measure(
    *, dataset: Dataset, config: LookConfig, report: Report, folder: Path | None
) -> LookResult:
    """Return what is in a data set, and keep thumbnails in the folder.

    Raises:
        DatasetRefused: a picture is another one at each look.
        Cancelled: through `report`.
    """
    contents = dataset.contents(report)
    alike = _Alike(contents)
    parts = np.full(len(dataset), "", dtype=object)
    for name, places in (dataset.own_split or {}).items():
        parts[places] = name
    records = pd.DataFrame(
        {
            "index": np.arange(len(dataset)),
            "id": dataset.ids,
            "label": dataset.targets,
            "part": parts.astype(str),
            "equal": alike.first,
            "near": alike.count,
            "leaks": alike.differ(np.unique(parts.astype(str), return_inverse=True)[1]),
            "contradicts": alike.differ(dataset.targets),
        }
    )
    if dataset.kind == "text":
        records["text"] = [dataset[index][0][:LETTERS] for index in range(len(dataset))]
    elif folder is not None:
        _keep_thumbnails(dataset, records, folder / FOLDER, report)
    return LookResult(
        config,
        records,
        name=dataset.name,
        class_names=tuple(dataset.labels.names),
        refused=dataset.left_out,
        notes=dataset.notes,
        is_compared=contents.near is not None,
    )


class _Alike:
    """Which examples show the same pixels, or nearly so.

    Attributes:
        first: The first example of the same pixels (N,).
        count: How many others are alike (N,).
    """

    def __init__(self, contents: Contents) -> None:
        near = np.zeros((0, 2), dtype=np.int64) if contents.near is None else contents.near
        self._pairs: Pairs = near
        _, first, group, sizes = np.unique(
            contents.hashes, return_index=True, return_inverse=True, return_counts=True
        )
        self.first, self._group = first[group], group
        of_pairs = np.bincount(near.ravel(), minlength=len(group))
        self.count = np.maximum(of_pairs, sizes[group] - 1)

    def differ(self, codes: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell of each example (N,) whether one that is alike has another code."""
        lowest = np.full(len(self._group), np.iinfo(np.int64).max)
        highest = np.full(len(self._group), -1)
        np.minimum.at(lowest, self._group, codes)
        np.maximum.at(highest, self._group, codes)
        found = (lowest < highest)[self._group]
        one, other = self._pairs.T
        found[self._pairs[codes[one] != codes[other]].ravel()] = True
        return np.asarray(found)


def _keep_thumbnails(dataset: Dataset, records: pd.DataFrame, folder: Path, report: Report) -> None:
    """Keep small pictures: some of each class, and of those that something is wrong with."""
    classes = records.groupby("label", sort=True)["index"].head(PER_CLASS)
    shown = classes[records["label"].iloc[classes].isin(range(MOST_CLASSES)).to_numpy()]
    doubted = records.loc[records["leaks"] | records["contradicts"], "index"].head(MOST_PROBLEMS)
    chosen = sorted({*map(int, shown), *map(int, doubted)})
    make_folder(folder)
    for done, index in enumerate(chosen, start=1):
        picture = dataset.tried(index, _small)
        if picture is not None:
            write_bytes(folder / f"{index}.png", images.encode_png(np.asarray(picture)))
        report(done, len(chosen), "Keeping thumbnails")


def _small(picture: Image.Image) -> Image.Image:
    """Return a picture squeezed into a square of `SIDE`, larger pixels where it is tiny."""
    scale = SIDE / max(picture.size)
    size = tuple(max(1, round(side * scale)) for side in picture.size)
    method = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS
    return picture.resize((size[0], size[1]), method)
