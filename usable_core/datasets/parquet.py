"""Parquet files in the Hugging Face convention: image{bytes, path}, label, optional label_name."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image

from usable_core import images
from usable_core.datasets.dataset import Dataset, hash_all, hash_bytes
from usable_core.errors import DatasetRefused, ImageRefused
from usable_core.evaluations.specs import Refused
from usable_core.labels import LabelSpace

EXPECTED = "Expected are the columns image (struct of bytes and path) and label (integer)."


def read_parquet(path: Path, name: str) -> Dataset:
    """Return the data set in the Parquet file at `path`.

    Classes are the label ids that occur, in increasing order. Their names come from `label_name`,
    else from the file's `ClassLabel` metadata; ids without names get placeholders.

    Raises:
        DatasetRefused: the file or its columns are not as expected, or nothing in it is usable.
    """
    columns = _read(path, name)
    pictures, ids, refused, kept = columns["image"], [], [], []
    labels = columns["label"].to_pylist()
    for row, data in enumerate(_each(pictures)):
        reason = _refusal(data, labels[row], row)
        if reason is None and data is not None:
            kept.append(row)
            ids.append(hash_bytes(data))
        else:
            refused.append(Refused(f"row {row}", reason or ""))
    if not kept:
        first = f" (row 0: {refused[0].reason})" if refused else ""
        raise DatasetRefused(f"No row of {name} holds a usable image with a label{first}.")
    space, targets = _label_space(columns, labels, kept)

    def open_picture(position: int) -> Image.Image:
        row = kept[position]
        return images.decode(pictures[row].as_py(), f"row {row} of {name}")

    marks = [f"{i} {space.names[t]}" for i, t in zip(ids, targets, strict=True)]
    return Dataset(name, space, targets, tuple(ids), open_picture, hash_all(marks), tuple(refused))


def _read(path: Path, name: str) -> dict[str, pa.ChunkedArray]:
    try:
        schema = pq.read_schema(path)
        image = next((c for c in ("image", "img") if c in schema.names), None)
        if image is None or "label" not in schema.names:
            raise DatasetRefused(f"{name} has the columns {', '.join(schema.names)}. {EXPECTED}")
        extra = [c for c in ("label_name",) if c in schema.names]
        table = pq.read_table(path, columns=[image, "label", *extra])
    except (pa.ArrowException, OSError) as error:
        raise DatasetRefused(f"{name} cannot be read as Parquet: {error}. {EXPECTED}") from error
    found = {column: table[column] for column in ["label", *extra]}
    found["image"] = table[image]
    if pa.types.is_struct(found["image"].type):
        found["image"] = pc.struct_field(found["image"], "bytes")
    kind = found["image"].type
    if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
        raise DatasetRefused(f"The image column of {name} is {kind}, not bytes. {EXPECTED}")
    label = found["label"].type
    if pa.types.is_string(label) or pa.types.is_large_string(label):
        found["label_name"] = found["label"]
        order = pa.array(sorted(set(found["label"].drop_null().to_pylist())))
        found["label"] = pc.index_in(found["label"], value_set=order)
    elif not pa.types.is_integer(label):
        raise DatasetRefused(f"The label column of {name} is {label}, not integer. {EXPECTED}")
    names = _class_label_names(table.schema.metadata)
    if "label_name" not in found and names:
        known = [
            names[i] if i is not None and 0 <= i < len(names) else None
            for i in found["label"].to_pylist()
        ]
        found["label_name"] = pa.chunked_array([pa.array(known, pa.string())])
    return found


def _each(pictures: pa.ChunkedArray) -> Iterator[bytes | None]:
    for chunk in pictures.chunks:
        for scalar in chunk:
            yield scalar.as_py()


def _refusal(data: bytes | None, label: int | None, row: int) -> str | None:
    if label is None or label < 0:
        return "has no label"
    if data is None:
        return "holds no image bytes"
    try:
        images.verify(data, f"row {row}")
    except ImageRefused as error:
        return str(error)
    return None


def _class_label_names(metadata: dict[bytes, bytes] | None) -> list[str] | None:
    try:
        info = json.loads((metadata or {})[b"huggingface"])
        names = info["info"]["features"]["label"]["names"]
    except (KeyError, TypeError, ValueError):
        return None
    return names if isinstance(names, list) else None


def _label_space(
    columns: dict[str, pa.ChunkedArray], labels: list[int], kept: list[int]
) -> tuple[LabelSpace, np.ndarray]:
    found = np.array([labels[row] for row in kept], dtype=np.int64)
    ids, targets = np.unique(found, return_inverse=True)
    named = columns.get("label_name")
    if named is None:
        names = tuple(f"class {i}" for i in ids)
        return LabelSpace(names, is_named=False, ids=tuple(map(int, ids))), targets
    texts = named.to_pylist()
    name_of: dict[int, str] = {}
    for row in kept:
        text = texts[row]
        if text is None or name_of.setdefault(labels[row], text) != text:
            raise DatasetRefused(
                f"Label {labels[row]} is called {text!r} in row {row} and "
                f"{name_of.get(labels[row])!r} before. Give each label one name."
            )
    return LabelSpace(tuple(name_of[int(i)] for i in ids), ids=tuple(map(int, ids))), targets
