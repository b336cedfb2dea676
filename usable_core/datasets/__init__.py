"""`load_dataset`: a reference (a name, a folder, a zip, a Parquet file) to a `Dataset`."""

from dataclasses import replace
from pathlib import Path
from typing import cast, get_args

from usable_core.catalog import implementation
from usable_core.catalog.datasets import DATASETS, reader_of
from usable_core.datasets.dataset import Dataset, select
from usable_core.datasets.unlabelled import WithoutClasses
from usable_core.errors import UnknownName
from usable_core.evaluations.specs import DatasetSpec, Split
from usable_core.files import placed

__all__ = ["Dataset", "load_dataset", "load_examples"]


def load_dataset(
    reference: DatasetSpec | str | Path,
    split: str | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
) -> Dataset:
    """Return the data set that `reference` names, or the part of it that is asked for.

    Args:
        reference: A name of `catalog.datasets.DATASETS`, or the path of a class-per-folder
            directory, a zip of one, or a Parquet file in the Hugging Face convention, or
            `hf/ID[@REVISION][:NAME]`, a data set of the Hugging Face Hub; or a `DatasetSpec`, which
            says everything.
        split: `train`, `validation`, `test` or `all`; None is `all`.
        limit: At most this many examples, drawn stratified by class.
        seed: Of the split and of that draw.

    Raises:
        UnknownName: neither a known name nor a path; or an unknown split.
        DatasetRefused: it cannot be read, or the part is empty.
        ConfigError: limit is below 1.
    """
    if isinstance(reference, DatasetSpec):
        return replace(select(_whole(reference.reference), reference), spec=reference)
    if split is not None and split not in get_args(Split):
        raise UnknownName("split", split, get_args(Split))
    spec = DatasetSpec(str(reference), cast(Split, split or "all"), limit, seed)
    return replace(select(_whole(spec.reference), spec), spec=spec)


def load_examples(reference: str) -> Dataset:
    """Return the whole data set that `reference` names, also where nothing says any classes.

    Raises:
        DatasetRefused: it cannot be read.
    """
    try:
        return load_dataset(reference)
    except WithoutClasses as refusal:
        return refusal.pictures()


def _whole(reference: str) -> Dataset:
    read = implementation(reader_of(reference))
    is_named = reference in DATASETS
    return cast(Dataset, read() if is_named else read(placed(reference), reference))
