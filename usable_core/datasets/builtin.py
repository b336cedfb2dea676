"""The data sets with a name of their own: of installed packages, of our own, and CIFAR-10."""

import gzip
from dataclasses import replace

import numpy as np
from PIL import Image

from usable_core import files, settings
from usable_core.catalog.datasets import DATASETS
from usable_core.datasets.arrays import from_pictures
from usable_core.datasets.dataset import Dataset
from usable_core.datasets.parts import indices_of
from usable_core.datasets.texts import from_texts
from usable_core.errors import DatasetRefused
from usable_core.images import gallery
from usable_core.labels import LabelSpace


def digits() -> Dataset:
    """Return scikit-learn's 1,797 handwritten digits, 8 x 8 pixels, grey as RGB."""
    from sklearn.datasets import load_digits

    data = load_digits()
    grey = np.round(data.images * (255 / 16)).astype(np.uint8)  # counts 0..16 -> 0..255
    pixels = np.repeat(grey[..., None], 3, axis=-1)  # (N, 8, 8) -> (N, 8, 8, 3)
    labels = LabelSpace(tuple(str(name) for name in data.target_names))
    targets = data.target.astype(np.int64)
    return from_pictures("digits", lambda i: Image.fromarray(pixels[i]), targets, labels)


def photographs() -> Dataset:
    """Return the gallery's photographs that show one of ImageNet's classes; all are for testing."""
    rows = [row for row in gallery() if row.label]
    labels = LabelSpace(DATASETS["photographs"].classes)
    targets = np.array([labels.index(row.label) for row in rows], dtype=np.int64)
    own = {"test": np.arange(len(rows))}
    return from_pictures("photographs", lambda i: rows[i].open(), targets, labels, own)


def languages() -> Dataset:
    """Return phrases of fifteen languages; which are for testing follows from their content."""
    row = DATASETS["languages"]
    path = settings.assets() / row.asset
    if not files.is_file(path):
        raise DatasetRefused(
            f"The data set languages is not in this installation: expected {path.name} in "
            f"{path.parent}. Install Usable anew."
        )
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    parts, names, texts = zip(*(line.split("\t") for line in lines), strict=True)
    labels = LabelSpace(row.classes)
    targets = np.array([labels.index(name) for name in names], dtype=np.int64)
    found = from_texts("languages", texts, targets, labels)
    return replace(found, own_split=indices_of(parts))


def cifar10() -> Dataset:
    """Return CIFAR-10 as torchvision reads it; its 10,000 test images are its test split.

    Raises:
        DatasetRefused: it is not here and cannot be downloaded.
    """
    from torchvision.datasets import CIFAR10

    folder = settings.home() / "datasets"
    try:
        files.make_folder(folder)
        parts = [CIFAR10(folder, train=train, download=True) for train in (True, False)]
    except (OSError, RuntimeError, EOFError) as error:
        raise DatasetRefused(
            f"CIFAR-10 is not in {folder} and could not be downloaded from {CIFAR10.url} "
            f"({error}). Put {CIFAR10.filename} into that folder, or give a Parquet file instead."
        ) from error
    pixels = np.concatenate([part.data for part in parts])
    targets = np.concatenate([np.array(part.targets, dtype=np.int64) for part in parts])
    border = len(parts[0].data)
    own = {"train": np.arange(border), "test": np.arange(border, len(pixels))}
    labels = LabelSpace(tuple(parts[0].classes))
    return from_pictures("cifar10", lambda i: Image.fromarray(pixels[i]), targets, labels, own)
