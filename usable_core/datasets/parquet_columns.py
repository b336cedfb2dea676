"""What a Parquet file says of its columns: types, sizes and names, checked before they are used."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

import pyarrow as pa
import pyarrow.parquet as pq

from usable_core.errors import DatasetRefused, quoted

# Pictures hardly compress; a bomb does. Small files may hold a few flat pictures.
MAX_RATIO = 100
RATIO_MATTERS_FROM = 64 * 2**20
_AT_ONCE = 2**28  # bytes that are unpacked in one step, as far as the file tells the truth
MOST_PLAIN = 100  # columns beside pictures and labels
_ROWS = 64  # at most in one step: a file may lie


def check_schema(schema: pa.Schema, used: Sequence[str], name: str) -> None:
    """Check that columns are there once, and that names of classes are texts.

    Args:
        schema: Of the file.
        used: Columns of pictures, of labels and, where there is one, of their names.
        name: What the file is called in the sentence of a refusal.

    Raises:
        DatasetRefused: they are not.
    """
    for column in used:
        if schema.names.count(column) > 1:
            raise DatasetRefused(
                f"{name} has several columns called {quoted(column)}. Give each a name of its own."
            )
    for column in used[2:]:
        kind = schema.field(column).type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if not (is_text or pa.types.is_null(kind)):
            raise DatasetRefused(
                f"The column {quoted(column)} of {name} holds {kind}, but names of classes are "
                "texts. Leave it out, or write the names as texts."
            )


def plain_columns(schema: pa.Schema, but: Sequence[str]) -> list[str]:
    """Return the columns of single values, numbers, texts or times, that are not among others."""

    def is_plain(kind: pa.DataType) -> bool:
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        is_of = (
            *(pa.types.is_boolean, pa.types.is_integer, pa.types.is_floating, pa.types.is_string),
            *(pa.types.is_large_string, pa.types.is_date, pa.types.is_timestamp),
        )
        return any(check(kind) for check in is_of)

    count = Counter(schema.names)
    once = (field for field in schema if count[field.name] == 1 and field.name not in but)
    return list(islice((field.name for field in once if is_plain(field.type)), MOST_PLAIN))


def read_columns(file: pq.ParquetFile, columns: list[str], name: str, size: int) -> pa.Table:
    """Return columns of a file, read in steps, so that one that unpacks without bound ends.

    Args:
        file: The file.
        columns: Their names.
        name: What the file is called in the sentence of a refusal.
        size: Bytes of the file.

    Raises:
        DatasetRefused: it unpacks to much more than its size.
    """
    groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
    largest = max((group.total_byte_size for group in groups), default=0)
    most = max(RATIO_MATTERS_FROM, MAX_RATIO * size)
    rows = max(1, min(_ROWS, _AT_ONCE // max(largest, 1)))
    batches, taken = [], 0
    for packed in file.iter_batches(rows, columns=columns):
        batch = _unpacked(packed)
        batches.append(batch)
        taken += batch.nbytes
        if taken > most:
            raise DatasetRefused(
                f"{name} unpacks to more than {MAX_RATIO} times its size, as bombs do and pictures "
                "do not. Give a folder of pictures."
            )
    whole = file.schema_arrow  # made anew each time it is asked for
    schema = pa.schema([whole.field(column) for column in columns])
    return pa.Table.from_batches(batches, batches[0].schema if batches else schema)


def _unpacked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return rows with the values of categories in place of their numbers."""
    columns = [
        column.dictionary_decode() if isinstance(column, pa.DictionaryArray) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, batch.schema.names)


def class_names(metadata: Mapping[bytes, bytes] | None, column: str, name: str) -> list[str] | None:
    """Return the class names that Hugging Face's metadata give, None where they give none.

    Raises:
        DatasetRefused: they are no texts.
    """
    try:
        feature = json.loads((metadata or {})[b"huggingface"])["info"]["features"][column]
        feature = feature[0] if isinstance(feature, list) else feature.get("feature", feature)
        names = feature["names"]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError):
        return None
    if not isinstance(names, list):
        return None
    for one in names:
        if not isinstance(one, str):
            raise DatasetRefused(
                f"The metadata of {name} name a class {quoted(one)}, but names of classes are "
                "texts. Correct them, or give the names as the column label_name."
            )
    return names
