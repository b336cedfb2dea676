"""Under which way of preparing its pictures a model is most right: tried on request, never taken.

Weights do not say how the pictures of their training were resized and normalised. Each usual way is
tried on the same examples; the best way of resizing and the best of normalising, together at last.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from usable_core.catalog import implementation
from usable_core.catalog.references import source_of
from usable_core.datasets.dataset import Dataset
from usable_core.errors import UnknownName
from usable_core.evaluations.accuracy import AccuracyConfig
from usable_core.evaluations.recipes import Recipe
from usable_core.evaluations.specs import DatasetSpec, Report, silent
from usable_core.inputs.preprocessing import Preprocessing
from usable_core.measuring import accuracy
from usable_core.metrics.intervals import wilson
from usable_core.metrics.paired import flips, mcnemar_exact
from usable_core.models.model import Model
from usable_core.models.overrides import with_preprocessing

_IMAGENET = {"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225"}
_NORMALISATIONS = {
    "the mean and std of ImageNet": _IMAGENET,
    "mean 0.5 and std 0.5": {"mean": "0.5", "std": "0.5"},
    "pixels from 0 to 1 without normalisation": {"mean": "0", "std": "1"},
}
# Short sides for a crop of 224 pixels: torchvision's first and second recipe, and timm's of 0.9.
_MARGINS = {256: "V1", 232: "V2", 248: "crop_pct 0.9"}


def probe(
    *, model: Model, dataset: Dataset, spec: DatasetSpec, report: Report = silent
) -> tuple[Recipe, ...]:
    """Return how often a model is right under each way of preparing pictures, the present first.

    Args:
        model: Under its present preprocessing.
        dataset: The whole data set.
        spec: Which part of it.
        report: Told the progress of each way; may raise `Cancelled`.

    Raises:
        IncompatibleLabels: the model does not know the data set's classes.
        DatasetRefused: there is nothing to evaluate.
        OutputsRefused: the outputs are not those of a classifier.
        Cancelled: through `report`.
    """
    config = AccuracyConfig(model.spec, spec)

    def correct(settings: Mapping[str, str]) -> NDArray[np.bool_]:
        tried = with_preprocessing(model, settings.items()) if settings else model
        return accuracy.measure(model=tried, dataset=dataset, config=config, report=report).correct

    present = correct({})
    found = [_recipe("the present way", {}, present, present)]
    for title, settings in alternatives(model).items():
        found.append(_recipe(title, settings, present, correct(settings)))
    both = dict(setting for part in _best_parts(found) for setting in part.settings)
    if both and both not in [dict(recipe.settings) for recipe in found]:
        found.append(_recipe("the best of both together", both, present, correct(both)))
    return tuple(found)


def alternatives(model: Model) -> dict[str, dict[str, str]]:
    """Return the ways that differ from a model's present one, by title, as settings of it."""
    now = replace(model.preprocessing, sources={})
    found: dict[str, dict[str, str]] = {}
    seen = [now]
    for title, settings in (*_of_catalog(model), *_usual(now.crop)):
        other = replace(with_preprocessing(model, settings.items()).preprocessing, sources={})
        if other not in seen:
            seen.append(other)
            found[title] = settings
    return found


def _of_catalog(model: Model) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what the source of a model says of other weights of its architecture."""
    try:
        row, name = source_of(model.name)
    except UnknownName:  # a network that was wrapped
        return
    if row.recipes is not None:
        found: dict[str, Preprocessing] = implementation(row.recipes)(name, model)
        yield from ((title, _settings(passport)) for title, passport in found.items())


def _usual(crop: tuple[int, int]) -> Iterator[tuple[str, dict[str, str]]]:
    height, width = crop
    yield "the whole picture squashed", {"resize": f"{height}x{width}"}
    if height == width:
        yield "the short side as long as the crop", {"resize": str(height)}
        for side, name in _MARGINS.items():
            resize = round(height * side / 224)
            yield f"the short side at {resize} ({name})", {"resize": str(resize)}
    yield from _NORMALISATIONS.items()
    for interpolation in ("bilinear", "bicubic"):
        yield f"{interpolation} interpolation", {"interpolation": interpolation}


def _settings(passport: Preprocessing) -> dict[str, str]:
    sides = passport.resize if isinstance(passport.resize, tuple) else (passport.resize,)
    return {
        "resize": "x".join(str(side).lower() for side in sides),
        "crop": "x".join(map(str, passport.crop)),
        "interpolation": passport.interpolation,
        "mean": ",".join(f"{value:.6g}" for value in passport.mean),
        "std": ",".join(f"{value:.6g}" for value in passport.std),
    }


def _best_parts(found: list[Recipe]) -> list[Recipe]:
    """Return the best ways that only resize and that only normalise, where both are better."""
    best = []
    for fields in ({"resize", "interpolation"}, {"mean", "std"}):
        of_kind = [r for r in found[1:] if {name for name, _ in r.settings} <= fields]
        better = [r for r in of_kind if r.accuracy.value > found[0].accuracy.value]
        best += [max(better, key=lambda r: r.accuracy.value)] if better else []
    return best if len(best) == 2 else []


def _recipe(
    title: str,
    settings: Mapping[str, str],
    present: NDArray[np.bool_],
    correct: NDArray[np.bool_],
) -> Recipe:
    return Recipe(
        title,
        tuple(settings.items()),
        wilson(int(correct.sum()), len(correct)),
        mcnemar_exact(*flips(present, correct)),
    )
