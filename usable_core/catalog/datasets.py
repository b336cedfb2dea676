"""The data sets that have a name; any folder, zip or Parquet file has its path."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetRow:
    """One named data set."""

    title: str
    function: str
    has_own_split: bool
    help: str


DATASETS = {
    "digits": DatasetRow(
        "Digits",
        "usable_core.datasets.builtin:digits",
        False,
        "1,797 real handwritten digits, 8 × 8 pixels, from scikit-learn (UCI).",
    ),
    "cifar10": DatasetRow(
        "CIFAR-10",
        "usable_core.datasets.builtin:cifar10",
        True,
        "60,000 photographs in 10 classes, 32 × 32 pixels, read by torchvision.",
    ),
}
