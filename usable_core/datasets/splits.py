"""Which images of a data set are trained on, and which images a part of it holds, in words."""

from pathlib import Path

from usable_core.datasets.dataset import Dataset, stratified_parts
from usable_core.errors import UsableError
from usable_core.evaluations.specs import DatasetSpec, require

VALIDATION_SHARE = 0.04  # of a data set that is given whole to training


def training_splits(dataset: Dataset, spec: DatasetSpec) -> tuple[Dataset, Dataset]:
    """Return the training and the validation split; test images are in neither.

    `split="all"` gives the whole data set to training but for 4 % of each class, for data whose
    test images are elsewhere.

    Raises:
        ConfigError: a split that training does not use is asked for.
        UsableError: the training split holds a single image.
    """
    require(
        spec.split in ("auto", "train", "all"),
        "split",
        "auto, train or all for training, which selects on the validation split and is never on "
        "the test split",
        spec.split,
    )
    if spec.split == "all":
        parts = stratified_parts(
            dataset.targets,
            {"train": 1 - VALIDATION_SHARE, "validation": VALIDATION_SHARE},
            spec.seed,
        )
        train, validation = (dataset.take(parts[p], p) for p in ("train", "validation"))
    else:
        train, validation = (dataset.split(p, seed=spec.seed) for p in ("train", "validation"))
    train = train.sample(spec.limit, seed=spec.seed)
    if len(train) < 2:
        raise UsableError(
            f"Training needs at least 2 images, but {train.name} gives {len(train)}. Raise the "
            "limit, or give more images."
        )
    return train, validation.sample(spec.limit, seed=spec.seed)


def described(part: Dataset) -> str:
    """Return which images a part of a data set holds, in words."""
    return f"{len(part)} images of {Path(part.name).name} ({part.split_name})"
