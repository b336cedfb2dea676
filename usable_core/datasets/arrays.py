"""Data sets of pictures or texts that are in memory already, or in another library's data set."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from usable_core.datasets.columns import known_columns
from usable_core.datasets.dataset import Dataset, hash_all, hash_bytes
from usable_core.datasets.texts import from_texts
from usable_core.errors import DatasetRefused, ImageRefused
from usable_core.labels import LabelSpace
from usable_core.pictures import picture_of

Labels = NDArray[np.int64]


def dataset_from_arrays(
    images: Any,  # noqa: ANN401 - an array, a tensor or a list, looked at item by item
    labels: Sequence[int] | NDArray[np.integer[Any]],
    names: Sequence[str] | None = None,
    *,
    name: str = "arrays",
    columns: Mapping[str, Sequence[object]] | None = None,
) -> Dataset:
    """Return labelled pictures as a data set.

    Args:
        images: An array (N, H, W, 3) of uint8 or of floats in [0, 1] (rounded to 8 bits), a tensor
            (N, 3, H, W) in [0, 1], or a list of pictures as `Model.predict` takes them.
        labels: Class of each picture (N,), from 0.
        names: Class names, by which a model's classes are found; without them classes are matched
            by position, where model and data set have equally many.
        name: What it is called in results.
        columns: What else is known of each picture (N,), by name, such as the camera; slices are
            made of it.

    Raises:
        DatasetRefused: there are no pictures, labels or columns and pictures differ in number, a
            label has no name, or something is no picture.
    """
    if not hasattr(images, "__len__"):
        raise DatasetRefused(
            f"images must be an array, a tensor or a list, but are a {type(images).__name__}."
        )
    targets = _labels(labels, len(images))
    _check_columns(columns, len(targets), "pictures")
    found = from_pictures(
        name, lambda i: _picture(images[i], i), targets, _label_space(targets, names)
    )
    return replace(found, columns=known_columns(columns or {}))


def dataset_from_texts(
    texts: Sequence[str],
    labels: Sequence[int] | NDArray[np.integer[Any]],
    names: Sequence[str] | None = None,
    *,
    name: str = "texts",
    columns: Mapping[str, Sequence[object]] | None = None,
) -> Dataset:
    """Return labelled texts as a data set; its arguments are those of `dataset_from_arrays`.

    Args:
        texts: A list, or an array or column of strings (N,).
        labels: Class of each text (N,), from 0.
        names: Class names, by which a model's classes are found; without them classes are matched
            by position, where model and data set have equally many.
        name: What it is called in results.
        columns: What else is known of each text (N,), by name; slices are made of it. How many
            words and characters it has is known already.

    Raises:
        DatasetRefused: there are no texts, labels or columns and texts differ in number, a label
            has no name, or something is no text that can be used.
    """
    if isinstance(texts, str) or not hasattr(texts, "__len__"):
        raise DatasetRefused(
            f"texts must be a list of strings, but are of the type {type(texts).__name__}."
        )
    said = list(texts)
    targets = _labels(labels, len(said), "texts")
    _check_columns(columns, len(said), "texts")
    return from_texts(name, said, targets, _label_space(targets, names), columns or {})


def dataset_from_pairs(pairs: Any, *, name: str | None = None) -> Dataset:  # noqa: ANN401
    """Return a torch data set of (image, label) as a data set; its `classes` are the class names.

    Its items are read when they are needed, and must be the same each time.

    Raises:
        DatasetRefused: an item is no such pair, or is another one at the second look.
    """
    name = name or type(pairs).__name__
    ids, labels = [], []
    for i in range(len(pairs)):
        pair = pairs[i]
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise DatasetRefused(
                f"The items of {name} must be pairs (image, label), but item {i} is a "
                f"{type(pair).__name__}. Give usable.dataset_from_arrays(images, labels)."
            )
        ids.append(_identity(_picture(pair[0], i)))
        labels.append(pair[1])
    targets = _labels(labels, len(ids))

    def unchanged(i: int) -> Image.Image:
        picture = _picture(pairs[i][0], i)
        if _identity(picture) != ids[i]:
            raise DatasetRefused(
                f"Item {i} of {name} is another picture each time. Leave random transforms out."
            )
        return picture

    space = _label_space(targets, getattr(pairs, "classes", None))
    return from_pictures(name, unchanged, targets, space, ids=ids)


def from_pictures(
    name: str,
    open_picture: Callable[[int], Image.Image],
    targets: Labels,
    labels: LabelSpace,
    own_split: dict[str, NDArray[np.int64]] | None = None,
    ids: Sequence[str] | None = None,
) -> Dataset:
    """Return a data set of pictures (RGB), which are identified by their pixels."""
    ids = tuple(ids or (_identity(open_picture(i)) for i in range(len(targets))))
    marks = [f"{i} {labels.names[t]}" for i, t in zip(ids, targets, strict=True)]
    return Dataset(
        name=name,
        labels=labels,
        targets=targets,
        ids=ids,
        open=open_picture,
        fingerprint=hash_all(marks),
        own_split=own_split,
    )


def _identity(picture: Image.Image) -> str:
    return hash_bytes(picture.tobytes())


def _picture(image: Any, position: int) -> Image.Image:  # noqa: ANN401 - as `images`
    if hasattr(image, "permute"):  # a tensor (3, H, W): a picture here, for the model resizes it
        image = image.detach().cpu()
        image = image.permute(1, 2, 0).numpy() if image.ndim == 3 else image.numpy()
    try:
        return picture_of(image)
    except ImageRefused as error:
        raise DatasetRefused(f"Picture {position} cannot be used: {error}") from error


def _check_columns(
    columns: Mapping[str, Sequence[object]] | None, count: int, examples: str
) -> None:
    for column, values in (columns or {}).items():
        if len(values) != count:
            raise DatasetRefused(
                f"The column {column} has {len(values)} values, but there are {count} {examples}. "
                "Give one for each."
            )


def _labels(
    labels: Any,  # noqa: ANN401 - whatever the caller has
    count: int,
    examples: str = "pictures",
) -> Labels:
    found = np.asarray(labels.cpu() if hasattr(labels, "cpu") else labels)
    if count == 0 or found.shape != (count,):
        raise DatasetRefused(
            f"A data set needs {examples} with one label each, but there are {count} {examples} "
            f"and labels of shape {found.shape}."
        )
    if not np.issubdtype(found.dtype, np.integer) or found.min() < 0:
        raise DatasetRefused(
            "Labels must be whole numbers from 0, the positions of the class names; give the names "
            "beside them."
        )
    return found.astype(np.int64)


def _label_space(targets: Labels, names: Sequence[str] | None) -> LabelSpace:
    count = int(targets.max()) + 1
    if names is None:
        return LabelSpace.unnamed(count)
    if isinstance(names, str) or not all(isinstance(one, str) for one in names):
        raise DatasetRefused("names must be a list of class names, in the order of the labels.")
    if len(names) < count:
        raise DatasetRefused(
            f"The labels reach {count - 1}, but there are only {len(names)} class names. Give one "
            "for each."
        )
    return LabelSpace(tuple(names))
