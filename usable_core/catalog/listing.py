"""The names that can be chosen, for a person at a prompt; the tables say more about each."""

from usable_core.catalog.corruptions import CORRUPTIONS
from usable_core.catalog.datasets import DATASETS
from usable_core.catalog.explainers import EXPLAINERS
from usable_core.catalog.references import list_references
from usable_core.catalog.text_attacks import KNOWN


def list_models() -> tuple[str, ...]:
    """Return the bundled backbones and the suggested ones; `torchvision/…` and `timm/…` have more.

    Weights that are not bundled are downloaded when they are first used.
    """
    return list_references()


def list_datasets() -> tuple[str, ...]:
    """Return the data sets that have a name; any other is named by its path."""
    return tuple(DATASETS)


def list_attacks() -> tuple[str, ...]:
    """Return the attacks of `evaluate_robustness`, and of `attack` those on pictures."""
    return tuple(KNOWN)


def list_explainers() -> tuple[str, ...]:
    """Return the methods of `explain`."""
    return tuple(EXPLAINERS)


def list_corruptions() -> tuple[str, ...]:
    """Return the corruptions of `evaluate_corruption`."""
    return tuple(CORRUPTIONS)
