"""Plain texts without labels, one a line: to pre-train on; there is nothing to be right about."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from usable_core.datasets.dataset import Dataset
from usable_core.datasets.texts import from_texts
from usable_core.datasets.unlabelled import NOTE, ONE_CLASS
from usable_core.errors import DatasetRefused, TextRefused
from usable_core.evaluations.specs import Refused
from usable_core.files import open_regular, why
from usable_core.labels import LabelSpace
from usable_core.texts import cleaned


def read_plain_texts(path: Path, name: str) -> Dataset:
    """Return the texts in a file, one a line; empty lines part nothing and are none.

    Raises:
        DatasetRefused: it cannot be read as UTF-8, or holds no text.
    """
    try:
        with open_regular(path) as file:
            lines = file.read().decode("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetRefused(
            f"{name} cannot be read as plain text in UTF-8: {why(error)}. Save it as UTF-8."
        ) from error
    texts, refused, places = [], [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            texts.append(cleaned(line))
            places.append(f"line {number}")
        except TextRefused as error:
            refused.append(Refused(f"line {number}", str(error)))
    if not texts:
        raise DatasetRefused(f"{name} holds no text. Write one text a line.")
    targets = np.zeros(len(texts), dtype=np.int64)
    found = from_texts(name, texts, targets, LabelSpace((ONE_CLASS,)))
    return replace(found, refused=tuple(refused), notes=(NOTE,), place=places.__getitem__)
