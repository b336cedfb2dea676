"""The data sets that have a name; any folder, zip or Parquet file has its path."""

from dataclasses import dataclass
from typing import Literal

from usable_core import settings
from usable_core.catalog import lookup
from usable_core.catalog.hub_data import hub_data, is_hub_data
from usable_core.errors import DatasetRefused, quoted
from usable_core.files import is_folder, placed, resolved, status_of


@dataclass(frozen=True)
class DatasetRow:
    """One named data set.

    Attributes:
        title: As people call it.
        function: Dotted name of `() -> Dataset`.
        has_own_split: Its test images are given with it.
        help: What it is, in a sentence.
        classes: Names of its classes, known before it is read.
        files: What a download leaves in the folder `datasets` of Usable's own; empty where
            nothing has to be downloaded.
        size: Of the download, and its host, in words.
        kind: What its examples are: `picture` or `text`.
        asset: The file in `assets` that it is read from; empty where it is of another package.
    """

    title: str
    function: str
    has_own_split: bool
    help: str
    classes: tuple[str, ...] = ()
    files: str = ""
    size: str = ""
    kind: Literal["picture", "text"] = "picture"
    asset: str = ""


DATASETS = {
    "digits": DatasetRow(
        "Digits",
        "usable_core.datasets.builtin:digits",
        False,
        "1,797 real handwritten digits, 8 × 8 pixels, from scikit-learn (UCI).",
        classes=tuple("0123456789"),
    ),
    "photographs": DatasetRow(
        "Photographs",
        "usable_core.datasets.builtin:photographs",
        True,
        "Five photographs of installed packages, with their ImageNet classes: a first look.",
        classes=("tabby", "espresso", "tripod", "palace", "military uniform"),
    ),
    "cifar10": DatasetRow(
        "CIFAR-10",
        "usable_core.datasets.builtin:cifar10",
        True,
        "60,000 photographs in 10 classes, 32 × 32 pixels, read by torchvision.",
        classes=(
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        files="cifar-10-batches-py",
        size="170 MB from www.cs.toronto.edu",
    ),
    "languages": DatasetRow(
        "Languages",
        "usable_core.datasets.builtin:languages",
        True,
        "Short phrases of Unicode's CLDR, such as names of places and currencies: which of fifteen "
        "languages is it?",
        classes=(
            "Afrikaans",
            "Catalan",
            "Czech",
            "Danish",
            "Dutch",
            "English",
            "French",
            "German",
            "Italian",
            "Norwegian",
            "Polish",
            "Portuguese",
            "Slovak",
            "Spanish",
            "Swedish",
        ),
        kind="text",
        asset="data/languages.tsv.gz",  # lines of a part, a language and a phrase
    ),
}


@dataclass(frozen=True)
class LayoutRow:
    """One way in which data lie in a folder or a zip.

    Attributes:
        help: What it looks like.
        function: Dotted name of `(tree) -> Dataset`, or None where the tree is none of these.
    """

    help: str
    function: str


# Tried in this order; the last one reads the tree or says why it cannot.
LAYOUTS = {
    "texts": LayoutRow(
        "Tables of texts and their labels: train.csv, reviews.jsonl, test.parquet, with columns "
        "text and label.",
        "usable_core.datasets.texts:read_texts",
    ),
    "text_folders": LayoutRow(
        "One subfolder of text files (.txt) per class, or train and test folders of those.",
        "usable_core.datasets.text_folders:read_text_folders",
    ),
    "shards": LayoutRow(
        "Parquet files as on the Hugging Face Hub, such as data/train-00000-of-00002.parquet.",
        "usable_core.datasets.parquet:read_shards",
    ),
    "table": LayoutRow(
        "Pictures and a table of their labels: metadata.csv, metadata.jsonl, labels.csv, "
        "train.csv, _classes.csv.",
        "usable_core.datasets.label_tables:read_label_tables",
    ),
    "class_folders": LayoutRow(
        "One subfolder per class, or train, validation and test folders of those.",
        "usable_core.datasets.class_folders:read_class_folders",
    ),
}

TABLES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")  # of texts, where a file is given by itself

# Kind of path to what reads it: `(path, reference) -> Dataset`.
READERS = {
    "folder": "usable_core.datasets.folder:read_folder",
    ".zip": "usable_core.datasets.archive:read_zip",
    ".parquet": "usable_core.datasets.texts:read_parquet_file",
    **dict.fromkeys(TABLES, "usable_core.datasets.texts:read_text_file"),
    ".txt": "usable_core.datasets.plain_texts:read_plain_texts",
}
HUB = "usable_core.datasets.hub:read_hub"


def reader_of(reference: str) -> str:
    """Return the dotted name of what reads the data at a path, or of a named data set.

    Raises:
        UnknownName: neither a known name nor a path.
        DatasetRefused: nothing is at the path, or something else than data.
    """
    if reference in DATASETS:
        return DATASETS[reference].function
    if is_hub_data(reference):
        hub_data(reference)
        return HUB
    path = placed(reference)
    kind = "folder" if is_folder(path) else path.suffix.lower()
    if status_of(path) is None:
        if path.is_relative_to(settings.home() / "uploads"):
            raise DatasetRefused(
                "This archive was uploaded here and has been deleted since. Upload it again."
            )
        if "/" in reference or kind in READERS:
            raise DatasetRefused(
                f"There is no file or folder {quoted(reference)} that can be looked at. Check the "
                f"path, or choose one of the named data sets: {', '.join(DATASETS)}."
            )
        lookup(DATASETS, "data set", reference)
    if kind not in READERS:
        raise DatasetRefused(
            f"{quoted(reference)} is neither a folder, a .zip, a .parquet, a table of texts "
            "(.csv, .tsv, .jsonl, .json) nor plain texts (.txt). Give a folder with one subfolder "
            "per class or a table of labels, a zip of one, or a file of pictures or texts."
        )
    return READERS[kind]


def absolute_data(reference: str) -> str:
    """Return a reference that means the same data in every folder."""
    path = placed(reference)
    is_there = reference not in DATASETS and status_of(path) is not None
    return resolved(reference) if is_there else reference
