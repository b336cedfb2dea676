"""`load_dataset`: a reference (a name, a folder, a zip, a Parquet file) to a `Dataset`."""

from pathlib import Path
from typing import cast, get_args

from usable_core.catalog import implementation, lookup
from usable_core.catalog.datasets import DATASETS
from usable_core.datasets.dataset import Dataset, select
from usable_core.errors import DatasetRefused, UnknownName
from usable_core.evaluations.specs import DatasetSpec, Split

# Kind of path to what reads it.
READERS = {
    "folder": "usable_core.datasets.folder:read_folder",
    ".zip": "usable_core.datasets.archive:read_zip",
    ".parquet": "usable_core.datasets.parquet:read_parquet",
}

__all__ = ["Dataset", "load_dataset"]


def load_dataset(
    reference: str, split: str | None = None, *, limit: int | None = None, seed: int = 0
) -> Dataset:
    """Return the data set that `reference` names, or the part of it that is asked for.

    Args:
        reference: A name of `catalog.datasets.DATASETS`, or the path of a class-per-folder
            directory, a zip of one, or a Parquet file in the Hugging Face convention.
        split: `train`, `validation`, `test` or `all`; None is `all`.
        limit: At most this many examples, drawn stratified by class.
        seed: Of the split and of that draw.

    Raises:
        UnknownName: neither a known name nor a path; or an unknown split.
        DatasetRefused: it cannot be read, or the part is empty.
        ConfigError: limit is below 1.
    """
    if split is not None and split not in get_args(Split):
        raise UnknownName("split", split, get_args(Split))
    spec = DatasetSpec(reference, cast(Split, split or "all"), limit, seed)
    return select(_whole(reference), spec)


def _whole(reference: str) -> Dataset:
    if reference in DATASETS:
        return cast(Dataset, implementation(DATASETS[reference].function)())
    path = Path(reference).expanduser()
    kind = "folder" if path.is_dir() else path.suffix.lower()
    if not path.exists():
        if "/" in reference or kind in READERS:
            raise DatasetRefused(
                f"There is no file or folder {reference!r}. Check the path, or choose one of the "
                f"named data sets: {', '.join(DATASETS)}."
            )
        lookup(DATASETS, "data set", reference)
    if kind not in READERS:
        raise DatasetRefused(
            f"{reference} is neither a folder, a .zip nor a .parquet file. Give a folder with one "
            "subfolder per class, a zip of one, or a Parquet file with image and label columns."
        )
    return cast(Dataset, implementation(READERS[kind])(path, reference))
