"""Usable from Python: where does a model fail?"""

from pathlib import Path
from typing import TYPE_CHECKING

from usable_core.arguments import dataset_of
from usable_core.errors import ConfigError, quoted
from usable_core.evaluations.accuracy import AccuracyResult
from usable_core.evaluations.specs import DatasetSpec, require
from usable_core.verdicts.slices import LEAST, Slices, worst_of

if TYPE_CHECKING:
    from usable_core.arguments import DatasetLike


def worst_slices(
    result: AccuracyResult, dataset: "DatasetLike | None" = None, *, least: int = LEAST
) -> Slices:
    """Return the slices of the examples on which a model is shown to be worse than on the rest.

    Looked at are the class, brightness, contrast, size and shape of the picture, the confidence,
    and the data's own columns (such as the camera), alone and in pairs; the answer is corrected for
    the number of slices searched.

    Args:
        result: What `evaluate_accuracy` returned.
        dataset: Where to read looks and columns of the pictures, as `evaluate_accuracy` takes it;
            those in the result's records when not given.
        least: Smallest number of examples in a slice.

    Raises:
        ConfigError: the result is of another kind.
        DatasetRefused: the data are not those that were measured.
        UsableError: they cannot be loaded.
    """
    if not isinstance(result, AccuracyResult):
        raise ConfigError(
            "worst_slices takes what evaluate_accuracy returned, but this is a "
            f"{quoted(type(result).__name__)}. Measure the accuracy first."
        )
    require(least >= 1, "least", "at least 1", least)
    if dataset is not None:
        from usable_core.datasets import load_dataset
        from usable_core.measuring.about_pictures import described

        is_named = isinstance(dataset, str | Path | DatasetSpec)
        name = dataset.reference if isinstance(dataset, DatasetSpec) else str(dataset)
        result = described(result, load_dataset(name) if is_named else dataset_of(dataset))
    return worst_of(result, least=least)
